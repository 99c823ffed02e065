// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Folders of ops that move elements: what changes nothing, what cancels, and
// small constants and sizes, whose elements are picked one by one.

#include "ir/ops/ConstantFolders.h"
#include "ir/ops/Inference.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

using namespace mlir;
using namespace mlir::dl;

/// Lets `op` stand for `producer`, too: its operand becomes the producer's, and
/// it comes from the nodes of both.
static void absorb(Operation *op, Operation *producer) {
  op->setOperand(0, producer->getOperand(0));
  op->setLoc(
      FusedLoc::get(op->getContext(), {producer->getLoc(), op->getLoc()}));
}

//===----------------------------------------------------------------------===//
// ReshapeOp
//===----------------------------------------------------------------------===//

OpFoldResult ReshapeOp::fold(FoldAdaptor adaptor) {
  if (getOperand().getType() == getType())
    return getOperand();
  if (auto producer = getOperand().getDefiningOp<ReshapeOp>()) {
    if (producer.getOperand().getType() == getType())
      return producer.getOperand();
    absorb(*this, producer);
    return getResult();
  }
  RankedTensorType type = typeOf(getResult());
  if (!type.hasStaticShape())
    return {};
  return pickElements(adaptor.getOperand(), type, [&] {
    return llvm::to_vector(llvm::seq<int64_t>(type.getNumElements()));
  });
}

//===----------------------------------------------------------------------===//
// TransposeOp
//===----------------------------------------------------------------------===//

OpFoldResult TransposeOp::fold(FoldAdaptor adaptor) {
  ArrayRef<int64_t> permutation = getPermutation();
  if (isIdentityPermutation(permutation) && getOperand().getType() == getType())
    return getOperand();
  if (auto producer = getOperand().getDefiningOp<TransposeOp>()) {
    SmallVector<int64_t> combined(producer.getPermutation());
    applyPermutationToVector(combined, permutation);
    if (isIdentityPermutation(combined) &&
        producer.getOperand().getType() == getType())
      return producer.getOperand();
    setPermutation(combined);
    absorb(*this, producer);
    return getResult();
  }
  RankedTensorType type = typeOf(getResult());
  return pickElements(adaptor.getOperand(), type, [&] {
    SmallVector<int64_t> strides =
        computeStrides(typeOf(getOperand()).getShape());
    applyPermutationToVector(strides, permutation);
    return getStridedIndices(type.getShape(), strides, 0);
  });
}

//===----------------------------------------------------------------------===//
// BroadcastOp
//===----------------------------------------------------------------------===//

OpFoldResult BroadcastOp::fold(FoldAdaptor adaptor) {
  if (getOperand().getType() == getType())
    return getOperand();
  if (auto producer = getOperand().getDefiningOp<BroadcastOp>()) {
    absorb(*this, producer);
    return getResult();
  }
  RankedTensorType type = typeOf(getResult());
  return pickElements(adaptor.getOperand(), type, [&] {
    return getBroadcastIndices(typeOf(getOperand()).getShape(), type);
  });
}

//===----------------------------------------------------------------------===//
// SliceOp
//===----------------------------------------------------------------------===//

OpFoldResult SliceOp::fold(FoldAdaptor adaptor) {
  RankedTensorType type = typeOf(getResult());
  if (getOperand().getType() == type &&
      llvm::all_of(getStrides(), [](int64_t stride) { return stride == 1; }))
    return getOperand();
  if (!llvm::all_of(getOffsets().getResults(),
                    llvm::IsaPred<AffineConstantExpr>)) {
    // A splat is the same everywhere.
    if (isa_and_present<SplatElementsAttr>(adaptor.getOperand()))
      return pickElements(adaptor.getOperand(), type, nullptr);
    return {};
  }
  return pickElements(adaptor.getOperand(), type, [&] {
    SmallVector<int64_t> strides =
        computeStrides(typeOf(getOperand()).getShape());
    int64_t first = 0;
    for (auto [i, offset] : llvm::enumerate(getOffsets().getResults())) {
      first += cast<AffineConstantExpr>(offset).getValue() * strides[i];
      // One element along a dimension has a step that may be any.
      strides[i] = type.getDimSize(i) <= 1 ? 0 : strides[i] * getStrides()[i];
    }
    return getStridedIndices(type.getShape(), strides, first);
  });
}

//===----------------------------------------------------------------------===//
// ConcatOp
//===----------------------------------------------------------------------===//

OpFoldResult ConcatOp::fold(FoldAdaptor adaptor) {
  if (getInputs().size() == 1 && getInputs().front().getType() == getType())
    return getInputs().front();
  RankedTensorType type = typeOf(getResult());
  if (!isSmallConstant(type))
    return {};
  if (llvm::is_contained(type.getShape(), 0))
    return pickElements({}, type);
  // Along the outer dimensions, take turns in copying from each input.
  int64_t outer = 1;
  for (int64_t dim : type.getShape().take_front(getAxis()))
    outer *= dim;
  SmallVector<Element> elements;
  for (int64_t i = 0; i < outer; ++i)
    for (auto [attribute, input] :
         llvm::zip(adaptor.getInputs(), getInputs())) {
      RankedTensorType inputType = typeOf(input);
      if (!inputType.hasStaticShape())
        return {};
      int64_t count = inputType.getNumElements() / outer;
      for (int64_t j = 0; j < count; ++j)
        elements.push_back({attribute, i * count + j});
    }
  return pickElements(elements, type);
}

//===----------------------------------------------------------------------===//
// GatherOp
//===----------------------------------------------------------------------===//

OpFoldResult GatherOp::fold(FoldAdaptor adaptor) {
  RankedTensorType type = typeOf(getResult()), operand = typeOf(getOperand());
  auto indices = getSizeValues(adaptor.getIndices());
  if (!indices || !isSmallConstant(type) || !operand.hasStaticShape())
    return {};
  if (llvm::is_contained(type.getShape(), 0))
    return pickElements({}, type);
  int64_t size = operand.getDimSize(getAxis()), outer = 1, inner = 1;
  for (int64_t dim : operand.getShape().take_front(getAxis()))
    outer *= dim;
  for (int64_t dim : operand.getShape().drop_front(getAxis() + 1))
    inner *= dim;
  SmallVector<Element> elements;
  for (int64_t i = 0; i < outer; ++i)
    for (AffineExpr index : *indices) {
      auto constant = dyn_cast<AffineConstantExpr>(index);
      if (!constant)
        return {};
      int64_t at = constant.getValue();
      at = at < 0 ? at + size : at;
      if (at < 0 || at >= size)
        return {};
      for (int64_t j = 0; j < inner; ++j)
        elements.push_back({adaptor.getOperand(), (i * size + at) * inner + j});
    }
  return pickElements(elements, type);
}
