// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/Dialect.h"
#include "ir/dialect/Dims.h"
#include "passes/ModelFunctions.h"
#include "passes/Passes.h"
#include "passes/quantize/QuantizedValue.h"
#include "passes/quantize/SinkDequantization.h"

#include <cmath>

namespace dl {
#define GEN_PASS_DEF_REQUANTIZE
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// Constants of more elements are no scales.
constexpr int64_t kMostNumbers = 1 << 18;

static std::optional<double> getNumber(Value value) {
  auto numbers = readNumbers(value, 1);
  if (!numbers || numbers->size() != 1)
    return std::nullopt;
  return numbers->front();
}

/// Whether the model is given this value, perhaps moved.
static bool isGiven(Value value) {
  while (isa_and_nonnull<ReshapeOp, TransposeOp, SliceOp, PadOp, BroadcastOp>(
      value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  return isa<BlockArgument>(value);
}

namespace {

class Requantizer {
public:
  explicit Requantizer(func::FuncOp function) : function(function) {}

  void run() {
    SmallVector<DivOp> quotients;
    function.walk([&](DivOp op) { quotients.push_back(op); });
    for (DivOp op : quotients)
      multiply(op);
    SmallVector<RoundOp> roundings;
    function.walk([&](RoundOp op) { roundings.push_back(op); });
    for (RoundOp op : roundings)
      moveLimits(op);
    for (RoundOp op : roundings)
      gatherZeroPoints(op);
  }

private:
  /// Whether constants of what makes `value` can take in a factor.
  static bool takesFactor(Value value) {
    Operation *op = value.getDefiningOp();
    if (!op || !typeOf(value).getElementType().isF32())
      return false;
    if (isa<ConstantOp>(op))
      return readNumbers(value, kMostNumbers).has_value();
    if (!value.hasOneUse())
      return false;
    if (isa<MulOp>(op))
      return readNumbers(op->getOperand(1), kMostNumbers).has_value() &&
             isa<ConstantOp, ReshapeOp>(op->getOperand(1).getDefiningOp());
    if (isa<AddOp, SubOp, MaxOp, MinOp>(op))
      return takesFactor(op->getOperand(0)) && takesFactor(op->getOperand(1));
    return isa<ReshapeOp, TransposeOp>(op) && takesFactor(op->getOperand(0));
  }

  /// The value over `divisor`, above 0.
  Value divide(Value value, double divisor) {
    Operation *op = value.getDefiningOp();
    OpBuilder builder(op);
    if (auto numbers = readNumbers(value, kMostNumbers);
        numbers && !isa<MulOp>(op)) {
      RankedTensorType type = typeOf(value);
      SmallVector<float> elements;
      for (double number : *numbers)
        elements.push_back(static_cast<float>(number / divisor));
      return ConstantOp::create(
          builder, value.getLoc(),
          DenseElementsAttr::get(type, ArrayRef<float>(elements)));
    }
    Operation *scaled = builder.clone(*op);
    if (isa<MulOp>(op))
      scaled->setOperand(1, divide(op->getOperand(1), divisor));
    else
      for (OpOperand &operand : scaled->getOpOperands())
        operand.set(divide(operand.get(), divisor));
    return scaled->getResult(0);
  }

  void multiply(DivOp op) {
    auto divisor = getNumber(op.getRhs());
    if (!typeOf(op).getElementType().isF32() || op->use_empty() || !divisor ||
        !(*divisor > 0) || !std::isnormal(static_cast<float>(1 / *divisor)) ||
        isGiven(op.getLhs()) || op.getLhs().getType() != op.getType() ||
        !llvm::all_of(op->getUsers(),
                      [](Operation *user) { return isa<RoundOp>(user); }))
      return;
    Value result;
    if (takesFactor(op.getLhs())) {
      result = divide(op.getLhs(), *divisor);
    } else {
      OpBuilder builder(op);
      auto number = static_cast<float>(1 / *divisor);
      Value factor = ConstantOp::create(
          builder, op.getLoc(),
          DenseElementsAttr::get(
              RankedTensorType::get({}, builder.getF32Type()), number));
      result = MulOp::create(builder, op.getLoc(), op.getLhs(), factor);
    }
    op.replaceAllUsesWith(result);
    op.erase();
  }

  /// max(round(max(x, c)) + z, l) -> max(round(x) + z, max(l, round(c) + z)).
  void moveLimits(RoundOp op) {
    Operation *inner = op.getOperand().getDefiningOp();
    if (!isa_and_nonnull<MaxOp>(inner) || !op->hasOneUse())
      return;
    auto limit = getNumber(inner->getOperand(1));
    Operation *next = *op->getUsers().begin();
    double zeroPoint = 0;
    if (auto sum = dyn_cast<AddOp>(next)) {
      auto number = getNumber(sum.getRhs());
      if (!number || sum.getLhs() != op.getResult() || !sum->hasOneUse())
        return;
      zeroPoint = *number;
      next = *sum->getUsers().begin();
    }
    auto outer = dyn_cast<MaxOp>(next);
    auto lowest = outer ? getNumber(outer.getRhs()) : std::nullopt;
    if (!limit || !lowest ||
        inner->getOperand(0).getType() != op.getOperand().getType())
      return;
    double both = std::max(*lowest, std::nearbyint(*limit) + zeroPoint);
    op.getOperandMutable().assign(inner->getOperand(0));
    if (both == *lowest)
      return;
    OpBuilder builder(outer);
    Value constant = ConstantOp::create(
        builder, outer.getLoc(),
        DenseElementsAttr::get(RankedTensorType::get({}, builder.getF32Type()),
                               static_cast<float>(both)));
    outer.getRhsMutable().assign(constant);
  }

  /// What is added up before a rounding: bytes times numbers.
  struct Term {
    Value integers;
    float scale;
    double zeroPoint;
  };

  /// Collects the terms of a sum that nothing else reads; false for others.
  static bool collectTerms(Value value, SmallVectorImpl<Term> &terms) {
    if (!value.hasOneUse())
      return false;
    if (auto sum = value.getDefiningOp<AddOp>())
      return collectTerms(sum.getLhs(), terms) &&
             collectTerms(sum.getRhs(), terms);
    auto quantized = matchQuantized(value);
    if (!quantized || !quantized->movement.empty())
      return false;
    for (const Parameter *parameter :
         {&quantized->scale, &quantized->zeroPoint})
      if (parameter->value || parameter->numbers.size() != 1)
        return false;
    terms.push_back({quantized->integers,
                     static_cast<float>(quantized->scale.numbers.front()),
                     quantized->zeroPoint.numbers.front()});
    return true;
  }

  /// Whether products of bytes with the number are exact in f32, sums of them
  /// mostly, too, so that one can be halfway between two integers.
  static bool isShort(float number) {
    constexpr int kBits = 14;
    int exponent = 0;
    float mantissa = std::ldexp(std::frexp(number, &exponent), kBits);
    return mantissa == std::nearbyint(mantissa);
  }

  /// round((a - za) * r + (b - zb) * s) + z ->
  /// round(a * r + (b * s + (z - r * za - s * zb))): two fused operations. A
  /// sum that is halfway between two integers is so by the rounding of its
  /// terms, unless their scales are short.
  void gatherZeroPoints(RoundOp op) {
    SmallVector<Term> terms;
    RankedTensorType type = typeOf(op);
    if (!type.getElementType().isF32() || !op->hasOneUse() ||
        !collectTerms(op.getOperand(), terms) || terms.size() < 2 ||
        llvm::any_of(terms, [&](const Term &term) {
          return isShort(term.scale) ||
                 withElementType(typeOf(term.integers),
                                 type.getElementType()) != type;
        }))
      return;
    auto shift = dyn_cast<AddOp>(*op->getUsers().begin());
    auto zeroPoint = shift ? getNumber(shift.getRhs()) : std::nullopt;
    if (shift && (!zeroPoint || shift.getType() != type))
      return;
    double offset = zeroPoint.value_or(0);
    for (const Term &term : terms)
      offset -= term.scale * term.zeroPoint;
    OpBuilder builder(op);
    Location loc = op.getLoc();
    Type f32 = builder.getF32Type();
    auto makeNumber = [&](float number) -> Value {
      return ConstantOp::create(
          builder, loc,
          DenseElementsAttr::get(RankedTensorType::get({}, f32), number));
    };
    Value sum = makeNumber(static_cast<float>(offset));
    for (const Term &term : llvm::reverse(terms)) {
      Value real = CastOp::create(builder, loc, type, term.integers);
      real = MulOp::create(builder, loc, real, makeNumber(term.scale));
      sum = AddOp::create(builder, loc, real, sum);
    }
    op.getOperandMutable().assign(sum);
    if (shift) {
      shift.replaceAllUsesWith(op.getResult());
      shift.erase();
    }
  }

  func::FuncOp function;
};

class Requantize : public ::dl::impl::RequantizeBase<Requantize> {
  using RequantizeBase::RequantizeBase;

  void runOnOperation() override {
    // Reshapes have come after dequantization since the products were made.
    if (failed(sinkDequantization(getOperation())))
      return signalPassFailure();
    forEachModelFunction(getOperation(), [](func::FuncOp function) {
      Requantizer(function).run();
    });
  }
};

} // namespace
