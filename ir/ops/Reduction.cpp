// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Types of reductions.

#include "ir/ops/Inference.h"

using namespace mlir;
using namespace mlir::dl;

#define GET_OP_CLASSES
#include "ir/dialect/ReductionOps.cpp.inc"

static LogicalResult verifyAxis(Operation *op, int64_t axis, int64_t rank) {
  if (axis < 0 || axis >= rank)
    return op->emitOpError("axis ")
           << axis << " is out of range: the operand has rank " << rank;
  return success();
}

//===----------------------------------------------------------------------===//
// ReduceOp
//===----------------------------------------------------------------------===//

LogicalResult ReduceOp::inferReturnTypes(MLIRContext *context,
                                         std::optional<Location> location,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  RankedTensorType type = typeOf(adaptor.getOperand());
  ArrayRef<int64_t> axes = adaptor.getAxes();
  for (auto [i, axis] : llvm::enumerate(axes))
    if (axis < 0 || axis >= type.getRank() || (i && axes[i - 1] >= axis))
      return emitOptionalError(
          location, "axes must be distinct, ascending and below the rank ",
          type.getRank());
  SmallVector<AffineExpr> dims;
  for (int64_t d = 0; d < type.getRank(); ++d) {
    if (!llvm::is_contained(axes, d))
      dims.push_back(getDim(type, d));
    else if (adaptor.getKeepdims())
      dims.push_back(getAffineConstantExpr(1, context));
    if (!dims.empty() && !dims.back())
      return emitOptionalError(location, "a dimension has no expression");
  }
  types.push_back(getTensorType(dims, type.getElementType()));
  return success();
}

LogicalResult ReduceOp::verify() { return success(); }

//===----------------------------------------------------------------------===//
// SoftmaxOp, CumsumOp: as their operand
//===----------------------------------------------------------------------===//

LogicalResult SoftmaxOp::inferReturnTypes(MLIRContext *,
                                          std::optional<Location>,
                                          Adaptor adaptor,
                                          SmallVectorImpl<Type> &types) {
  types.push_back(adaptor.getOperand().getType());
  return success();
}
LogicalResult SoftmaxOp::verify() {
  return verifyAxis(*this, getAxis(), typeOf(getOperand()).getRank());
}

LogicalResult CumsumOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  types.push_back(adaptor.getOperand().getType());
  return success();
}
LogicalResult CumsumOp::verify() {
  return verifyAxis(*this, getAxis(), typeOf(getOperand()).getRank());
}

//===----------------------------------------------------------------------===//
// ArgReduceOp, TopkOp
//===----------------------------------------------------------------------===//

LogicalResult ArgReduceOp::inferReturnTypes(MLIRContext *context,
                                            std::optional<Location> location,
                                            Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  RankedTensorType type = typeOf(adaptor.getOperand());
  int64_t axis = adaptor.getAxis();
  if (axis < 0 || axis >= type.getRank())
    return emitOptionalError(location, "axis ", axis,
                             " is out of range: the operand has rank ",
                             type.getRank());
  SmallVector<AffineExpr> dims = getDims(type);
  if (adaptor.getKeepdims())
    dims[axis] = getAffineConstantExpr(1, context);
  else
    dims.erase(dims.begin() + axis);
  types.push_back(getTensorType(dims, IntegerType::get(context, 64)));
  return success();
}
LogicalResult ArgReduceOp::verify() {
  if (getKind() != ReduceKind::Max && getKind() != ReduceKind::Min)
    return emitOpError("kind must be max or min");
  return success();
}

LogicalResult TopkOp::verify() {
  RankedTensorType type = typeOf(getOperand());
  if (failed(verifyAxis(*this, getAxis(), type.getRank())))
    return failure();
  RankedTensorType values = typeOf(getValues()), indices = typeOf(getIndices());
  if (values.getElementType() != type.getElementType() ||
      !indices.getElementType().isInteger(64))
    return emitOpError("results must hold the operand's element type and i64");
  if (values.getShape() != indices.getShape() ||
      values.getRank() != type.getRank())
    return emitOpError("results differ in shape from each other or in rank "
                       "from the operand");
  return success();
}

//===----------------------------------------------------------------------===//
// WindowReduceOp
//===----------------------------------------------------------------------===//

LogicalResult WindowReduceOp::inferReturnTypes(MLIRContext *,
                                               std::optional<Location> location,
                                               Adaptor adaptor,
                                               SmallVectorImpl<Type> &types) {
  RankedTensorType type = typeOf(adaptor.getOperand());
  size_t n = adaptor.getWindow().size();
  if (adaptor.getStrides().size() != n || adaptor.getDilations().size() != n ||
      (int64_t)n > type.getRank())
    return emitOptionalError(location,
                             "window, strides and dilations must agree in "
                             "length, at most the operand's rank");
  SmallVector<AffineExpr> dims = getDims(type);
  for (size_t i = 0; i < n; ++i) {
    AffineExpr &dim = dims[dims.size() - n + i];
    dim = getWindowedDim(dim, adaptor.getWindow()[i], adaptor.getStrides()[i],
                         adaptor.getDilations()[i]);
    if (auto size = dyn_cast<AffineConstantExpr>(dim);
        size && size.getValue() < 0)
      return emitOptionalError(location, "the window exceeds the operand");
  }
  types.push_back(getTensorType(dims, type.getElementType()));
  return success();
}
LogicalResult WindowReduceOp::verify() {
  for (ArrayRef<int64_t> list : {getWindow(), getStrides(), getDilations()})
    if (llvm::any_of(list, [](int64_t v) { return v < 1; }))
      return emitOpError("window, strides and dilations must be positive");
  return success();
}

//===----------------------------------------------------------------------===//
// Folding
//===----------------------------------------------------------------------===//

OpFoldResult ReduceOp::fold(FoldAdaptor adaptor) {
  if (getAxes().empty() && getOperand().getType() == getType())
    return getOperand();
  // The product or sum of a list of sizes.
  auto values = getSizeValues(adaptor.getOperand());
  auto type = cast<RankedTensorType>(getType());
  if (!values || !isa<IntegerType>(type.getElementType()) ||
      getOperand().getType().getRank() != 1 || type.getNumElements() != 1 ||
      (getKind() != ReduceKind::Sum && getKind() != ReduceKind::Prod))
    return {};
  bool isSum = getKind() == ReduceKind::Sum;
  AffineExpr result = getAffineConstantExpr(isSum ? 0 : 1, getContext());
  for (AffineExpr value : *values)
    result = isSum ? result + value : result * value;
  return getSizeAttr({simplify(result)}, type);
}
