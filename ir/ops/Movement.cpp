// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Ops that rearrange a tensor; Indexing.cpp has those that choose by index.

#include "ir/ops/Inference.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

using namespace mlir;
using namespace mlir::dl;

#define GET_OP_CLASSES
#include "ir/dialect/MovementOps.cpp.inc"

/// (D1) and (C1) of an op with a given result type.
static LogicalResult checkOperandAndResult(const Reporter &report,
                                           Value operand, Value result) {
  if (failed(checkDimsKnown(report, {operand, result})))
    return failure();
  if (typeOf(operand).getElementType() != typeOf(result).getElementType())
    return report.fail("(C1) expected a result of ",
                       typeOf(operand).getElementType(), ", found ",
                       typeOf(result).getElementType());
  return success();
}

//===----------------------------------------------------------------------===//
// ReshapeOp
//===----------------------------------------------------------------------===//

LogicalResult ReshapeOp::verify() {
  Reporter report(*this);
  if (failed(checkOperandAndResult(report, getOperand(), getResult())))
    return failure();
  if (contradict(getNumElements(typeOf(getOperand())),
                 getNumElements(typeOf(getResult()))))
    return report.fail("(C2) expected as many elements as ",
                       typeOf(getOperand()), " has, found ",
                       typeOf(getResult()));
  return success();
}

//===----------------------------------------------------------------------===//
// TransposeOp
//===----------------------------------------------------------------------===//

LogicalResult TransposeOp::inferReturnTypes(MLIRContext *,
                                            std::optional<Location> location,
                                            Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  Reporter report(location, getOperationName());
  RankedTensorType type = typeOf(adaptor.getOperand());
  ArrayRef<int64_t> permutation = adaptor.getPermutation();
  if (static_cast<int64_t>(permutation.size()) != type.getRank() ||
      !isPermutationVector(permutation))
    return report.fail("(C1) expected a permutation of ", type.getRank(),
                       " dimensions, found ", toString(permutation));
  auto dims = getKnownDims(report, adaptor.getOperand());
  if (failed(dims))
    return failure();
  applyPermutationToVector(*dims, permutation);
  types.push_back(getTensorType(*dims, type.getElementType()));
  return success();
}

//===----------------------------------------------------------------------===//
// BroadcastOp
//===----------------------------------------------------------------------===//

LogicalResult BroadcastOp::verify() {
  Reporter report(*this);
  if (failed(checkOperandAndResult(report, getOperand(), getResult())))
    return failure();
  SmallVector<AffineExpr> from = getDims(typeOf(getOperand())),
                          to = getDims(typeOf(getResult()));
  if (from.size() > to.size())
    return report.fail("(C2) expected a result of rank ", from.size(),
                       " or more, found ", typeOf(getResult()));
  for (auto [a, b] : llvm::zip(from, ArrayRef(to).take_back(from.size())))
    if (a != 1 && contradict(a, b))
      return report.fail("(C3) expected a result that ", typeOf(getOperand()),
                         " broadcasts to, found ", typeOf(getResult()));
  return success();
}

//===----------------------------------------------------------------------===//
// SliceOp
//===----------------------------------------------------------------------===//

LogicalResult SliceOp::verify() {
  Reporter report(*this);
  if (failed(checkOperandAndResult(report, getOperand(), getResult())))
    return failure();
  RankedTensorType operand = typeOf(getOperand()), result = typeOf(getResult());
  int64_t rank = operand.getRank();
  AffineMap offsets = getOffsets();
  ArrayRef<int64_t> strides = getStrides();
  if (offsets.getNumResults() != rank || result.getRank() != rank ||
      static_cast<int64_t>(strides.size()) != rank)
    return report.fail("(C2) expected ", rank,
                       " offsets, strides and result dimensions, found ",
                       offsets.getNumResults(), ", ", strides.size(), " and ",
                       result.getRank());
  if (offsets.getNumDims() != 0)
    return report.fail("(C3) expected offsets over symbols alone, found ",
                       AffineMapAttr::get(offsets));
  if (llvm::is_contained(strides, 0))
    return report.fail("(C4) expected strides that are not zero, found ",
                       toString(strides));
  for (int64_t i = 0; i < rank; ++i) {
    AffineExpr size = getDim(result, i), limit = getDim(operand, i),
               offset = offsets.getResult(i);
    // An empty result may lie anywhere.
    if (!provablyLessEqual(getAffineConstantExpr(1, getContext()), size))
      continue;
    AffineExpr last = offset + (size - 1) * strides[i];
    for (AffineExpr position : {offset, last})
      if (provablyLessEqual(position + 1,
                            getAffineConstantExpr(0, getContext())) ||
          provablyLessEqual(limit, position))
        return report.fail("(C5) expected positions within ", operand,
                           ", found others along dimension ", i);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// PadOp
//===----------------------------------------------------------------------===//

LogicalResult PadOp::verify() {
  Reporter report(*this);
  if (failed(checkOperandAndResult(report, getOperand(), getResult())))
    return failure();
  RankedTensorType operand = typeOf(getOperand()), value = typeOf(getValue());
  if (value.getRank() != 0 ||
      value.getElementType() != operand.getElementType())
    return report.fail("(C1) expected a scalar of ", operand.getElementType(),
                       ", found ", value);
  int64_t rank = operand.getRank();
  if (getLow().getNumResults() != rank || typeOf(getResult()).getRank() != rank)
    return report.fail(
        "(C2) expected ", rank, " low counts and result dimensions, found ",
        getLow().getNumResults(), " and ", typeOf(getResult()).getRank());
  if (getLow().getNumDims() != 0)
    return report.fail("(C3) expected low counts over symbols alone, found ",
                       getLowAttr());
  return success();
}

//===----------------------------------------------------------------------===//
// ConcatOp
//===----------------------------------------------------------------------===//

LogicalResult ConcatOp::inferReturnTypes(MLIRContext *,
                                         std::optional<Location> location,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  Reporter report(location, getOperationName());
  if (adaptor.getInputs().empty())
    return report.fail("(C1) expected an input");
  RankedTensorType first = typeOf(adaptor.getInputs()[0]);
  int64_t axis = adaptor.getAxis();
  if (failed(checkAxis(report, "(C2)", axis, first.getRank())))
    return failure();
  auto dims = getKnownDims(report, adaptor.getInputs()[0]);
  if (failed(dims))
    return failure();
  for (Value input : adaptor.getInputs().drop_front()) {
    RankedTensorType type = typeOf(input);
    if (type.getRank() != first.getRank() ||
        type.getElementType() != first.getElementType())
      return report.fail("(C3) expected inputs of one rank and element type, "
                         "found ",
                         first, " and ", type);
    auto others = getKnownDims(report, input);
    if (failed(others))
      return failure();
    for (int64_t i = 0; i < type.getRank(); ++i) {
      AffineExpr &dim = (*dims)[i], other = (*others)[i];
      if (i == axis)
        dim = dim + other;
      else if (contradict(dim, other))
        return report.fail("(C4) expected inputs that agree in dimension ", i,
                           ", found ", first, " and ", type);
      else if (isa<AffineConstantExpr>(other))
        dim = other;
    }
  }
  types.push_back(getTensorType(*dims, first.getElementType()));
  return success();
}
