// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Types of operations that move elements.

#include "ir/ops/Inference.h"

using namespace mlir;
using namespace mlir::dl;

#define GET_OP_CLASSES
#include "ir/dialect/MovementOps.cpp.inc"

static LogicalResult verifySameElements(Operation *op) {
  Type from = getElementTypeOrSelf(op->getOperand(0).getType());
  Type to = getElementTypeOrSelf(op->getResult(0).getType());
  if (from != to)
    return op->emitOpError("element types differ: found ")
           << to << ", expected " << from;
  return success();
}

LogicalResult ReshapeOp::verify() {
  if (failed(verifySameElements(*this)))
    return failure();
  AffineExpr from = getNumElements(typeOf(getOperand()));
  AffineExpr to = getNumElements(typeOf(getResult()));
  if (isa<AffineConstantExpr>(from) && isa<AffineConstantExpr>(to) &&
      from != to)
    return emitOpError("element counts differ: found ")
           << cast<AffineConstantExpr>(to).getValue() << ", expected "
           << cast<AffineConstantExpr>(from).getValue();
  return success();
}

LogicalResult TransposeOp::inferReturnTypes(MLIRContext *,
                                            std::optional<Location> location,
                                            Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  RankedTensorType type = typeOf(adaptor.getOperand());
  ArrayRef<int64_t> permutation = adaptor.getPermutation();
  if ((int64_t)permutation.size() != type.getRank() ||
      !isPermutationVector(permutation))
    return emitOptionalError(location, "not a permutation of the operand's ",
                             type.getRank(), " dimensions");
  SmallVector<AffineExpr> dims;
  for (int64_t d : permutation)
    dims.push_back(getDim(type, d));
  if (llvm::is_contained(dims, AffineExpr()))
    return emitOptionalError(location, "a dimension has no expression");
  types.push_back(getTensorType(dims, type.getElementType()));
  return success();
}
LogicalResult TransposeOp::verify() { return success(); }

LogicalResult BroadcastOp::verify() {
  if (failed(verifySameElements(*this)))
    return failure();
  SmallVector<AffineExpr> from = getDims(typeOf(getOperand()));
  SmallVector<AffineExpr> to = getDims(typeOf(getResult()));
  if (from.size() > to.size())
    return emitOpError("result has a lower rank than the operand");
  for (auto [i, dim] : llvm::enumerate(from)) {
    AffineExpr out = to[to.size() - from.size() + i];
    if (isa<AffineConstantExpr>(dim) && isa<AffineConstantExpr>(out) &&
        dim != 1 && dim != out)
      return emitOpError("dimension ")
             << i << " of the operand does not broadcast to the result";
  }
  return success();
}

LogicalResult SliceOp::verify() {
  RankedTensorType type = typeOf(getOperand());
  if (failed(verifySameElements(*this)))
    return failure();
  if (getOffsets().getNumResults() != type.getRank() ||
      (int64_t)getStrides().size() != type.getRank() ||
      typeOf(getResult()).getRank() != type.getRank())
    return emitOpError("offsets, strides and result must have the operand's "
                       "rank ")
           << type.getRank();
  if (llvm::is_contained(getStrides(), 0))
    return emitOpError("strides must not be zero");
  return success();
}

LogicalResult PadOp::verify() {
  RankedTensorType type = typeOf(getOperand());
  if (failed(verifySameElements(*this)))
    return failure();
  if (getLow().getNumResults() != type.getRank() ||
      typeOf(getResult()).getRank() != type.getRank())
    return emitOpError("low and result must have the operand's rank ")
           << type.getRank();
  if (typeOf(getValue()).getRank() != 0 ||
      getElementTypeOrSelf(getValue().getType()) != type.getElementType())
    return emitOpError("value must be a scalar of the operand's element type");
  return success();
}

LogicalResult ConcatOp::inferReturnTypes(MLIRContext *context,
                                         std::optional<Location> location,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  if (adaptor.getInputs().empty())
    return emitOptionalError(location, "at least one input is needed");
  RankedTensorType first = typeOf(adaptor.getInputs()[0]);
  int64_t axis = adaptor.getAxis();
  if (axis < 0 || axis >= first.getRank())
    return emitOptionalError(location, "axis ", axis,
                             " is out of range: the inputs have rank ",
                             first.getRank());
  SmallVector<AffineExpr> dims = getDims(first);
  AffineExpr sum = getAffineConstantExpr(0, context);
  for (Value input : adaptor.getInputs()) {
    RankedTensorType type = typeOf(input);
    if (type.getRank() != first.getRank() ||
        type.getElementType() != first.getElementType())
      return emitOptionalError(location, "inputs disagree: found ", type,
                               ", expected the rank and element type of ",
                               first);
    for (int64_t d = 0; d < type.getRank(); ++d) {
      AffineExpr dim = getDim(type, d);
      if (!dim)
        return emitOptionalError(location, "a dimension has no expression");
      if (d == axis) {
        sum = sum + dim;
        continue;
      }
      if (isa<AffineConstantExpr>(dim) && isa<AffineConstantExpr>(dims[d]) &&
          dim != dims[d])
        return emitOptionalError(location, "inputs disagree in dimension ", d,
                                 ": found ", type, " and ", first);
      if (isa<AffineConstantExpr>(dim))
        dims[d] = dim;
    }
  }
  dims[axis] = sum;
  types.push_back(getTensorType(dims, first.getElementType()));
  return success();
}
LogicalResult ConcatOp::verify() { return success(); }

