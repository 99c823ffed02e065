// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Conversion to and from 8 and 16-bit integers, and products of them in i32.

#include "frontend/import/Quantization.h"
#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
#include "frontend/import/Matmul.h"
#include "frontend/import/Sizes.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

using Exprs = SmallVector<AffineExpr>;

/// A scale or zero point so that it broadcasts with `x`: a scalar, a vector
/// along `axis`, or blocks along it.
static Value spread(NodeContext &context, Value parameter, Value x,
                    int64_t axis) {
  if (!parameter || !x)
    return Value();
  int64_t rank = NodeContext::rank(x);
  Exprs dims = NodeContext::dims(parameter);
  bool isScalar = llvm::all_of(dims, [](AffineExpr dim) { return dim == 1; });
  if (isScalar)
    return context.reshape(parameter, {});
  if (axis < 0)
    axis += rank;
  if (axis < 0 || axis >= rank) {
    (void)context.invalid("axis " + Twine(axis) + " is out of range for rank " +
                          Twine(rank));
    return Value();
  }
  if (dims.size() == 1) {
    Exprs shape(rank, context.constantExpr(1));
    shape[axis] = dims.front();
    return context.reshape(parameter, shape);
  }
  int64_t block = context.getInt("block_size", 0);
  auto size = dyn_cast<AffineConstantExpr>(NodeContext::dim(x, axis));
  constexpr int64_t kMostListed = int64_t(1) << 20;
  if (block < 1 || static_cast<int64_t>(dims.size()) != rank || !size ||
      size.getValue() > kMostListed) {
    (void)context.unsupported("scales of rank " + Twine(dims.size()) +
                              " with block_size " + Twine(block) +
                              " are not supported for an operand of rank " +
                              Twine(rank));
    return Value();
  }
  // Each entry stands for a block; the last one may reach beyond the end.
  SmallVector<int64_t> entries;
  for (int64_t i = 0; i < size.getValue(); ++i)
    entries.push_back(i / block);
  return context.create<GatherOp>(parameter, context.intConstant(entries),
                                  axis);
}

Value frontend::quantize(NodeContext &context, Value value, Value scale,
                         Value zeroPoint, Type target, Type precision) {
  Arithmetic math(context);
  Type f32 = context.builder.getF32Type();
  Value result = math.div(context.cast(value, f32), context.cast(scale, f32));
  if (result && (precision.isF16() || precision.isBF16()))
    result = context.cast(context.cast(result, precision), f32);
  auto type = dyn_cast<IntegerType>(target);
  if (type && result)
    result = context.create<RoundOp>(result);
  if (zeroPoint)
    result = math.add(result, context.cast(zeroPoint, f32));
  if (!type) {
    if (!result)
      return Value();
    bool saturate = context.getInt("saturate", 1) != 0;
    return context.create<CastOp>(
        mlir::dl::withElementType(NodeContext::type(result), target), result,
        saturate);
  }
  unsigned width = type.getWidth();
  bool isUnsigned = type.isUnsigned();
  double low = isUnsigned ? 0 : APInt::getSignedMinValue(width).getSExtValue();
  double high =
      isUnsigned ? static_cast<double>(APInt::getMaxValue(width).getZExtValue())
                 : APInt::getSignedMaxValue(width).getSExtValue();
  return context.cast(math.clip(result, low, high), type);
}

/// An integer of 2 to 16 bits or a float of at most 8, or null with the node
/// reported.
static Type getQuantizedType(NodeContext &context, Type type) {
  if (!type)
    return type;
  unsigned bits = type.isIntOrFloat() ? type.getIntOrFloatBitWidth() : 0;
  if (isa<FloatType>(type) ? bits <= 8 && !isa<Float8E8M0FNUType>(type)
                           : bits > 1 && bits <= 16)
    return type;
  (void)context.unsupported("it quantizes to neither integers of up to 16 bits "
                            "nor floats of up to 8");
  return Type();
}

