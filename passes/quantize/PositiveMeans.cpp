// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/quantize/PositiveMeans.h"
#include "ir/dialect/Dialect.h"
#include "ir/ops/Scalars.h"
#include "ir/reference/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace mlir::dl;

static bool isFloat(Value value) {
  return isa<FloatType>(getElementTypeOrSelf(value.getType()));
}

PositiveMeans::PositiveMeans(func::FuncOp function) {
  function.walk<WalkOrder::PreOrder>([&](Operation *op) { visit(op); });
}

bool PositiveMeans::isPositive(Value value) const {
  return getSign(value) != Sign::Unknown;
}

//===----------------------------------------------------------------------===//
// Samples
//===----------------------------------------------------------------------===//

/// Evenly over four standard deviations to both sides, without zero.
double PositiveMeans::getPoint(int i) { return 8 * (i + 0.5) / kPoints - 4; }

PositiveMeans::Samples PositiveMeans::distribute(Value base, Sign sign) {
  Samples samples{base, {}};
  for (int i = 0; i < kPoints; ++i) {
    double point = getPoint(i);
    samples.values[i] = sign == Sign::NonNegative    ? std::fabs(point)
                        : sign == Sign::PositiveMean ? point + 0.5
                                                     : point;
  }
  return samples;
}

PositiveMeans::Sign PositiveMeans::getSign(const Samples &samples) {
  double total = 0, sum = 0, squares = 0, least = 0;
  for (int i = 0; i < kPoints; ++i) {
    double weight = std::exp(-getPoint(i) * getPoint(i) / 2);
    double value = samples.values[i];
    total += weight;
    sum += weight * value;
    squares += weight * value * value;
    least = std::min(least, value);
  }
  if (std::isnan(sum))
    return Sign::Unknown;
  if (least >= 0)
    return Sign::NonNegative;
  // Of GELU it is 0.4, of ELU 0.2.
  constexpr double kClear = 0.15;
  return sum > kClear * std::sqrt(squares * total) ? Sign::PositiveMean
                                                   : Sign::Unknown;
}

PositiveMeans::Samples PositiveMeans::getSamples(Value value) const {
  auto it = known.find(value);
  return it != known.end() ? it->second : distribute(value, Sign::Unknown);
}

PositiveMeans::Sign PositiveMeans::getSign(Value value) const {
  auto it = known.find(value);
  return it != known.end() ? getSign(it->second) : Sign::Unknown;
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

void PositiveMeans::visit(Operation *op) {
  if (op->getNumResults() != 1 ||
      !isa<RankedTensorType>(op->getResult(0).getType()))
    return;
  if (isa<ConstantOp>(op))
    return visitConstant(op);
  Value result = op->getResult(0);
  if (std::optional<Samples> samples = evaluate(op))
    known[result] = *samples;
  else if (Sign sign = combine(op); sign != Sign::Unknown)
    known[result] = distribute(result, sign);
}

/// Small ones alone are read.
void PositiveMeans::visitConstant(Operation *op) {
  constexpr int64_t kMostElements = 1 << 14;
  auto attribute = cast<ElementsAttr>(cast<ConstantOp>(op).getValue());
  Value result = op->getResult(0);
  if (!isFloat(result))
    return;
  std::vector<double> elements;
  if (auto splat = dyn_cast<SplatElementsAttr>(attribute)) {
    APFloat value = splat.getSplatValue<APFloat>();
    bool lossy;
    value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lossy);
    elements.push_back(value.convertToDouble());
  } else if (attribute.getNumElements() <= kMostElements) {
    auto tensor = reference::Tensor::fromAttribute(attribute);
    if (succeeded(tensor))
      elements = tensor->load<double>();
  }
  if (elements.empty())
    return;
  if (llvm::all_equal(elements)) {
    Samples samples{{}, {}};
    samples.values.fill(elements.front());
    known[result] = samples;
    return;
  }
  double sum = 0;
  for (double element : elements)
    sum += element;
  scales[result] = sum / static_cast<double>(elements.size());
  if (llvm::all_of(elements, [](double element) { return element >= 0; }))
    known[result] = distribute(result, Sign::NonNegative);
}

