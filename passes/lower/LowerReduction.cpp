// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Reductions: linalg.generic with the parallel loops first, then the reduced
// ones.

#include "passes/lower/KernelBuilder.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::lower;

static RankedTensorType getType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

//===----------------------------------------------------------------------===//
// Combining functions
//===----------------------------------------------------------------------===//

Type mlir::dl::lower::getAccumulatorType(Type elementType) {
  auto floating = dyn_cast<FloatType>(elementType);
  return floating && floating.getWidth() < 32
             ? Float32Type::get(elementType.getContext())
             : elementType;
}

TypedAttr mlir::dl::lower::getNeutral(ReduceKind kind, Type elementType) {
  Builder builder(elementType.getContext());
  bool isMax = kind == ReduceKind::Max, isMin = kind == ReduceKind::Min;
  if (auto floating = dyn_cast<FloatType>(elementType)) {
    if (isMax || isMin)
      return builder.getFloatAttr(
          floating, APFloat::getInf(floating.getFloatSemantics(), isMax));
    return builder.getFloatAttr(floating, kind == ReduceKind::Prod ? 1.0 : 0.0);
  }
  unsigned width = elementType.getIntOrFloatBitWidth();
  bool isUnsigned = elementType.isUnsignedInteger() || width == 1;
  APInt value(width, kind == ReduceKind::Prod);
  if (isMax)
    value = isUnsigned ? APInt::getMinValue(width)
                       : APInt::getSignedMinValue(width);
  if (isMin)
    value = isUnsigned ? APInt::getMaxValue(width)
                       : APInt::getSignedMaxValue(width);
  return builder.getIntegerAttr(builder.getIntegerType(width), value);
}

Value mlir::dl::lower::createCombine(OpBuilder &builder, Location loc,
                                     ReduceKind kind, Type elementType, Value a,
                                     Value b, arith::FastMathFlags flags) {
  if (isa<FloatType>(elementType)) {
    switch (kind) {
    case ReduceKind::Sum:
      return arith::AddFOp::create(builder, loc, a, b);
    case ReduceKind::Prod:
      return arith::MulFOp::create(builder, loc, a, b);
    case ReduceKind::Max:
      return arith::MaximumFOp::create(builder, loc, a, b, flags);
    case ReduceKind::Min:
      return arith::MinimumFOp::create(builder, loc, a, b, flags);
    }
  }
  bool isUnsigned = elementType.isUnsignedInteger() || elementType.isInteger(1);
  switch (kind) {
  case ReduceKind::Sum:
    return arith::AddIOp::create(builder, loc, a, b);
  case ReduceKind::Prod:
    return arith::MulIOp::create(builder, loc, a, b);
  case ReduceKind::Max:
    if (isUnsigned)
      return arith::MaxUIOp::create(builder, loc, a, b);
    return arith::MaxSIOp::create(builder, loc, a, b);
  case ReduceKind::Min:
    if (isUnsigned)
      return arith::MinUIOp::create(builder, loc, a, b);
    return arith::MinSIOp::create(builder, loc, a, b);
  }
  llvm_unreachable("unknown kind of reduction");
}

//===----------------------------------------------------------------------===//
// Plain reductions
//===----------------------------------------------------------------------===//

namespace {

/// The loops of a reduction of a tensor over some of its dimensions.
struct ReductionLoops {
  SmallVector<Loop> loops;
  AffineMap input;              // from loops to the reduced tensor
  AffineMap output;             // from loops to the squeezed result
  AffineMap kept;               // from the tensor's positions to the result's
  SmallVector<AffineExpr> dims; // of the squeezed result