//===----------------------------------------------------------------------===//
// Gather and scatter
//===----------------------------------------------------------------------===//

LogicalResult GatherOp::inferReturnTypes(MLIRContext *,
                                         std::optional<Location> location,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  RankedTensorType type = typeOf(adaptor.getOperand());
  int64_t axis = adaptor.getAxis();
  if (axis < 0 || axis >= type.getRank())
    return emitOptionalError(location, "axis ", axis,
                             " is out of range: the operand has rank ",
                             type.getRank());
  SmallVector<AffineExpr> dims = getDims(type), result;
  result.append(dims.begin(), dims.begin() + axis);
  llvm::append_range(result, getDims(typeOf(adaptor.getIndices())));
  result.append(dims.begin() + axis + 1, dims.end());
  if (llvm::is_contained(result, AffineExpr()))
    return emitOptionalError(location, "a dimension has no expression");
  types.push_back(getTensorType(result, type.getElementType()));
  return success();
}
LogicalResult GatherOp::verify() { return success(); }

LogicalResult GatherElementsOp::inferReturnTypes(
    MLIRContext *, std::optional<Location> location, Adaptor adaptor,
    SmallVectorImpl<Type> &types) {
  RankedTensorType type = typeOf(adaptor.getOperand());
  RankedTensorType indices = typeOf(adaptor.getIndices());
  if (indices.getRank() != type.getRank() ||
      (int64_t)adaptor.getAxis() >= type.getRank())
    return emitOptionalError(location, "indices must have the operand's rank ",
                             type.getRank(), ", and axis be below it");
  types.push_back(withElementType(indices, type.getElementType()));
  return success();
}
LogicalResult GatherElementsOp::verify() { return success(); }

LogicalResult GatherNdOp::inferReturnTypes(MLIRContext *,
                                           std::optional<Location> location,
                                           Adaptor adaptor,
                                           SmallVectorImpl<Type> &types) {
  RankedTensorType type = typeOf(adaptor.getOperand());
  RankedTensorType indices = typeOf(adaptor.getIndices());
  int64_t batch = adaptor.getBatchDims();
  if (indices.getRank() < 1 || indices.isDynamicDim(indices.getRank() - 1))
    return emitOptionalError(location,
                             "the last dimension of indices must be static");
  int64_t depth = indices.getDimSize(indices.getRank() - 1);
  if (batch < 0 || batch >= indices.getRank() || batch + depth > type.getRank())
    return emitOptionalError(location, "index tuples of ", depth,
                             " do not fit an operand of rank ", type.getRank());
  SmallVector<AffineExpr> dims = getDims(indices), rest = getDims(type);
  dims.pop_back();
  dims.append(rest.begin() + batch + depth, rest.end());
  if (llvm::is_contained(dims, AffineExpr()))
    return emitOptionalError(location, "a dimension has no expression");
  types.push_back(getTensorType(dims, type.getElementType()));
  return success();
}
LogicalResult GatherNdOp::verify() { return success(); }

#define DL_SCATTER(OP)                                                         \
  LogicalResult OP::inferReturnTypes(                                          \
      MLIRContext *, std::optional<Location> location, Adaptor adaptor,        \
      SmallVectorImpl<Type> &types) {                                          \
    types.push_back(adaptor.getOperand().getType());                           \
    return success();                                                          \
  }
DL_SCATTER(ScatterElementsOp)
DL_SCATTER(ScatterNdOp)
#undef DL_SCATTER

LogicalResult ScatterElementsOp::verify() {
  RankedTensorType type = typeOf(getOperand());
  RankedTensorType indices = typeOf(getIndices());
  RankedTensorType updates = typeOf(getUpdates());
  if (indices.getRank() != type.getRank() ||
      updates.getRank() != type.getRank() ||
      (int64_t)getAxis() >= type.getRank())
    return emitOpError("indices and updates must have the operand's rank, and "
                       "axis be below it");
  if (updates.getElementType() != type.getElementType())
    return emitOpError("updates must have the operand's element type");
  return success();
}

LogicalResult ScatterNdOp::verify() {
  RankedTensorType type = typeOf(getOperand());
  RankedTensorType indices = typeOf(getIndices());
  RankedTensorType updates = typeOf(getUpdates());
  if (indices.getRank() < 1 || indices.isDynamicDim(indices.getRank() - 1))
    return emitOpError("the last dimension of indices must be static");
  int64_t depth = indices.getDimSize(indices.getRank() - 1);
  if (depth > type.getRank() ||
      updates.getRank() != indices.getRank() - 1 + type.getRank() - depth)
    return emitOpError("updates have rank ")
           << updates.getRank() << ", expected "
           << indices.getRank() - 1 + type.getRank() - depth;
  if (updates.getElementType() != type.getElementType())
    return emitOpError("updates must have the operand's element type");
  return success();
}