LogicalResult frontend::importQuantizeLinear(NodeContext &context) {
  Value x = context.input(0), zeroPoint = context.input(2);
  Type type = context.builder.getIntegerType(8, /*isSigned=*/false);
  if (int64_t given = context.getInt("output_dtype", 0))
    type = context.getElementType(static_cast<int32_t>(given));
  if (zeroPoint)
    type = NodeContext::elementType(zeroPoint);
  type = getQuantizedType(context, type);
  if (!type)
    return failure();
  int64_t axis = context.getInt("axis", 1);
  Value scale = spread(context, context.input(1), x, axis);
  if (zeroPoint)
    zeroPoint = spread(context, zeroPoint, x, axis);
  if (!scale)
    return failure();
  // Before opset 23, nothing says in which type a quotient is.
  constexpr int64_t kFirstWithPrecision = 23;
  Type precision = context.opset < kFirstWithPrecision
                       ? context.builder.getF32Type()
                       : NodeContext::elementType(scale);
  if (int64_t given = context.getInt("precision", 0))
    precision = context.getElementType(static_cast<int32_t>(given));
  if (!precision)
    return failure();
  return context.setResults(
      quantize(context, x, scale, zeroPoint, type, precision));
}

Value frontend::center(NodeContext &context, Value value, Value zeroPoint) {
  Type i32 = context.builder.getI32Type();
  value = context.cast(value, i32);
  return zeroPoint
             ? Arithmetic(context).sub(value, context.cast(zeroPoint, i32))
             : value;
}

Value frontend::dequantize(NodeContext &context, Value value, Value scale,
                           Value zeroPoint) {
  Type f32 = context.builder.getF32Type();
  return Arithmetic(context).mul(
      context.cast(center(context, value, zeroPoint), f32),
      context.cast(scale, f32));
}

/// What a cast or reshape was made of.
static Value skipForms(Value value) {
  while (value && (isa_and_nonnull<CastOp, ReshapeOp>(value.getDefiningOp())))
    value = value.getDefiningOp()->getOperand(0);
  return value;
}

/// In training, what was quantized just before has a straight-through gradient
/// (Y. Bengio et al., "Estimating or Propagating Gradients Through Stochastic
/// Neurons", 2013): that of the value itself, and none where it was clipped.
static Value passStraight(NodeContext &context, Value quantized, Value scale,
                          Value result) {
  auto rounded = quantized.getDefiningOp<CastOp>();
  if (!context.isTraining() || !rounded || !result)
    return result;
  Value kept = rounded.getOperand(), whole = kept;
  if (auto low = whole.getDefiningOp<MinOp>())
    if (auto high = low.getLhs().getDefiningOp<MaxOp>())
      whole = high.getLhs();
  Value value = whole;
  if (auto add = value.getDefiningOp<AddOp>())
    value = add.getLhs();
  if (auto round = value.getDefiningOp<RoundOp>())
    value = round.getOperand();
  while (auto cast = value.getDefiningOp<CastOp>())
    value = cast.getOperand();
  auto quotient = value.getDefiningOp<DivOp>();
  if (!quotient)
    return result;
  Value source = quotient.getLhs();
  if (auto cast = source.getDefiningOp<CastOp>())
    source = cast.getOperand();
  Value divisor = quotient.getRhs();
  return context.withGradient(
      result, source, [&](OpBuilder &builder, Value gradient) {
        Location loc = context.loc;
        Type element = NodeContext::elementType(source);
        auto toSource = [&](Value v) {
          return builder.createOrFold<CastOp>(
              loc, mlir::dl::withElementType(NodeContext::type(v), element), v);
        };
        Value passed = toSource(gradient);
        if (skipForms(divisor) != skipForms(scale))
          passed = builder.createOrFold<MulOp>(
              loc, passed,
              toSource(builder.createOrFold<DivOp>(loc, scale, divisor)));
        if (kept == whole)
          return passed;
        Value isInside =
            builder.createOrFold<CompareOp>(loc, Predicate::Eq, kept, whole);
        Value zero = ConstantOp::create(
            builder, loc,
            DenseElementsAttr::get(RankedTensorType::get({}, element),
                                   builder.getFloatAttr(element, 0)));
        return builder.createOrFold<SelectOp>(loc, isInside, passed, zero);
      });
}

