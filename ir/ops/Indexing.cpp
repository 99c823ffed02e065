// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Ops that choose elements by index.

#include "ir/ops/Inference.h"

using namespace mlir;
using namespace mlir::dl;

//===----------------------------------------------------------------------===//
// GatherOp
//===----------------------------------------------------------------------===//

LogicalResult GatherOp::inferReturnTypes(MLIRContext *,
                                         std::optional<Location> location,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  Reporter report(location, getOperationName());
  RankedTensorType type = typeOf(adaptor.getOperand());
  int64_t axis = adaptor.getAxis();
  if (failed(checkAxis(report, "(C1)", axis, type.getRank())))
    return failure();
  auto dims = getKnownDims(report, adaptor.getOperand());
  auto indices = getKnownDims(report, adaptor.getIndices());
  if (failed(dims) || failed(indices))
    return failure();
  dims->erase(dims->begin() + axis);
  dims->insert(dims->begin() + axis, indices->begin(), indices->end());
  types.push_back(getTensorType(*dims, type.getElementType()));
  return success();
}

//===----------------------------------------------------------------------===//
// GatherElementsOp
//===----------------------------------------------------------------------===//

LogicalResult GatherElementsOp::inferReturnTypes(
    MLIRContext *, std::optional<Location> location, Adaptor adaptor,
    SmallVectorImpl<Type> &types) {
  Reporter report(location, getOperationName());
  RankedTensorType type = typeOf(adaptor.getOperand());
  RankedTensorType indices = typeOf(adaptor.getIndices());
  int64_t axis = adaptor.getAxis();
  if (failed(checkAxis(report, "(C1)", axis, type.getRank())))
    return failure();
  if (indices.getRank() != type.getRank())
    return report.fail("(C2) expected indices of rank ", type.getRank(),
                       ", found ", indices);
  auto dims = getKnownDims(report, adaptor.getOperand());
  auto taken = getKnownDims(report, adaptor.getIndices());
  if (failed(dims) || failed(taken))
    return failure();
  for (int64_t i = 0; i < type.getRank(); ++i)
    if (i != axis && provablyLessEqual((*dims)[i] + 1, (*taken)[i]))
      return report.fail("(C3) expected indices no larger than the operand in "
                         "dimension ",
                         i, ", found ", indices, " and ", type);
  types.push_back(withElementType(indices, type.getElementType()));
  return success();
}

//===----------------------------------------------------------------------===//
// GatherNdOp
//===----------------------------------------------------------------------===//

LogicalResult GatherNdOp::inferReturnTypes(MLIRContext *,
                                           std::optional<Location> location,
                                           Adaptor adaptor,
                                           SmallVectorImpl<Type> &types) {
  Reporter report(location, getOperationName());
  RankedTensorType type = typeOf(adaptor.getOperand());
  RankedTensorType indices = typeOf(adaptor.getIndices());
  int64_t batch = adaptor.getBatchDims(), rank = indices.getRank();
  if (rank == 0 || indices.isDynamicDim(rank - 1))
    return report.fail("(C1) expected indices with a static last dimension, "
                       "found ",
                       indices);
  if (batch < 0 || batch >= rank)
    return report.fail("(C2) expected batch_dims from 0 to ", rank - 1,
                       ", found ", batch);
  int64_t depth = indices.getDimSize(rank - 1);
  if (depth > type.getRank() - batch)
    return report.fail("(C3) expected at most ", type.getRank(),
                       " batch and indexed dimensions, found ", batch, " and ",
                       depth);
  auto dims = getKnownDims(report, adaptor.getOperand());
  auto result = getKnownDims(report, adaptor.getIndices());
  if (failed(dims) || failed(result))
    return failure();
  for (int64_t i = 0; i < batch; ++i)
    if (contradict((*dims)[i], (*result)[i]))
      return report.fail("(C4) expected leading dimensions that agree, found ",
                         type, " and ", indices);
  result->pop_back();
  llvm::append_range(*result, ArrayRef(*dims).drop_front(batch + depth));
  types.push_back(getTensorType(*result, type.getElementType()));
  return success();
}

