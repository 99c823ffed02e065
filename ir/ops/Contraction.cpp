// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Types of contractions.

#include "ir/ops/Inference.h"

using namespace mlir;
using namespace mlir::dl;

#define GET_OP_CLASSES
#include "ir/dialect/ContractionOps.cpp.inc"

static bool contradict(AffineExpr a, AffineExpr b) {
  return isa<AffineConstantExpr>(a) && isa<AffineConstantExpr>(b) && a != b;
}

//===----------------------------------------------------------------------===//
// MatmulOp
//===----------------------------------------------------------------------===//

LogicalResult MatmulOp::inferReturnTypes(MLIRContext *,
                                         std::optional<Location> location,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  RankedTensorType lhs = typeOf(adaptor.getLhs());
  RankedTensorType rhs = typeOf(adaptor.getRhs());
  if (lhs.getRank() < 2 || rhs.getRank() < 2)
    return emitOptionalError(location, "operands must have rank 2 or more");
  if (lhs.getElementType() != rhs.getElementType())
    return emitOptionalError(
        location, "operands differ in element type: found ",
        lhs.getElementType(), " and ", rhs.getElementType());
  SmallVector<AffineExpr> a = getDims(lhs), b = getDims(rhs);
  if (llvm::is_contained(a, AffineExpr()) ||
      llvm::is_contained(b, AffineExpr()))
    return emitOptionalError(location, "a dimension has no expression");
  AffineExpr n = b.pop_back_val(), k = b.pop_back_val();
  AffineExpr otherK = a.pop_back_val(), m = a.pop_back_val();
  if (contradict(k, otherK))
    return emitOptionalError(location, "contracted dimensions differ: found ",
                             lhs, " and ", rhs);
  auto batch = broadcastDims({a, b});
  if (failed(batch))
    return emitOptionalError(location,
                             "leading dimensions do not broadcast: found ", lhs,
                             " and ", rhs);
  batch->push_back(m);
  batch->push_back(n);
  types.push_back(getTensorType(*batch, lhs.getElementType()));
  return success();
}
LogicalResult MatmulOp::verify() { return success(); }

//===----------------------------------------------------------------------===//
// ConvOp, ConvTransposeOp
//===----------------------------------------------------------------------===//

LogicalResult ConvOp::inferReturnTypes(MLIRContext *,
                                       std::optional<Location> location,
                                       Adaptor adaptor,
                                       SmallVectorImpl<Type> &types) {
  RankedTensorType input = typeOf(adaptor.getInput());
  RankedTensorType filter = typeOf(adaptor.getFilter());
  int64_t spatial = input.getRank() - 2;
  if (spatial < 1 || filter.getRank() != input.getRank())
    return emitOptionalError(
        location, "input and filter must have one rank of 3 or more: found ",
        input, " and ", filter);
  for (ArrayRef<int64_t> list : {adaptor.getStrides(), adaptor.getPadsLow(),
                                 adaptor.getPadsHigh(), adaptor.getDilations()})
    if ((int64_t)list.size() != spatial)
      return emitOptionalError(location,
                               "attributes must have a value for each of the ",
                               spatial, " spatial dimensions");
  if (!filter.hasStaticShape())
    return emitOptionalError(location, "the filter must be static");
  SmallVector<AffineExpr> dims = getDims(input);
  if (llvm::is_contained(dims, AffineExpr()))
    return emitOptionalError(location, "a dimension has no expression");
  int64_t groups = adaptor.getGroups();
  if (groups < 1 || filter.getDimSize(0) % groups ||
      (!input.isDynamicDim(1) &&
       input.getDimSize(1) != filter.getDimSize(1) * groups))
    return emitOptionalError(location, "channels do not fit: found ", input,
                             " and ", filter, " with ", groups, " groups");
  dims[1] = getDim(filter, 0);
  for (int64_t i = 0; i < spatial; ++i) {
    dims[i + 2] = getWindowedDim(
        dims[i + 2] + (adaptor.getPadsLow()[i] + adaptor.getPadsHigh()[i]),
        filter.getDimSize(i + 2), adaptor.getStrides()[i],
        adaptor.getDilations()[i]);
    if (auto size = dyn_cast<AffineConstantExpr>(dims[i + 2]);
        size && size.getValue() < 0)
      return emitOptionalError(location, "the window exceeds the input");
  }
  types.push_back(getTensorType(dims, input.getElementType()));
  return success();
}
LogicalResult ConvOp::verify() {
  for (ArrayRef<int64_t> list : {getStrides(), getDilations()})
    if (llvm::any_of(list, [](int64_t v) { return v < 1; }))
      return emitOpError("strides and dilations must be positive");
  return success();
}

LogicalResult ConvTransposeOp::verify() {
  RankedTensorType input = typeOf(getInput()), filter = typeOf(getFilter());
  RankedTensorType result = typeOf(getResult());
  if (input.getRank() < 3 || filter.getRank() != input.getRank() ||
      result.getRank() != input.getRank())
    return emitOpError("input, filter and result must have one rank of 3 or "
                       "more");
  int64_t spatial = input.getRank() - 2;
  for (ArrayRef<int64_t> list : {getStrides(), getPadsLow(), getDilations()})
    if ((int64_t)list.size() != spatial)
      return emitOpError("attributes must have a value for each of the ")
             << spatial << " spatial dimensions";
  if (!filter.hasStaticShape() ||
      contradict(getDim(input, 1), getDim(filter, 0)))
    return emitOpError("the filter must be static and have the input's "
                       "channels");
  if (result.getDimSize(1) != filter.getDimSize(1) * (int64_t)getGroups())
    return emitOpError("result has ")
           << result.getDimSize(1) << " channels, expected "
           << filter.getDimSize(1) * (int64_t)getGroups();
  return success();
}
