// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/differentiate/Optimizers.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace mlir::dl;

namespace dl {

std::optional<Optimizer> parseOptimizer(StringRef name) {
  return llvm::StringSwitch<std::optional<Optimizer>>(name)
      .Case("sgd", Optimizer::Sgd)
      .Case("adam", Optimizer::Adam)
      .Case("adamw", Optimizer::AdamW)
      .Case("adagrad", Optimizer::Adagrad)
      .Case("rmsprop", Optimizer::RmsProp)
      .Case("lamb", Optimizer::Lamb)
      .Case("lion", Optimizer::Lion)
      .Default(std::nullopt);
}

static bool correctsBias(Optimizer kind) {
  return kind == Optimizer::Adam || kind == Optimizer::AdamW ||
         kind == Optimizer::Lamb;
}

SmallVector<StringRef, 2> getSlots(const OptimizerOptions &options) {
  switch (options.kind) {
  case Optimizer::Sgd:
    if (options.momentum == 0)
      return {};
    return {"momentum"};
  case Optimizer::Adam:
  case Optimizer::AdamW:
  case Optimizer::Lamb:
    return {"mean", "square"};
  case Optimizer::Adagrad:
    return {"square"};
  case Optimizer::RmsProp:
    if (options.momentum == 0)
      return {"square"};
    return {"square", "momentum"};
  case Optimizer::Lion:
    return {"mean"};
  }
  return {};
}

/// 1 - beta^n. In f64: beta2^n is close to 1 for the first updates.
static Value oneMinusPower(const Calculus &math, double beta, Value number) {
  return math.sub(1, math.pow(math.number(beta, number), number));
}

UpdateFactors buildFactors(const Calculus &math,
                           const OptimizerOptions &options, Value rate,
                           Value number) {
  UpdateFactors factors{rate, {}, {}};
  if (!correctsBias(options.kind))
    return factors;
  Value n = math.cast(number, math.builder.getF64Type());
  Type f32 = Calculus::element(rate);
  Value mean = oneMinusPower(math, options.beta1, n);
  Value square = math.sqrt(oneMinusPower(math, options.beta2, n));
  Value one = math.number(1, n);
  factors.meanScale = math.cast(math.div(one, mean), f32);
  factors.squareScale = math.cast(math.div(one, square), f32);
  return factors;
}

/// old * decay + value * (1 - decay).
static Value mix(const Calculus &math, Value old, Value value, double decay) {
  return math.add(math.mul(old, decay), math.mul(value, 1 - decay));
}

/// Polyak, "Some Methods of Speeding up the Convergence of Iteration Methods",
/// 1964; with Nesterov's look ahead as Sutskever et al., 2013, write it.
static Updated updateSgd(const Calculus &math, const OptimizerOptions &options,
                         const UpdateFactors &factors, Value p, Value g,
                         ArrayRef<Value> slots) {
  if (slots.empty())
    return {math.sub(p, math.mul(g, factors.rate)), {}};
  Value momentum = math.add(math.mul(slots[0], options.momentum), g);
  Value step = options.nesterov
                   ? math.add(g, math.mul(momentum, options.momentum))
                   : momentum;
  return {math.sub(p, math.mul(step, factors.rate)), {momentum}};
}

/// The direction of Adam (Kingma and Ba, 2015), from means and squares whose
/// start at zero is made up for, and the new means.
static std::pair<Value, SmallVector<Value, 2>>
getAdamStep(const Calculus &math, const OptimizerOptions &options,
            const UpdateFactors &factors, Value g, ArrayRef<Value> slots) {
  Value mean = mix(math, slots[0], g, options.beta1);
  Value square = mix(math, slots[1], math.square(g), options.beta2);
  Value root = math.add(math.mul(math.sqrt(square), factors.squareScale),
                        options.epsilon);
  return {math.div(math.mul(mean, factors.meanScale), root), {mean, square}};
}

/// With AdamW, the weight decays apart from the gradient (Loshchilov and
/// Hutter, 2019); with Adam, its share has been added to it.
static Updated updateAdam(const Calculus &math, const OptimizerOptions &options,
                          const UpdateFactors &factors, Value p, Value g,
                          ArrayRef<Value> slots) {
  auto [step, next] = getAdamStep(math, options, factors, g, slots);
  if (options.kind == Optimizer::AdamW && options.weightDecay != 0)
    p = math.mul(p, math.sub(1, math.mul(factors.rate, options.weightDecay)));
  return {math.sub(p, math.mul(step, factors.rate)), next};
}

/// You et al., "Large Batch Optimization for Deep Learning", 2020: Adam's step,
/// scaled to the parameter's norm.
static Updated updateLamb(const Calculus &math, const OptimizerOptions &options,
                          const UpdateFactors &factors, Value p, Value g,
                          ArrayRef<Value> slots) {
  auto [step, next] = getAdamStep(math, options, factors, g, slots);
  step = math.add(step, math.mul(p, options.weightDecay));
  auto norm = [&](Value x) { return math.sqrt(math.sumAll(math.square(x))); };
  Value weight = norm(p), length = norm(step), one = math.number(1, p);
  Value hasBoth = math.create<AndOp>(math.compare(Predicate::Gt, weight, 0.0),
                                     math.compare(Predicate::Gt, length, 0.0));
  Value trust = math.select(hasBoth, math.div(weight, length), one);
  return {math.sub(p, math.mul(step, math.mul(factors.rate, trust))), next};
}

/// Duchi, Hazan and Singer, "Adaptive Subgradient Methods", 2011.
static Updated updateAdagrad(const Calculus &math,
                             const OptimizerOptions &options,
                             const UpdateFactors &factors, Value p, Value g,
                             ArrayRef<Value> slots) {
  Value square = math.add(slots[0], math.square(g));
  Value step = math.div(g, math.add(math.sqrt(square), options.epsilon));
  return {math.sub(p, math.mul(step, factors.rate)), {square}};
}

/// Hinton, "Neural Networks for Machine Learning", lecture 6e, 2012.
static Updated updateRmsProp(const Calculus &math,
                             const OptimizerOptions &options,
                             const UpdateFactors &factors, Value p, Value g,
                             ArrayRef<Value> slots) {
  Value square = mix(math, slots[0], math.square(g), options.alpha);
  Value step = math.div(g, math.add(math.sqrt(square), options.epsilon));
  if (slots.size() == 1)
    return {math.sub(p, math.mul(step, factors.rate)), {square}};
  Value momentum = math.add(math.mul(slots[1], options.momentum), step);
  return {math.sub(p, math.mul(momentum, factors.rate)), {square, momentum}};
}

/// Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023.
static Updated updateLion(const Calculus &math, const OptimizerOptions &options,
                          const UpdateFactors &factors, Value p, Value g,
                          ArrayRef<Value> slots) {
  Value step = math.create<SignOp>(mix(math, slots[0], g, options.beta1));
  step = math.add(step, math.mul(p, options.weightDecay));
  return {math.sub(p, math.mul(step, factors.rate)),
          {mix(math, slots[0], g, options.beta2)}};
}

/// Whether the decay of weights is a part of the gradient.
static bool decaysInGradient(Optimizer kind) {
  return kind == Optimizer::Sgd || kind == Optimizer::Adam ||
         kind == Optimizer::Adagrad || kind == Optimizer::RmsProp;
}

Updated buildUpdate(const Calculus &math, const OptimizerOptions &options,
                    const UpdateFactors &factors, Value parameter,
                    Value gradient, ArrayRef<Value> slots) {
  Type element = Calculus::element(parameter);
  Type wide = Calculus::element(factors.rate);
  Value p = math.cast(parameter, wide), g = math.cast(gradient, wide);
  if (decaysInGradient(options.kind) && options.weightDecay != 0)
    g = math.add(g, math.mul(p, options.weightDecay));
  auto update = [&]() -> Updated {
    switch (options.kind) {
    case Optimizer::Sgd:
      return updateSgd(math, options, factors, p, g, slots);
    case Optimizer::Adam:
    case Optimizer::AdamW:
      return updateAdam(math, options, factors, p, g, slots);
    case Optimizer::Lamb:
      return updateLamb(math, options, factors, p, g, slots);
    case Optimizer::Adagrad:
      return updateAdagrad(math, options, factors, p, g, slots);
    case Optimizer::RmsProp:
      return updateRmsProp(math, options, factors, p, g, slots);
    case Optimizer::Lion:
      return updateLion(math, options, factors, p, g, slots);
    }
    return {};
  };
  Updated updated = update();
  updated.parameter = math.cast(updated.parameter, element);
  return updated;
}

} // namespace dl
