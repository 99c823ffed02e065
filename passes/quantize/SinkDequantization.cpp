// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/quantize/SinkDequantization.h"
#include "ir/dialect/Dims.h"
#include "passes/quantize/QuantizedValue.h"

#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace mlir::dl;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// What has one number for each parameter, both constant, and nothing between
/// them and the integers.
static std::optional<QuantizedValue> matchByNumbers(Value value) {
  if (!typeOf(value).getElementType().isF32())
    return std::nullopt;
  auto quantized = matchQuantized(value);
  if (!quantized || !quantized->movement.empty())
    return std::nullopt;
  for (const Parameter *parameter : {&quantized->scale, &quantized->zeroPoint})
    if (parameter->value || parameter->numbers.size() != 1)
      return std::nullopt;
  return quantized;
}

static bool haveEqualNumbers(const QuantizedValue &a, const QuantizedValue &b) {
  return a.scale.numbers == b.scale.numbers &&
         a.zeroPoint.numbers == b.zeroPoint.numbers &&
         typeOf(a.integers).getElementType() ==
             typeOf(b.integers).getElementType();
}

static Value dequantize(OpBuilder &builder, Location loc, Value integers,
                        const QuantizedValue &like) {
  Type f32 = builder.getF32Type();
  Value value = CastOp::create(
      builder, loc, withElementType(typeOf(integers), f32), integers);
  if (!like.zeroPoint.isZero())
    value = SubOp::create(builder, loc, value,
                          like.zeroPoint.materialize(builder, loc, f32, 0, 0));
  return MulOp::create(builder, loc, value,
                       like.scale.materialize(builder, loc, f32, 0, 0));
}

/// The number that a constant repeats.
static std::optional<double> getNumber(Value value) {
  auto numbers = readNumbers(value, 1);
  if (!numbers || numbers->size() != 1)
    return std::nullopt;
  return numbers->front();
}

namespace {

/// cast(cast(q) : i32) : f32 -> cast(q) : f32, and the same of a difference.
struct ConvertDirectly : OpRewritePattern<CastOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(CastOp op,
                                PatternRewriter &rewriter) const override {
    Type f32 = rewriter.getF32Type();
    if (typeOf(op).getElementType() != f32 ||
        !typeOf(op.getOperand()).getElementType().isSignlessInteger(32))
      return rewriter.notifyMatchFailure(op, "no conversion of i32 to f32");
    Value from = op.getOperand();
    auto difference = from.getDefiningOp<SubOp>();
    if (difference)
      from = difference.getLhs();
    auto inner = from.getDefiningOp<CastOp>();
    if (!inner || from.getType() != op.getOperand().getType() ||
        typeOf(inner.getOperand()).getElementType().getIntOrFloatBitWidth() !=
            8 ||
        !isa<IntegerType>(typeOf(inner.getOperand()).getElementType()))
      return rewriter.notifyMatchFailure(op, "it is of no byte");
    if (difference) {
      // A zero point of i32 has few bits, where it is one of a byte.
      auto points = readNumbers(difference.getRhs(), 1 << 20);
      if (!points ||
          !llvm::all_of(*points, [](double v) { return std::abs(v) <= 255; }))
        return rewriter.notifyMatchFailure(op, "the zero point is no byte");
    }
    Value result =
        CastOp::create(rewriter, op.getLoc(), op.getType(), inner.getOperand());
    if (difference)
      result = SubOp::create(
          rewriter, op.getLoc(), result,
          CastOp::create(rewriter, op.getLoc(),
                         withElementType(typeOf(difference.getRhs()), f32),
                         difference.getRhs()));
    rewriter.replaceOp(op, result);
    return success();
  }
};

/// move(dequantize(q)) -> dequantize(move(q)), and the largest of windows.
struct SinkBelowMovement : RewritePattern {
  explicit SinkBelowMovement(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}

