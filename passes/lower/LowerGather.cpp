// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Gathers: linalg.generic whose body reads the operand at computed positions.

#include "passes/lower/KernelBuilder.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::lower;

static RankedTensorType getType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// The position that an index means: negative ones count from the end, and all
/// are clamped, so that nothing outside of the operand is ever read.
static Value createPosition(OpBuilder &b, Location loc, Value index,
                            bool isUnsigned, Value size) {
  // No byte is beyond a table of all bytes.
  constexpr int64_t kValues = 256;
  if (isUnsigned && index.getType().isInteger(8) &&
      getConstantIntValue(size) == kValues)
    return arith::IndexCastUIOp::create(b, loc, b.getIndexType(), index);
  Value position =
      isUnsigned
          ? Value(arith::IndexCastUIOp::create(b, loc, b.getIndexType(), index))
          : Value(arith::IndexCastOp::create(b, loc, b.getIndexType(), index));
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  Value isNegative =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, position, zero);
  Value wrapped = arith::AddIOp::create(b, loc, position, size);
  position = arith::SelectOp::create(b, loc, isNegative, wrapped, position);
  Value last = arith::SubIOp::create(b, loc, size, one);
  position = arith::MinSIOp::create(b, loc, position, last);
  return arith::MaxSIOp::create(b, loc, position, zero);
}

static bool hasUnsignedElements(Value value) {
  return getType(value).getElementType().isUnsignedInteger();
}

/// Where a gather reads its operand: along some dimensions from `first` on, of
/// these sizes, at an index each; before them at the result's own positions,
/// behind them at those of dimensions that are `shift` further in the result.
struct Place {
  int64_t first, shift;
  SmallVector<Value> sizes;
};

/// Loops over the result's elements: `indices` and `maps` give the index of
/// each dimension.
static void createGather(KernelBuilder &kernel, Operation *op, Value source,
                         const Place &place, ArrayRef<View> indices,
                         ArrayRef<AffineMap> maps) {
  Value result = op->getResult(0);
  bool isUnsigned = hasUnsignedElements(op->getOperand(1));
  auto count = static_cast<int64_t>(place.sizes.size());
  auto body = [&](OpBuilder &b, Location loc, ValueRange inputs,
                  ValueRange) -> SmallVector<Value> {
    SmallVector<Value> positions;
    for (int64_t d = 0, rank = getType(source).getRank(); d < rank; ++d) {
      int64_t i = d - place.first;
      positions.push_back(
          i >= 0 && i < count
              ? createPosition(b, loc, inputs[i], isUnsigned, place.sizes[i])
              : Value(linalg::IndexOp::create(b, loc,
                                              i < 0 ? d : d + place.shift)));
    }
    return {tensor::ExtractOp::create(b, loc, source, positions)};
  };
  kernel.setTensor(
      result, kernel.createMap(op->getLoc(), getDims(getType(result)), indices,
                               maps, kernel.getDestination(result), body));
}

static void create(KernelBuilder &kernel, GatherOp op) {
  RankedTensorType type = op.getOperand().getType();
  RankedTensorType indices = op.getIndices().getType();
  int64_t axis = op.getAxis(), count = indices.getRank();
  int64_t rank = getType(op.getResult()).getRank();
  SmallVector<AffineExpr> exprs;
  for (int64_t i = 0; i < count; ++i)
    exprs.push_back(kernel.builder.getAffineDimExpr(axis + i));
  Value source = kernel.getTensor(op.getOperand());
  Value size = kernel.getSizeValue(getDim(type, axis));
  createGather(kernel, op, source, {axis, count - 1, {size}},
               kernel.getView(op.getIndices()),
               AffineMap::get(rank, 0, exprs, op.getContext()));
}

static void create(KernelBuilder &kernel, GatherElementsOp op) {
  RankedTensorType type = op.getOperand().getType();
  int64_t axis = op.getAxis(), rank = type.getRank();
  Value source = kernel.getTensor(op.getOperand());
  Value size = kernel.getSizeValue(getDim(type, axis));
  createGather(kernel, op, source, {axis, 0, {size}},
               kernel.getView(op.getIndices()),
               kernel.builder.getMultiDimIdentityMap(rank));
}

static void create(KernelBuilder &kernel, GatherNdOp op) {
  RankedTensorType type = op.getOperand().getType();
  RankedTensorType indices = op.getIndices().getType();
  OpBuilder &builder = kernel.builder;
  int64_t rank = getType(op.getResult()).getRank();
  int64_t batch = op.getBatchDims(), outer = indices.getRank() - 1;
  int64_t depth = indices.getDimSize(outer);
  // One operand for each part of the index.
  SmallVector<View> operands;
  SmallVector<AffineMap> maps;
  Place place{batch, outer - batch - depth, {}};
  for (int64_t i = 0; i < depth; ++i) {
    SmallVector<AffineExpr> exprs;
    for (int64_t d = 0; d < outer; ++d)
      exprs.push_back(builder.getAffineDimExpr(d));
    exprs.push_back(builder.getAffineConstantExpr(i));
    operands.push_back(kernel.getTensorView(op.getIndices()));
    maps.push_back(AffineMap::get(rank, 0, exprs, op.getContext()));
    place.sizes.push_back(kernel.getSizeValue(getDim(type, batch + i)));
  }
  createGather(kernel, op, kernel.getTensor(op.getOperand()), place, operands,
               maps);
}

RuleResult mlir::dl::lower::lowerGather(KernelBuilder &kernel, Operation *op) {
  if (auto gather = dyn_cast<GatherOp>(op))
    return create(kernel, gather), true;
  if (auto gather = dyn_cast<GatherElementsOp>(op))
    return create(kernel, gather), true;
  if (auto gather = dyn_cast<GatherNdOp>(op))
    return create(kernel, gather), true;
  return false;
}
