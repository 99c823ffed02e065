// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/ops/Inference.h"

using namespace mlir;
using namespace mlir::dl;

#define GET_OP_CLASSES
#include "ir/dialect/SignalOps.cpp.inc"

//===----------------------------------------------------------------------===//
// UnfoldOp
//===----------------------------------------------------------------------===//

LogicalResult UnfoldOp::inferReturnTypes(MLIRContext *context,
                                         std::optional<Location> location,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  Reporter report(location, getOperationName());
  RankedTensorType type = typeOf(adaptor.getOperand());
  int64_t axis = adaptor.getAxis(), size = adaptor.getSize(),
          step = adaptor.getStep();
  if (failed(checkAxis(report, "(C1)", axis, type.getRank())))
    return failure();
  if (size < 1 || step < 1)
    return report.fail("(C2) expected a positive size and step, found ", size,
                       " and ", step);
  auto dims = getKnownDims(report, adaptor.getOperand());
  if (failed(dims))
    return failure();
  AffineExpr window = getAffineConstantExpr(size, context);
  auto count = inferWindowedDim(report, "(C3)", (*dims)[axis], window, step,
                                /*dilation=*/1);
  if (failed(count))
    return failure();
  (*dims)[axis] = *count;
  dims->insert(dims->begin() + axis + 1, window);
  types.push_back(getTensorType(*dims, type.getElementType()));
  return success();
}

//===----------------------------------------------------------------------===//
// DftOp
//===----------------------------------------------------------------------===//

LogicalResult DftOp::inferReturnTypes(MLIRContext *context,
                                      std::optional<Location> location,
                                      Adaptor adaptor,
                                      SmallVectorImpl<Type> &types) {
  Reporter report(location, getOperationName());
  RankedTensorType type = typeOf(adaptor.getOperand());
  RankedTensorType roots = typeOf(adaptor.getRoots());
  int64_t rank = type.getRank(), length = adaptor.getLength(),
          outputs = adaptor.getOutputs();
  if (rank < 2 ||
      (type.getDimSize(rank - 1) != 1 && type.getDimSize(rank - 1) != 2) ||
      type.isDynamicDim(rank - 2) || type.getDimSize(rank - 2) == 0)
    return report.fail("(C1) expected rows of a known number of elements of 1 "
                       "or 2 parts, found ",
                       type);
  if (length < 1)
    return report.fail("(C2) expected a positive length, found ", length);
  if (outputs < 1 || outputs > length)
    return report.fail("(C3) expected 1 to ", length, " outputs, found ",
                       outputs);
  if (roots.getShape() != ArrayRef<int64_t>({length, 2}))
    return report.fail("(C4) expected ", length, " roots of 2 parts, found ",
                       roots);
  Type element = type.getElementType();
  if (roots.getElementType() != element ||
      !(element.isF32() || element.isF64()))
    return report.fail("(C5) expected one element type, f32 or f64, found ",
                       type, " and ", roots);
  auto dims = getKnownDims(report, adaptor.getOperand());
  if (failed(dims))
    return failure();
  (*dims)[rank - 2] = getAffineConstantExpr(outputs, context);
  (*dims)[rank - 1] = getAffineConstantExpr(2, context);
  types.push_back(getTensorType(*dims, element));
  return success();
}
