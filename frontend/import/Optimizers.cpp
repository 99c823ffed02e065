// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Training (ai.onnx.preview.training): derivatives, and steps of optimizers,
// whose inputs are the rate, the number of updates so far, and lists of
// tensors, each as long as the list of weights.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

namespace {

/// One weight's part of a step.
class Update {
public:
  /// Of `count` weights the i-th.
  Update(NodeContext &context, size_t i, size_t count)
      : context(context), math(context), i(i), count(count) {}

  /// The tensor of list `number`: 0 has the weights, 1 their gradients.
  Value get(size_t number) const {
    return context.input(2 + number * count + i);
  }

  /// The rate and the number of updates, as numbers of the weight's type.
  Value getRate() const { return toScalar(context.input(0)); }
  Value getCount() const { return toScalar(context.input(1)); }

  /// The gradient with the norm's share.
  Value getGradient() const {
    return math.add(math.mul(get(0), getNumber("norm_coefficient", 0)), get(1));
  }

  double getNumber(StringRef name, float byDefault) const {
    return context.getFloat(name, byDefault);
  }

  NodeContext &context;
  Arithmetic math;

private:
  Value toScalar(Value value) const {
    if (!value || !get(0))
      return Value();
    return context.cast(context.reshape(value, {}),
                        NodeContext::elementType(get(0)));
  }

  size_t i, count;
};

} // namespace

/// Runs `step` for each weight; result k of all of them comes before k + 1.
/// `lists` are the lists of inputs.
static LogicalResult
importStep(NodeContext &context, size_t lists,
           function_ref<SmallVector<Value>(const Update &)> step) {
  size_t tensors =
      context.numInputs() - std::min<size_t>(context.numInputs(), 2);
  if (tensors == 0 || tensors % lists)
    return context.invalid("its " + Twine(tensors) +
                           " tensors are not lists of one length");
  size_t count = tensors / lists;
  SmallVector<SmallVector<Value>> results;
  for (size_t i = 0; i < count; ++i) {
    SmallVector<Value> values = step(Update(context, i, count));
    results.resize(values.size());
    for (auto [list, value] : llvm::zip(results, values))
      list.push_back(value);
  }
  SmallVector<Value> all;
  for (const SmallVector<Value> &list : results)
    llvm::append_range(all, list);
  return context.setResults(all);
}

/// Duchi, Hazan and Singer, "Adaptive Subgradient Methods", 2011.
static LogicalResult importAdagrad(NodeContext &context) {
  return importStep(context, 3, [](const Update &update) -> SmallVector<Value> {
    const Arithmetic &math = update.math;
    Value decay =
        math.mul(update.getCount(), update.getNumber("decay_factor", 0));
    Value rate = math.div(update.getRate(), math.add(decay, 1.0));
    Value gradient = update.getGradient();
    Value squares = math.add(update.get(2), math.square(gradient));
    Value scale = math.add(math.sqrt(squares), update.getNumber("epsilon", 0));
    Value step = math.div(math.mul(rate, gradient), scale);
    return {math.sub(update.get(0), step), squares};
  });
}

/// Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015.
static LogicalResult importAdam(NodeContext &context) {
  return importStep(context, 4, [](const Update &update) -> SmallVector<Value> {
    const Arithmetic &math = update.math;
    double alpha = update.getNumber("alpha", 0.9f);
    double beta = update.getNumber("beta", 0.999f);
    Value gradient = update.getGradient();
    Value means =
        math.add(math.mul(update.get(2), alpha), math.mul(gradient, 1 - alpha));
    Value squares = math.add(math.mul(update.get(3), beta),
                             math.mul(math.square(gradient), 1 - beta));
    Value scale = math.add(math.sqrt(squares), update.getNumber("epsilon", 0));
    // The means start at zero; from the second step on, that is made up for.
    Value count = update.getCount(), rate = update.getRate();
    Value corrected = math.div(
        math.mul(rate, math.sqrt(math.sub(1.0, math.pow(beta, count)))),
        math.sub(1.0, math.pow(alpha, count)));
    rate =
        math.select(math.compare(Predicate::Gt, count, 0.0), corrected, rate);
    Value step = math.div(math.mul(rate, means), scale);
    Value next = math.mul(math.sub(update.get(0), step),
                          1 - update.getNumber("norm_coefficient_post", 0));
    return {next, means, squares};
  });
}

/// Sutskever et al., "On the Importance of Initialization and Momentum in Deep
/// Learning", 2013.
static LogicalResult importMomentum(NodeContext &context) {
  std::string mode = context.getString("mode", "");
  if (mode != "standard" && mode != "nesterov")
    return context.invalid("its mode is neither 'standard' nor 'nesterov'");
  return importStep(
      context, 3, [&](const Update &update) -> SmallVector<Value> {
        const Arithmetic &math = update.math;
        double alpha = update.getNumber("alpha", 0);
        Value gradient = update.getGradient();
        Value isLater = math.compare(Predicate::Gt, update.getCount(), 0.0);
        Value share = math.select(
            isLater, math.mul(gradient, update.getNumber("beta", 0)), gradient);
        Value momentum = math.add(math.mul(update.get(2), alpha), share);
        Value direction = mode == "standard"
                              ? momentum
                              : math.add(gradient, math.mul(momentum, alpha));
        Value step = math.mul(update.getRate(), direction);
        return {math.sub(update.get(0), step), momentum};
      });
}

/// Derivatives of `y` by `xs`, names of the graph. The inputs are where they
/// are taken: values of xs, then of zs, which `y` also follows from.
static LogicalResult importGradient(NodeContext &context) {
  auto names = context.getStrings("xs");
  if (!names || names->empty())
    return context.invalid("its attribute xs names no tensors");
  SmallVector<std::string> all = *names;
  if (auto others = context.getStrings("zs"))
    llvm::append_range(all, *others);
  if (all.size() != context.numInputs())
    return context.invalid("it has " + Twine(context.numInputs()) +
                           " inputs, expected one for each of xs and zs");
  std::string target = context.getString("y", "");
  Value y = context.valueOf(target);
  if (!y || !isa<RankedTensorType>(y.getType()))
    return context.invalid("y, '" + target + "', is no tensor before it");
  SmallVector<Value> variables;
  for (auto [i, name] : llvm::enumerate(all)) {
    Value value = context.valueOf(name);
    if (!value || value != context.input(i))
      return context.unsupported("derivatives at other values than those of '" +
                                 name + "' in the graph are not supported");
    if (i < names->size())
      variables.push_back(value);
  }
  for (Value value : variables)
    if (!isa<FloatType>(NodeContext::elementType(value)))
      return context.invalid("one of xs is no tensor of floats");
  SmallVector<Type> types(ValueRange(variables).getTypes());
  OperationState state(context.loc, GradientOp::getOperationName());
  GradientOp::build(context.builder, state, types, y, variables);
  return context.setResults(context.builder.create(state)->getResults());
}

void frontend::addOptimizerRules(RuleTable &table) {
  constexpr StringLiteral kDomain = "ai.onnx.preview.training";
  table.add(kDomain, "Gradient", 1, importGradient);
  table.add(kDomain, "Adagrad", 1, importAdagrad);
  table.add(kDomain, "Adam", 1, importAdam);
  table.add(kDomain, "Momentum", 1, importMomentum);
}