//===----------------------------------------------------------------------===//
// ScatterElementsOp
//===----------------------------------------------------------------------===//

/// Strings and complex numbers are not added or compared in order.
static LogicalResult checkKind(const Reporter &report, StringRef label,
                               ScatterKind kind, RankedTensorType type) {
  if (kind == ScatterKind::Set ||
      !isa<StringType, ComplexType>(type.getElementType()))
    return success();
  return report.fail(label, " expected set, found ", stringifyScatterKind(kind),
                     " of ", type);
}

LogicalResult ScatterElementsOp::inferReturnTypes(
    MLIRContext *, std::optional<Location> location, Adaptor adaptor,
    SmallVectorImpl<Type> &types) {
  Reporter report(location, getOperationName());
  RankedTensorType type = typeOf(adaptor.getOperand());
  RankedTensorType indices = typeOf(adaptor.getIndices());
  RankedTensorType updates = typeOf(adaptor.getUpdates());
  if (failed(checkAxis(report, "(C1)", adaptor.getAxis(), type.getRank())))
    return failure();
  if (updates.getElementType() != type.getElementType())
    return report.fail("(C2) expected updates of ", type.getElementType(),
                       ", found ", updates.getElementType());
  if (indices.getRank() != type.getRank())
    return report.fail("(C3) expected indices of rank ", type.getRank(),
                       ", found ", indices);
  if (failed(checkDimsKnown(report, adaptor.getOperands())))
    return failure();
  bool agree =
      updates.getRank() == indices.getRank() &&
      llvm::none_of(llvm::zip(getDims(updates), getDims(indices)),
                    [](auto dims) {
                      return contradict(std::get<0>(dims), std::get<1>(dims));
                    });
  if (!agree)
    return report.fail("(C4) expected updates of the indices' shape, found ",
                       updates, " and ", indices);
  if (failed(checkKind(report, "(C5)", adaptor.getKind(), type)))
    return failure();
  types.push_back(type);
  return success();
}

//===----------------------------------------------------------------------===//
// ScatterNdOp
//===----------------------------------------------------------------------===//

LogicalResult ScatterNdOp::inferReturnTypes(MLIRContext *,
                                            std::optional<Location> location,
                                            Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  Reporter report(location, getOperationName());
  RankedTensorType type = typeOf(adaptor.getOperand());
  RankedTensorType indices = typeOf(adaptor.getIndices());
  RankedTensorType updates = typeOf(adaptor.getUpdates());
  int64_t rank = indices.getRank();
  if (rank == 0 || indices.isDynamicDim(rank - 1) ||
      indices.getDimSize(rank - 1) > type.getRank())
    return report.fail("(C1) expected indices with a static last dimension of "
                       "at most ",
                       type.getRank(), ", found ", indices);
  if (updates.getElementType() != type.getElementType())
    return report.fail("(C2) expected updates of ", type.getElementType(),
                       ", found ", updates.getElementType());
  if (failed(checkDimsKnown(report, adaptor.getOperands())))
    return failure();
  SmallVector<AffineExpr> expected = getDims(indices), dims = getDims(type);
  expected.pop_back();
  llvm::append_range(expected,
                     ArrayRef(dims).drop_front(indices.getDimSize(rank - 1)));
  RankedTensorType expectedType =
      getTensorType(expected, type.getElementType());
  if (updates.getRank() != expectedType.getRank() ||
      llvm::any_of(llvm::zip(getDims(updates), expected), [](auto pair) {
        return contradict(std::get<0>(pair), std::get<1>(pair));
      }))
    return report.fail("(C3) expected updates of ", expectedType, ", found ",
                       updates);
  if (failed(checkKind(report, "(C4)", adaptor.getKind(), type)))
    return failure();
  types.push_back(type);
  return success();
}