  static bool commutes(Operation *op) {
    if (auto window = dyn_cast<WindowReduceOp>(op))
      return window.getKind() == ReduceKind::Max;
    if (auto reduce = dyn_cast<ReduceOp>(op))
      return reduce.getKind() == ReduceKind::Max;
    return isa<TransposeOp, ReshapeOp, SliceOp, BroadcastOp, GatherOp,
               GatherNdOp>(op);
  }

  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    if (!commutes(op))
      return rewriter.notifyMatchFailure(op, "it changes elements");
    Value operand = op->getOperand(0);
    // Below the lowest value there is none: a border of it is no element.
    auto pad = operand.getDefiningOp<PadOp>();
    bool takesLargest = isa<WindowReduceOp, ReduceOp>(op);
    if (pad) {
      auto border = getNumber(pad.getValue());
      if (!takesLargest || pad.getMode() != PadMode::Constant || !border ||
          !std::isinf(*border) || *border > 0)
        return rewriter.notifyMatchFailure(op, "a border is read");
      operand = pad.getOperand();
    }
    if (!isa<RankedTensorType>(operand.getType()))
      return rewriter.notifyMatchFailure(op, "no tensor");
    auto quantized = matchByNumbers(operand);
    if (!quantized)
      return rewriter.notifyMatchFailure(op, "nothing is dequantized");
    Value integers = quantized->integers;
    auto element = cast<IntegerType>(typeOf(integers).getElementType());
    if (pad) {
      APInt lowest = element.isUnsigned() ? APInt::getMinValue(8)
                                          : APInt::getSignedMinValue(8);
      Value border = ConstantOp::create(
          rewriter, pad.getLoc(),
          DenseElementsAttr::get(RankedTensorType::get({}, element), lowest));
      integers = PadOp::create(
          rewriter, pad.getLoc(), withElementType(typeOf(pad), element),
          PadMode::Constant, integers, border, pad.getLow());
    }
    Operation *moved = rewriter.clone(*op);
    moved->setOperand(0, integers);
    moved->getResult(0).setType(
        withElementType(typeOf(op->getResult(0)), element));
    rewriter.replaceOp(op, dequantize(rewriter, op->getLoc(),
                                      moved->getResult(0), *quantized));
    return success();
  }
};

/// concat(dequantize(a), dequantize(b)) -> dequantize(concat(a, b)) for equal
/// numbers.
struct SinkBelowConcat : OpRewritePattern<ConcatOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ConcatOp op,
                                PatternRewriter &rewriter) const override {
    SmallVector<Value> integers;
    std::optional<QuantizedValue> first;
    for (Value input : op.getInputs()) {
      auto quantized = matchByNumbers(input);
      if (!quantized || (first && !haveEqualNumbers(*first, *quantized)))
        return rewriter.notifyMatchFailure(op, "the numbers differ");
      if (!first)
        first = quantized;
      integers.push_back(quantized->integers);
    }
    Value all = ConcatOp::create(rewriter, op.getLoc(), integers, op.getAxis());
    rewriter.replaceOp(op, dequantize(rewriter, op.getLoc(), all, *first));
    return success();
  }
};

/// quantize(dequantize(q)) -> q for equal numbers.
struct DropRoundTrip : OpRewritePattern<CastOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(CastOp op,
                                PatternRewriter &rewriter) const override {
    auto element = dyn_cast<IntegerType>(typeOf(op).getElementType());
    if (!element || element.getWidth() != 8)
      return rewriter.notifyMatchFailure(op, "nothing is quantized");
    Value value = op.getOperand();
    bool isUnsigned = element.isUnsigned();
    auto skipLimit = [&](auto limit, double bound) {
      if (!limit || getNumber(limit.getRhs()) != bound)
        return false;
      value = limit.getLhs();
      return true;
    };
    if (!skipLimit(value.getDefiningOp<MinOp>(), isUnsigned ? 255 : 127) ||
        !skipLimit(value.getDefiningOp<MaxOp>(), isUnsigned ? 0 : -128))
      return rewriter.notifyMatchFailure(op, "the range is another one");
    double zeroPoint = 0;
    if (auto sum = value.getDefiningOp<AddOp>()) {
      auto number = getNumber(sum.getRhs());
      if (!number)
        return rewriter.notifyMatchFailure(op, "the zero point is no number");
      zeroPoint = *number;
      value = sum.getLhs();
    }
    auto round = value.getDefiningOp<RoundOp>();
    auto quotient = round ? round.getOperand().getDefiningOp<DivOp>() : DivOp();
    auto scale = quotient ? getNumber(quotient.getRhs()) : std::nullopt;
    auto quantized = scale ? matchByNumbers(quotient.getLhs()) : std::nullopt;
    if (!quantized || quantized->integers.getType() != op.getType() ||
        quantized->scale.numbers.front() != *scale ||
        quantized->zeroPoint.numbers.front() != zeroPoint)
      return rewriter.notifyMatchFailure(op, "other numbers dequantize");
    rewriter.replaceOp(op, quantized->integers);
    return success();
  }
};

} // namespace

LogicalResult mlir::dl::sinkDequantization(Operation *root) {
  RewritePatternSet patterns(root->getContext());
  patterns
      .add<ConvertDirectly, SinkBelowMovement, SinkBelowConcat, DropRoundTrip>(
          patterns.getContext());
  return applyPatternsGreedily(root, std::move(patterns));
}
