// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Folders of operations that move elements: what changes nothing, what cancels,
// splats, and the integer tensors that hold sizes.

#include "ir/ops/Inference.h"

using namespace mlir;
using namespace mlir::dl;

/// A splat, or the same sizes in the same order, with another shape.
static OpFoldResult foldReshaped(Attribute operand, Type resultType) {
  auto type = cast<RankedTensorType>(resultType);
  if (!operand || !type.hasStaticShape())
    return {};
  if (auto splat = dyn_cast<SplatElementsAttr>(operand))
    return splat.resizeSplat(type);
  auto values = getSizeValues(operand);
  if (!values || !isa<IntegerType>(type.getElementType()) ||
      type.getRank() > 1 || (int64_t)values->size() != type.getNumElements())
    return {};
  return getSizeAttr(*values, type);
}

OpFoldResult ReshapeOp::fold(FoldAdaptor adaptor) {
  if (getOperand().getType() == getType())
    return getOperand();
  if (auto producer = getOperand().getDefiningOp<ReshapeOp>()) {
    getOperandMutable().assign(producer.getOperand());
    return getResult();
  }
  return foldReshaped(adaptor.getOperand(), getType());
}

OpFoldResult TransposeOp::fold(FoldAdaptor adaptor) {
  ArrayRef<int64_t> permutation = getPermutation();
  if (llvm::is_sorted(permutation))
    return getOperand();
  if (auto producer = getOperand().getDefiningOp<TransposeOp>()) {
    SmallVector<int64_t> combined;
    for (int64_t d : permutation)
      combined.push_back(producer.getPermutation()[d]);
    setPermutation(combined);
    getOperandMutable().assign(producer.getOperand());
    return getResult();
  }
  if (auto splat = dyn_cast_or_null<SplatElementsAttr>(adaptor.getOperand()))
    return splat.resizeSplat(cast<ShapedType>(getType()));
  return {};
}

OpFoldResult BroadcastOp::fold(FoldAdaptor adaptor) {
  if (getOperand().getType() == getType())
    return getOperand();
  auto type = cast<RankedTensorType>(getType());
  if (!type.hasStaticShape())
    return {};
  if (auto splat = dyn_cast_or_null<SplatElementsAttr>(adaptor.getOperand()))
    return splat.resizeSplat(type);
  auto values = getSizeValues(adaptor.getOperand());
  if (!values || values->size() != 1 || type.getRank() > 1 ||
      !isa<IntegerType>(type.getElementType()) || type.getNumElements() > 256)
    return {};
  return getSizeAttr(
      SmallVector<AffineExpr>(type.getNumElements(), values->front()), type);
}

OpFoldResult SliceOp::fold(FoldAdaptor adaptor) {
  auto type = cast<RankedTensorType>(getType());
  bool whole = getOperand().getType() == type &&
               llvm::all_of(getStrides(), [](int64_t s) { return s == 1; });
  if (whole)
    return getOperand();
  if (!type.hasStaticShape())
    return {};
  if (auto splat = dyn_cast_or_null<SplatElementsAttr>(adaptor.getOperand()))
    return splat.resizeSplat(type);
  auto values = getSizeValues(adaptor.getOperand());
  if (!values || type.getRank() != 1 || getOperand().getType().getRank() != 1 ||
      !isa<IntegerType>(type.getElementType()))
    return {};
  auto offset = dyn_cast<AffineConstantExpr>(getOffsets().getResult(0));
  if (!offset)
    return {};
  SmallVector<AffineExpr> result;
  for (int64_t i = 0, e = type.getNumElements(); i < e; ++i) {
    int64_t at = offset.getValue() + i * getStrides()[0];
    if (at < 0 || at >= (int64_t)values->size())
      return {};
    result.push_back((*values)[at]);
  }
  return getSizeAttr(result, type);
}

OpFoldResult ConcatOp::fold(FoldAdaptor adaptor) {
  if (getInputs().size() == 1)
    return getInputs().front();
  auto type = cast<RankedTensorType>(getType());
  if (type.getRank() != 1 || !type.hasStaticShape() ||
      !isa<IntegerType>(type.getElementType()))
    return {};
  SmallVector<AffineExpr> result;
  for (Attribute input : adaptor.getInputs()) {
    auto values = getSizeValues(input);
    if (!values)
      return {};
    if (auto splat = dyn_cast<SplatElementsAttr>(input))
      values->resize(splat.getNumElements(), values->front());
    llvm::append_range(result, *values);
  }
  if ((int64_t)result.size() != type.getNumElements() || result.size() > 256)
    return {};
  return getSizeAttr(result, type);
}

OpFoldResult GatherOp::fold(FoldAdaptor adaptor) {
  auto type = cast<RankedTensorType>(getType());
  if (!type.hasStaticShape() || type.getRank() > 1 ||
      !isa<IntegerType>(type.getElementType()) ||
      getOperand().getType().getRank() != 1)
    return {};
  auto values = getSizeValues(adaptor.getOperand());
  auto indices = getSizeValues(adaptor.getIndices());
  if (!values || !indices)
    return {};
  SmallVector<AffineExpr> result;
  for (AffineExpr index : *indices) {
    auto at = dyn_cast<AffineConstantExpr>(index);
    if (!at)
      return {};
    int64_t i = at.getValue() < 0 ? at.getValue() + (int64_t)values->size()
                                  : at.getValue();
    if (i < 0 || i >= (int64_t)values->size())
      return {};
    result.push_back((*values)[i]);
  }
  if ((int64_t)result.size() != type.getNumElements())
    return {};
  return getSizeAttr(result, type);
}
