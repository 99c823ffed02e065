// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/ops/ConstantFolders.h"
#include "ir/ops/Inference.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

using namespace mlir;
using namespace mlir::dl;

OpFoldResult ReduceOp::fold(FoldAdaptor adaptor) {
  RankedTensorType type = typeOf(getResult()), operand = typeOf(getOperand());
  if (getAxes().empty() && operand == type)
    return getOperand();
  // Of integers that hold sizes, the sum, product, or a provable maximum.
  auto values = getSizeValues(adaptor.getOperand());
  if (!values || !isSmallConstant(type) || type.getNumElements() == 0 ||
      !holdsSizes(type.getElementType()))
    return {};
  SmallVector<int64_t> strides = computeStrides(operand.getShape()), keptShape,
                       keptStrides, shape, reducedStrides;
  for (int64_t i = 0; i < operand.getRank(); ++i) {
    bool isReduced = llvm::is_contained(getAxes(), i);
    (isReduced ? shape : keptShape).push_back(operand.getDimSize(i));
    (isReduced ? reducedStrides : keptStrides).push_back(strides[i]);
  }
  SmallVector<AffineExpr> results;
  for (int64_t first : getStridedIndices(keptShape, keptStrides, 0)) {
    AffineExpr result;
    for (int64_t i : getStridedIndices(shape, reducedStrides, first)) {
      result =
          result ? reduceSizes(getKind(), result, (*values)[i]) : (*values)[i];
      if (!result)
        return {};
    }
    // Nothing to reduce: only sum and product have an answer that is a size.
    if (!result) {
      if (getKind() == ReduceKind::Max || getKind() == ReduceKind::Min)
        return {};
      result =
          getAffineConstantExpr(getKind() == ReduceKind::Prod, getContext());
    }
    results.push_back(result);
  }
  return getSizeAttr(results, type);
}