  ReductionLoops(RankedTensorType type, ArrayRef<int64_t> axes) {
    MLIRContext *context = type.getContext();
    int64_t rank = type.getRank();
    SmallVector<AffineExpr> inputs(rank), outputs, keptDims;
    for (int64_t d = 0; d < rank; ++d)
      if (!llvm::is_contained(axes, d)) {
        inputs[d] = getAffineDimExpr(loops.size(), context);
        outputs.push_back(inputs[d]);
        keptDims.push_back(getAffineDimExpr(d, context));
        dims.push_back(getDim(type, d));
        loops.push_back({dims.back(), false});
      }
    for (int64_t axis : axes) {
      inputs[axis] = getAffineDimExpr(loops.size(), context);
      loops.push_back({getDim(type, axis), true});
    }
    input = AffineMap::get(rank, 0, inputs, context);
    output = AffineMap::get(rank, 0, outputs, context);
    kept = AffineMap::get(rank, 0, keptDims, context);
  }
};

} // namespace

/// Reduces a view of a tensor of `type` into `destination` (or an empty tensor,
/// if null); the result lacks the reduced dimensions. `flags`: createCombine.
static Value
createReduce(KernelBuilder &kernel, Location loc, ReduceKind kind,
             RankedTensorType type, const View &view,
             const ReductionLoops &loops, Value destination,
             arith::FastMathFlags flags = arith::FastMathFlags::nsz) {
  Type elementType = type.getElementType();
  bool widens = kind == ReduceKind::Sum || kind == ReduceKind::Prod;
  Type sumType = widens ? getAccumulatorType(elementType) : elementType;
  Value target = destination;
  if (!target || sumType != elementType)
    target = kernel.createEmpty(loc, loops.dims, sumType);
  Value init = kernel.createFill(loc, getNeutral(kind, sumType), target);
  auto body = [&](OpBuilder &b, Location at, ValueRange inputs,
                  ValueRange accumulators) -> SmallVector<Value> {
    Value element = createScalarCast(b, at, inputs[0], elementType, sumType,
                                     /*saturate=*/true);
    return {
        createCombine(b, at, kind, sumType, accumulators[0], element, flags)};
  };
  Value sum = kernel
                  .createGeneric(loc, loops.loops, view, loops.input, init,
                                 loops.output, body)
                  .getResult(0);
  if (sumType == elementType)
    return sum;
  View wide;
  wide.tensor = sum;
  wide.map = kernel.builder.getMultiDimIdentityMap(loops.dims.size());
  return kernel.createMap(
      loc, loops.dims, wide, wide.map,
      destination ? destination
                  : kernel.createEmpty(loc, loops.dims, elementType),
      [&](OpBuilder &b, Location at, ValueRange inputs,
          ValueRange) -> SmallVector<Value> {
        return {createScalarCast(b, at, inputs[0], sumType, elementType,
                                 /*saturate=*/true)};
      });
}

/// Enters the result of a reduction: with `keepdims`, as a view of the tensor
/// without these dimensions.
static void setReduced(KernelBuilder &kernel, Value value, Value tensor,
                       ArrayRef<int64_t> axes, bool keepdims) {
  if (!keepdims)
    return kernel.setTensor(value, tensor);
  SmallVector<AffineExpr> exprs;
  int64_t rank = getType(value).getRank();
  for (int64_t d = 0; d < rank; ++d)
    if (!llvm::is_contained(axes, d))
      exprs.push_back(kernel.builder.getAffineDimExpr(d));
  View view;
  view.tensor = tensor;
  view.map = AffineMap::get(rank, 0, exprs, kernel.builder.getContext());
  kernel.setView(value, view);
}