/// The samples of an elementwise op whose operands are numbers and functions of
/// one value.
std::optional<PositiveMeans::Samples>
PositiveMeans::evaluate(Operation *op) const {
  if (!op->hasTrait<OpTrait::FusionElementwise>() || op->getNumOperands() == 0)
    return std::nullopt;
  FloatFunction function;
  if (isa<CastOp>(op))
    function = [](const double *x) { return x[0]; };
  else if (isa<SelectOp>(op))
    function = [](const double *x) { return x[0] != 0 ? x[1] : x[2]; };
  else if (isFloat(op->getOperand(0)))
    function = getFloatFunction(op);
  if (!function)
    return std::nullopt;
  Samples result{{}, {}};
  SmallVector<Samples, 3> operands;
  for (Value operand : op->getOperands()) {
    Samples samples = getSamples(operand);
    // Factors that differ between channels stand for their mean.
    if (auto it = scales.find(operand);
        it != scales.end() && isa<MulOp, DivOp>(op)) {
      samples.base = {};
      samples.values.fill(it->second);
    }
    if (samples.base && result.base && samples.base != result.base)
      return std::nullopt;
    if (samples.base)
      result.base = samples.base;
    operands.push_back(samples);
  }
  for (int i = 0; i < kPoints; ++i) {
    SmallVector<double, 3> at;
    for (const Samples &samples : operands)
      at.push_back(samples.values[i]);
    result.values[i] = function(at.data());
    if (std::isnan(result.values[i]))
      return std::nullopt;
  }
  return result;
}

/// What the signs of the operands say of the result, where these are taken to
/// be independent.
PositiveMeans::Sign PositiveMeans::combine(Operation *op) const {
  auto sign = [&](unsigned i) { return getSign(op->getOperand(i)); };
  auto product = [&] {
    Sign least = std::min(sign(0), sign(1)), most = std::max(sign(0), sign(1));
    return most == Sign::NonNegative ? least : Sign::Unknown;
  };
  auto onlyNonNegative = [](Sign sign) {
    return sign == Sign::NonNegative ? sign : Sign::Unknown;
  };
  auto reduction = [&](ReduceKind kind) {
    return kind == ReduceKind::Sum || kind == ReduceKind::Max
               ? sign(0)
               : onlyNonNegative(sign(0));
  };
  if (op->hasTrait<OpTrait::FusionMovement>()) {
    // A border is small, or a window's maximum leaves it out.
    if (isa<PadOp>(op))
      return sign(0);
    Sign least = Sign::NonNegative;
    for (Value operand : op->getOperands())
      if (isFloat(operand))
        least = std::min(least, getSign(operand));
    return isFloat(op->getResult(0)) ? least : Sign::Unknown;
  }
  return llvm::TypeSwitch<Operation *, Sign>(op)
      .Case<AddOp>([&](auto) { return std::min(sign(0), sign(1)); })
      .Case<SelectOp>([&](auto) { return std::min(sign(1), sign(2)); })
      .Case<MaxOp>([&](auto) { return std::max(sign(0), sign(1)); })
      .Case<MinOp>(
          [&](auto) { return onlyNonNegative(std::min(sign(0), sign(1))); })
      .Case<MulOp, MatmulOp>([&](auto) { return product(); })
      .Case<DivOp>([&](auto) {
        return sign(1) == Sign::NonNegative ? sign(0) : Sign::Unknown;
      })
      .Case<PowOp>([&](auto) { return onlyNonNegative(sign(0)); })
      .Case<SoftmaxOp>([&](SoftmaxOp softmax) {
        return softmax.getLog() ? Sign::Unknown : Sign::NonNegative;
      })
      .Case<ReduceOp>(
          [&](ReduceOp reduce) { return reduction(reduce.getKind()); })
      .Case<WindowReduceOp>(
          [&](WindowReduceOp window) { return reduction(window.getKind()); })
      .Default(Sign::Unknown);
}
