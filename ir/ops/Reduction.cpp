// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/ops/Inference.h"

using namespace mlir;
using namespace mlir::dl;

#define GET_OP_CLASSES
#include "ir/dialect/ReductionOps.cpp.inc"

//===----------------------------------------------------------------------===//
// ReduceOp
//===----------------------------------------------------------------------===//

LogicalResult ReduceOp::inferReturnTypes(MLIRContext *context,
                                         std::optional<Location> location,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  Reporter report(location, getOperationName());
  RankedTensorType type = typeOf(adaptor.getOperand());
  ArrayRef<int64_t> axes = adaptor.getAxes();
  for (auto [i, axis] : llvm::enumerate(axes))
    if (axis < 0 || axis >= type.getRank() || (i && axes[i - 1] >= axis))
      return report.fail("(C1) expected ascending axes below ", type.getRank(),
                         ", found ", toString(axes));
  auto dims = getKnownDims(report, adaptor.getOperand());
  if (failed(dims))
    return failure();
  SmallVector<AffineExpr> kept;
  for (auto [i, dim] : llvm::enumerate(*dims))
    if (!llvm::is_contained(axes, static_cast<int64_t>(i)))
      kept.push_back(dim);
    else if (adaptor.getKeepdims())
      kept.push_back(getAffineConstantExpr(1, context));
  types.push_back(getTensorType(kept, type.getElementType()));
  return success();
}

//===----------------------------------------------------------------------===//
// SoftmaxOp, CumsumOp
//===----------------------------------------------------------------------===//

/// (C1) The type of an operand that keeps its shape.
static LogicalResult inferAlongAxis(const Reporter &report, Value operand,
                                    int64_t axis,
                                    SmallVectorImpl<Type> &types) {
  if (failed(checkAxis(report, "(C1)", axis, typeOf(operand).getRank())) ||
      failed(checkDimsKnown(report, operand)))
    return failure();
  types.push_back(operand.getType());
  return success();
}

LogicalResult SoftmaxOp::inferReturnTypes(MLIRContext *,
                                          std::optional<Location> location,
                                          Adaptor adaptor,
                                          SmallVectorImpl<Type> &types) {
  return inferAlongAxis({location, getOperationName()}, adaptor.getOperand(),
                        adaptor.getAxis(), types);
}

LogicalResult CumsumOp::inferReturnTypes(MLIRContext *,
                                         std::optional<Location> location,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  return inferAlongAxis({location, getOperationName()}, adaptor.getOperand(),
                        adaptor.getAxis(), types);
}

//===----------------------------------------------------------------------===//
// ArgReduceOp
//===----------------------------------------------------------------------===//

LogicalResult ArgReduceOp::inferReturnTypes(MLIRContext *context,
                                            std::optional<Location> location,
                                            Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  Reporter report(location, getOperationName());
  RankedTensorType type = typeOf(adaptor.getOperand());
  ReduceKind kind = adaptor.getKind();
  int64_t axis = adaptor.getAxis();
  if (kind != ReduceKind::Max && kind != ReduceKind::Min)
    return report.fail("(C1) expected max or min, found ",
                       stringifyReduceKind(kind));
  auto dims = getKnownDims(report, adaptor.getOperand());
  if (failed(checkAxis(report, "(C2)", axis, type.getRank())) || failed(dims))
    return failure();
  if ((*dims)[axis] == 0)
    return report.fail("(C3) expected at least one element along dimension ",
                       axis, ", found ", type);
  if (adaptor.getKeepdims())
    (*dims)[axis] = getAffineConstantExpr(1, context);
  else
    dims->erase(dims->begin() + axis);
  types.push_back(getTensorType(*dims, IntegerType::get(context, 64)));
  return success();
}

//===----------------------------------------------------------------------===//
// TopkOp
//===----------------------------------------------------------------------===//

LogicalResult TopkOp::verify() {
  Reporter report(*this);
  RankedTensorType type = typeOf(getOperand()), values = typeOf(getValues()),
                   indices = typeOf(getIndices());
  int64_t axis = getAxis();
  if (failed(checkAxis(report, "(C1)", axis, type.getRank())) ||
      failed(checkDimsKnown(report, (*this)->getOperands())) ||
      failed(checkDimsKnown(report, (*this)->getResults())))
    return failure();
  if (values.getElementType() != type.getElementType() ||
      !indices.getElementType().isSignlessInteger(64))
    return report.fail("(C2) expected results of ", type.getElementType(),
                       " and i64, found ", values.getElementType(), " and ",
                       indices.getElementType());
  SmallVector<AffineExpr> expected = getDims(type), found = getDims(values);
  bool fits = getDims(indices) == found && found.size() == expected.size();
  for (int64_t i = 0; fits && i < type.getRank(); ++i)
    fits = i == axis ? !provablyLessEqual(expected[i] + 1, found[i])
                     : !contradict(expected[i], found[i]);
  if (!fits)
    return report.fail("(C3) expected two results of the shape of ", type,
                       " with at most that many elements along dimension ",
                       axis, ", found ", values, " and ", indices);
  return success();
}