LogicalResult frontend::importDequantizeLinear(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0), zeroPoint = context.input(2);
  Type type = NodeContext::elementType(context.input(1));
  if (int64_t given = context.getInt("output_dtype", 0))
    type = context.getElementType(static_cast<int32_t>(given));
  int64_t axis = context.getInt("axis", 1);
  Type f32 = context.builder.getF32Type();
  Value scale = context.cast(spread(context, context.input(1), x, axis), f32);
  if (zeroPoint)
    zeroPoint = spread(context, zeroPoint, x, axis);
  if (!x)
    return failure();
  Value centered;
  if (isa<FloatType>(NodeContext::elementType(x))) {
    centered = context.cast(x, f32);
    if (zeroPoint)
      centered = math.sub(centered, context.cast(zeroPoint, f32));
  } else {
    centered = context.cast(center(context, x, zeroPoint), f32);
  }
  return context.setResults(passStraight(
      context, x, scale, context.cast(math.mul(centered, scale), type)));
}

//===----------------------------------------------------------------------===//
// Products in i32
//===----------------------------------------------------------------------===//

/// A zero point of the rows of a matrix on the left: [M] as [M, 1].
static Value asColumn(NodeContext &context, Value parameter) {
  if (!parameter || NodeContext::rank(parameter) != 1)
    return parameter;
  return context.reshape(
      parameter, {NodeContext::dim(parameter, 0), context.constantExpr(1)});
}

static LogicalResult importMatMulInteger(NodeContext &context) {
  Value a =
      center(context, context.input(0), asColumn(context, context.input(2)));
  Value b = center(context, context.input(1), context.input(3));
  return context.setResults(buildMatmul(context, a, b));
}

/// A parameter of each filter, [M], beside filters [M, C, window..].
static Value perFilter(NodeContext &context, Value parameter, Value filter) {
  return parameter ? spread(context, parameter, filter, 0) : parameter;
}

static LogicalResult importConvInteger(NodeContext &context) {
  Value filter = context.input(1);
  Value zeroPoint = context.input(2);
  if (zeroPoint)
    zeroPoint = context.reshape(zeroPoint, {});
  return context.setResults(buildConvolution(
      context, center(context, context.input(0), zeroPoint),
      center(context, filter, perFilter(context, context.input(3), filter))));
}

static LogicalResult importQLinearMatMul(NodeContext &context) {
  Arithmetic math(context);
  Type type =
      getQuantizedType(context, NodeContext::elementType(context.input(7)));
  if (!type)
    return failure();
  Type f32 = context.builder.getF32Type();
  Value a =
      center(context, context.input(0), asColumn(context, context.input(2)));
  Value b = center(context, context.input(3), context.input(5));
  Value product = context.cast(buildMatmul(context, a, b), f32);
  Value scale = math.mul(context.cast(asColumn(context, context.input(1)), f32),
                         context.cast(context.input(4), f32));
  return context.setResults(quantize(
      context, math.mul(product, scale), asColumn(context, context.input(6)),
      asColumn(context, context.input(7)), type, f32));
}

static LogicalResult importQLinearConv(NodeContext &context) {
  Arithmetic math(context);
  Value filter = context.input(3);
  Type type =
      getQuantizedType(context, NodeContext::elementType(context.input(7)));
  if (!type)
    return failure();
  auto scalar = [&](size_t i) { return context.reshape(context.input(i), {}); };
  Value sum = buildConvolution(
      context, center(context, context.input(0), scalar(2)),
      center(context, filter, perFilter(context, context.input(5), filter)));
  sum = addChannelBias(context, sum, context.input(8));
  Value scale = math.mul(scalar(1), spread(context, context.input(4), sum, 1));
  Value result =
      math.mul(context.cast(sum, context.builder.getF32Type()), scale);
  return context.setResults(quantize(context, result, scalar(6), scalar(7),
                                     type, context.builder.getF32Type()));
}

void frontend::addQuantizationRules(RuleTable &table) {
  const std::pair<StringRef, ImportRule> rules[] = {
      {"ConvInteger", importConvInteger},
      {"DequantizeLinear", importDequantizeLinear},
      {"MatMulInteger", importMatMulInteger},
      {"QLinearConv", importQLinearConv},
      {"QLinearMatMul", importQLinearMatMul},
      {"QuantizeLinear", importQuantizeLinear},
  };
  for (auto [op, rule] : rules)
    table.add(op, rule);
  addContribQuantizationRules(table);
}