static void create(KernelBuilder &kernel, ReduceOp op) {
  RankedTensorType type = op.getOperand().getType();
  ReductionLoops loops(type, op.getAxes());
  Value destination =
      op.getKeepdims() ? Value() : kernel.getDestination(op.getResult());
  Value tensor =
      createReduce(kernel, op.getLoc(), op.getKind(), type,
                   kernel.getView(op.getOperand()), loops, destination);
  setReduced(kernel, op.getResult(), tensor, op.getAxes(), op.getKeepdims());
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

static void create(KernelBuilder &kernel, SoftmaxOp op) {
  Location loc = op.getLoc();
  RankedTensorType type = op.getOperand().getType();
  SmallVector<AffineExpr> dims = getDims(type);
  int64_t axis = op.getAxis();
  ReductionLoops loops(type, axis);
  AffineMap identity = kernel.builder.getMultiDimIdentityMap(type.getRank());
  View operand = kernel.getView(op.getOperand());
  Type wide = getAccumulatorType(type.getElementType());

  auto squeezed = [&](Value tensor) {
    View view;
    view.tensor = tensor;
    view.map = kernel.builder.getMultiDimIdentityMap(loops.dims.size());
    return view;
  };
  // NaN may be passed over: it reaches the result through the sum.
  View highest = squeezed(
      createReduce(kernel, loc, ReduceKind::Max, type, operand, loops, Value(),
                   arith::FastMathFlags::nnan | arith::FastMathFlags::nsz));
  // The shifted operand, or its exponential, in the type that is summed.
  auto createShifted = [&](bool exponential) {
    View view;
    view.map = identity;
    view.tensor = kernel.createMap(
        loc, dims, {operand, highest}, {identity, loops.kept},
        kernel.createEmpty(loc, dims, wide),
        [&](OpBuilder &b, Location at, ValueRange inputs,
            ValueRange) -> SmallVector<Value> {
          Value difference = arith::SubFOp::create(b, at, inputs[0], inputs[1]);
          difference = createScalarCast(b, at, difference,
                                        type.getElementType(), wide, true);
          if (exponential)
            return {math::ExpOp::create(b, at, difference)};
          return {difference};
        });
    return view;
  };
  View exponentials = createShifted(true);
  View sum = squeezed(createReduce(kernel, loc, ReduceKind::Sum,
                                   withElementType(type, wide), exponentials,
                                   loops, Value()));
  View numerator = op.getLog() ? createShifted(false) : exponentials;
  Value result = kernel.createMap(
      loc, dims, {numerator, sum}, {identity, loops.kept},
      kernel.getDestination(op.getResult()),
      [&](OpBuilder &b, Location at, ValueRange inputs,
          ValueRange) -> SmallVector<Value> {
        Value value;
        if (op.getLog())
          value = arith::SubFOp::create(b, at, inputs[0],
                                        math::LogOp::create(b, at, inputs[1]));
        else
          // The sum is 1 at least.
          value = arith::DivFOp::create(b, at, inputs[0], inputs[1],
                                        arith::FastMathFlags::arcp |
                                            arith::FastMathFlags::ninf);
        return {
            createScalarCast(b, at, value, wide, type.getElementType(), true)};
      });
  kernel.setTensor(op.getResult(), result);
}

//===----------------------------------------------------------------------===//
// Index of an extreme element
//===----------------------------------------------------------------------===//

static void create(KernelBuilder &kernel, ArgReduceOp op) {
  Location loc = op.getLoc();
  RankedTensorType type = op.getOperand().getType();
  Type elementType = type.getElementType();
  int64_t axis = op.getAxis();
  ReductionLoops loops(type, axis);
  Value values =
      kernel.createFill(loc, getNeutral(op.getKind(), elementType),
                        kernel.createEmpty(loc, loops.dims, elementType));
  Type i64 = kernel.builder.getI64Type();
  Value target = op.getKeepdims() ? kernel.createEmpty(loc, loops.dims, i64)
                                  : kernel.getDestination(op.getResult());
  Value indices =
      kernel.createFill(loc, kernel.builder.getI64IntegerAttr(0), target);
  bool isMax = op.getKind() == ReduceKind::Max, isLast = op.getSelectLast();
  bool isUnsigned = elementType.isUnsignedInteger() || elementType.isInteger(1);
  auto isBetter = [&](OpBuilder &b, Location at, Value x, Value y) -> Value {
    if (!isMax)
      std::swap(x, y);
    // x before y: greater, or as great where the last one is wanted.
    if (isa<FloatType>(elementType))
      return arith::CmpFOp::create(
          b, at, isLast ? arith::CmpFPredicate::OGE : arith::CmpFPredicate::OGT,
          x, y);
    auto predicate =
        isUnsigned
            ? (isLast ? arith::CmpIPredicate::uge : arith::CmpIPredicate::ugt)
            : (isLast ? arith::CmpIPredicate::sge : arith::CmpIPredicate::sgt);
    return arith::CmpIOp::create(b, at, predicate, x, y);
  };
  auto body = [&](OpBuilder &b, Location at, ValueRange inputs,
                  ValueRange accumulators) -> SmallVector<Value> {
    Value index = linalg::IndexOp::create(b, at, loops.loops.size() - 1);
    Value number = arith::IndexCastOp::create(b, at, i64, index);
    Value better = isBetter(b, at, inputs[0], accumulators[0]);
    Value value =
        arith::SelectOp::create(b, at, better, inputs[0], accumulators[0]);
    Value chosen =
        arith::SelectOp::create(b, at, better, number, accumulators[1]);
    return {value, chosen};
  };
  auto generic = kernel.createGeneric(
      loc, loops.loops, kernel.getView(op.getOperand()), loops.input,
      {values, indices}, {loops.output, loops.output}, body);
  setReduced(kernel, op.getResult(), generic.getResult(1), axis,
             op.getKeepdims());
}

//===----------------------------------------------------------------------===//
// Sliding windows
//===----------------------------------------------------------------------===//

static void create(KernelBuilder &kernel, WindowReduceOp op) {
  Location loc = op.getLoc();
  RankedTensorType type = op.getOperand().getType();
  RankedTensorType resultType = getType(op.getResult());
  OpBuilder &builder = kernel.builder;
  int64_t rank = type.getRank(), n = op.getWindow().size();
  SmallVector<Loop> loops;
  for (AffineExpr dim : getDims(resultType))
    loops.push_back({dim, false});
  SmallVector<AffineExpr> input;
  for (int64_t d = 0; d < rank; ++d)
    input.push_back(builder.getAffineDimExpr(d));
  for (int64_t i = 0; i < n; ++i) {
    input[rank - n + i] =
        input[rank - n + i] * op.getStrides()[i] +
        builder.getAffineDimExpr(rank + i) * op.getDilations()[i];
    loops.push_back({builder.getAffineConstantExpr(op.getWindow()[i]), true});
  }
  SmallVector<AffineExpr> output;
  for (int64_t d = 0; d < rank; ++d)
    output.push_back(builder.getAffineDimExpr(d));
  Type elementType = type.getElementType();
  Value init = kernel.createFill(loc, getNeutral(op.getKind(), elementType),
                                 kernel.getDestination(op.getResult()));
  auto generic = kernel.createGeneric(
      loc, loops, kernel.getTensorView(op.getOperand()),
      AffineMap::get(rank + n, 0, input, builder.getContext()), init,
      AffineMap::get(rank + n, 0, output, builder.getContext()),
      [&](OpBuilder &b, Location at, ValueRange inputs,
          ValueRange accumulators) -> SmallVector<Value> {
        return {createCombine(b, at, op.getKind(), elementType, accumulators[0],
                              inputs[0])};
      });
  kernel.setTensor(op.getResult(), generic.getResult(0));
}

RuleResult mlir::dl::lower::lowerReduction(KernelBuilder &kernel,
                                           Operation *op) {
  if (auto reduce = dyn_cast<ReduceOp>(op))
    return create(kernel, reduce), true;
  if (auto softmax = dyn_cast<SoftmaxOp>(op))
    return create(kernel, softmax), true;
  if (auto arg = dyn_cast<ArgReduceOp>(op))
    return create(kernel, arg), true;
  if (auto window = dyn_cast<WindowReduceOp>(op))
    return create(kernel, window), true;
  return false;
}