//===----------------------------------------------------------------------===//
// RowOrderOp, SuppressOp
//===----------------------------------------------------------------------===//

LogicalResult RowOrderOp::verify() {
  Reporter report(*this);
  RankedTensorType type = typeOf(getOperand()), order = typeOf(getOrder());
  if (failed(checkDimsKnown(report, {getOperand(), getOrder()})))
    return failure();
  if (type.getRank() != 2)
    return report.fail("(C1) expected an operand of rank 2, found ", type);
  if (order.getRank() != 1 || !order.getElementType().isSignlessInteger(64) ||
      contradict(getDim(type, 0), getDim(order, 0)))
    return report.fail("(C2) expected an i64 for each row of ", type,
                       ", found ", order);
  return success();
}

LogicalResult SuppressOp::verify() {
  Reporter report(*this);
  if (failed(checkDimsKnown(report, (*this)->getOperands())) ||
      failed(checkDimsKnown(report, (*this)->getResults())))
    return failure();
  RankedTensorType boxes = typeOf(getBoxes()), scores = typeOf(getScores());
  if (boxes.getRank() != 3 || scores.getRank() != 3 ||
      boxes.getElementType() != scores.getElementType() ||
      contradict(getDim(boxes, 0), getDim(scores, 0)) ||
      contradict(getDim(boxes, 1), getDim(scores, 2)) ||
      contradict(getDim(boxes, 2),
                 getAffineConstantExpr(4, (*this)->getContext())))
    return report.fail("(C1) expected boxes [b, n, 4] and scores [b, c, n] of "
                       "one type, found ",
                       boxes, " and ", scores);
  RankedTensorType most = typeOf(getMost());
  bool scalars =
      most.getRank() == 0 && most.getElementType().isSignlessInteger(64);
  for (Value value : {getOverlap(), getThreshold()})
    scalars &=
        typeOf(value).getRank() == 0 && typeOf(value).getElementType().isF32();
  if (!scalars)
    return report.fail("(C2) expected scalars of i64, f32 and f32, found ",
                       TypeRange((*this)->getOperandTypes()).drop_front(2));
  RankedTensorType selected = typeOf(getSelected()), count = typeOf(getCount());
  bool fits = selected.getRank() == 2 && selected.getDimSize(1) == 3 &&
              selected.getElementType().isSignlessInteger(64) &&
              count.getElementType().isSignlessInteger(64) &&
              count.getShape() == ArrayRef<int64_t>{1};
  if (!fits)
    return report.fail("(C3) expected results [m, 3] and [1] of i64, found ",
                       (*this)->getResultTypes());
  return success();
}

//===----------------------------------------------------------------------===//
// WindowReduceOp
//===----------------------------------------------------------------------===//

LogicalResult WindowReduceOp::inferReturnTypes(MLIRContext *context,
                                               std::optional<Location> location,
                                               Adaptor adaptor,
                                               SmallVectorImpl<Type> &types) {
  Reporter report(location, getOperationName());
  RankedTensorType type = typeOf(adaptor.getOperand());
  ArrayRef<int64_t> window = adaptor.getWindow();
  int64_t count = window.size();
  if (count > type.getRank())
    return report.fail("(C1) expected a window of at most ", type.getRank(),
                       " dimensions, found ", toString(window));
  auto dims = getKnownDims(report, adaptor.getOperand());
  if (failed(dims) ||
      failed(checkList(report, "(C2)", "window", window, count, 1)) ||
      failed(checkList(report, "(C2)", "strides", adaptor.getStrides(), count,
                       1)) ||
      failed(checkList(report, "(C2)", "dilations", adaptor.getDilations(),
                       count, 1)))
    return failure();
  for (int64_t i = 0; i < count; ++i) {
    AffineExpr &dim = (*dims)[type.getRank() - count + i];
    auto windowed = inferWindowedDim(
        report, "(C3)", dim, getAffineConstantExpr(window[i], context),
        adaptor.getStrides()[i], adaptor.getDilations()[i]);
    if (failed(windowed))
      return failure();
    dim = *windowed;
  }
  types.push_back(getTensorType(*dims, type.getElementType()));
  return success();
}
