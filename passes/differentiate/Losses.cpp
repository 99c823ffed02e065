// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/differentiate/Losses.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace mlir::dl;

namespace dl {

std::optional<Loss> parseLoss(StringRef name) {
  return llvm::StringSwitch<std::optional<Loss>>(name)
      .Case("cross_entropy", Loss::CrossEntropy)
      .Case("nll", Loss::Nll)
      .Case("mse", Loss::Mse)
      .Case("l1", Loss::L1)
      .Case("huber", Loss::Huber)
      .Case("bce", Loss::Bce)
      .Case("bce_logits", Loss::BceLogits)
      .Case("kl", Loss::Kl)
      .Default(std::nullopt);
}

std::optional<Objective> parseObjective(StringRef text) {
  auto [kind, output] = text.split(':');
  if (kind == "output" && (!output.empty() || text == kind))
    return Objective{std::nullopt, output.str()};
  if (auto loss = parseLoss(text))
    return Objective{loss, {}};
  return std::nullopt;
}

bool hasClassLabels(Loss loss) {
  return loss == Loss::CrossEntropy || loss == Loss::Nll;
}

int64_t getClassDim(RankedTensorType predictions) {
  return predictions.getRank() == 1 ? 0 : 1;
}

RankedTensorType getLabelType(Loss loss, RankedTensorType of) {
  if (!isa<FloatType>(of.getElementType()))
    return {};
  if (!hasClassLabels(loss))
    return of;
  if (of.getRank() == 0)
    return {};
  SmallVector<AffineExpr> dims = getDims(of);
  dims.erase(dims.begin() + getClassDim(of));
  return getTensorType(dims, IntegerType::get(of.getContext(), 64));
}

/// Of each label, the logarithm of its class's probability. Written as a sum
/// over classes, its gradient needs no scatter, and all of it one kernel.
static Value pick(const Calculus &math, Value logarithms, Value labels) {
  RankedTensorType type = Calculus::type(logarithms);
  int64_t dim = getClassDim(type);
  SmallVector<AffineExpr> dims = getDims(type), ones(dims.size());
  for (auto [i, one] : llvm::enumerate(ones))
    one = static_cast<int64_t>(i) == dim ? dims[dim] : math.constant(1);
  Type i64 = Calculus::element(labels);
  Value classes = math.create<IotaOp>(getTensorType(ones, i64), dim);
  dims[dim] = math.constant(1);
  Value isLabel =
      math.compare(Predicate::Eq, math.reshape(labels, dims), classes);
  return math.sum(math.select(isLabel, logarithms, math.number(0, logarithms)),
                  dim,
                  /*keepDims=*/false);
}

static Value buildNll(const Calculus &math, Value logarithms, Value labels,
                      double smoothing) {
  Value loss = math.neg(math.meanAll(pick(math, logarithms, labels)));
  if (smoothing == 0)
    return loss;
  Value uniform = math.neg(math.meanAll(logarithms));
  return math.add(math.mul(loss, 1 - smoothing), math.mul(uniform, smoothing));
}

static Value buildHuber(const Calculus &math, Value difference) {
  Value size = math.abs(difference);
  Value squared = math.mul(math.square(difference), 0.5);
  return math.meanAll(math.select(math.compare(Predicate::Lt, size, 1.0),
                                  squared, math.add(size, -0.5)));
}

/// PyTorch's bound of the logarithms keeps the loss finite.
static Value buildBce(const Calculus &math, Value p, Value labels) {
  Value bound = math.number(-100, p);
  Value hit = math.max(math.log(p), bound);
  Value miss = math.max(math.log(math.sub(1, p)), bound);
  return math.neg(math.meanAll(
      math.add(math.mul(labels, hit), math.mul(math.sub(1, labels), miss))));
}

/// max(x, 0) - x * y + log(1 + exp(-|x|)), which overflows nowhere.
static Value buildBceOfLogits(const Calculus &math, Value x, Value labels) {
  Value tail = math.log(math.add(math.exp(math.neg(math.abs(x))), 1));
  Value rectified = math.max(x, math.number(0, x));
  return math.meanAll(math.add(math.sub(rectified, math.mul(x, labels)), tail));
}

/// Where a target is 0, it adds nothing.
static Value buildKl(const Calculus &math, Value logarithms, Value targets) {
  Value isPositive = math.compare(Predicate::Gt, targets, 0.0);
  Value safe = math.select(isPositive, targets, math.number(1, targets));
  return math.meanAll(math.mul(targets, math.sub(math.log(safe), logarithms)));
}

Value buildLoss(const Calculus &math, Loss loss, Value predictions,
                Value labels, double smoothing) {
  Type element = Calculus::element(predictions);
  Type wide = element.isF64() ? element : math.builder.getF32Type();
  Value x = math.cast(predictions, wide);
  Value y = hasClassLabels(loss) ? labels : math.cast(labels, wide);
  switch (loss) {
  case Loss::CrossEntropy:
    return buildNll(math,
                    math.create<SoftmaxOp>(x, getClassDim(Calculus::type(x)),
                                           /*log=*/true),
                    y, smoothing);
  case Loss::Nll:
    return buildNll(math, x, y, smoothing);
  case Loss::Mse:
    return math.meanAll(math.square(math.sub(x, y)));
  case Loss::L1:
    return math.meanAll(math.abs(math.sub(x, y)));
  case Loss::Huber:
    return buildHuber(math, math.sub(x, y));
  case Loss::Bce:
    return buildBce(math, x, y);
  case Loss::BceLogits:
    return buildBceOfLogits(math, x, y);
  case Loss::Kl:
    return buildKl(math, x, y);
  }
  return {};
}

} // namespace dl
