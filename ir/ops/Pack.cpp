// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/Dialect.h"
#include "ir/dialect/Winograd.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

using namespace mlir;
using namespace mlir::dl;

LogicalResult PackOp::verify() {
  RankedTensorType type = getOperand().getType();
  if (!type.hasStaticShape())
    return emitOpError("expected a static operand, found ") << type;
  int64_t rank = type.getRank();
  ArrayRef<int64_t> outerPerm = getOuterPerm(), innerDims = getInnerDims(),
                    innerTiles = getInnerTiles();
  if (!outerPerm.empty() && (static_cast<int64_t>(outerPerm.size()) != rank ||
                             !isPermutationVector(outerPerm)))
    return emitOpError("(P1) expected outer_perm to permute ")
           << rank << " dimensions, found [" << outerPerm << "]";
  SmallVector<int64_t> packed(type.getShape());
  llvm::SmallDenseSet<int64_t> seen;
  for (int64_t dim : innerDims)
    if (dim < 0 || dim >= rank || !seen.insert(dim).second)
      return emitOpError("(P2) expected inner_dims to be different dimensions "
                         "of the operand, found [")
             << innerDims << "]";
  if (innerTiles.size() != innerDims.size() ||
      llvm::any_of(innerTiles, [](int64_t tile) { return tile <= 0; }))
    return emitOpError("(P3) expected ")
           << innerDims.size() << " positive tiles, found [" << innerTiles
           << "]";
  for (auto [dim, tile] : llvm::zip(innerDims, innerTiles))
    packed[dim] = llvm::divideCeil(packed[dim], tile);
  if (!outerPerm.empty())
    applyPermutationToVector(packed, outerPerm);
  llvm::append_range(packed, innerTiles);
  auto expected = RankedTensorType::get(packed, type.getElementType());
  if (getResult().getType() != expected)
    return emitOpError("(P4) expected the result type ")
           << expected << ", found " << getResult().getType();
  return success();
}

LogicalResult WinogradFilterOp::verify() {
  RankedTensorType type = getOperand().getType();
  int64_t stride = getStride();
  // Products of these are numbers, too.
  constexpr int64_t kMaxStride = 64, kMaxSize = int64_t(1) << 32;
  if (stride < 1 || stride > kMaxStride)
    return emitOpError("(W1) expected a stride from 1 to ")
           << kMaxStride << ", found " << stride;
  if (!type.hasStaticShape() || type.getRank() != 4 ||
      !type.getElementType().isF32() ||
      llvm::any_of(type.getShape(),
                   [](int64_t size) { return size > kMaxSize; }) ||
      winograd::countTaps(type.getDimSize(0), type.getDimSize(1), stride) >
          winograd::kMaxTaps)
    return emitOpError(
               "(W1) expected a static [height, width, C, M] of f32, of "
               "up to ")
           << winograd::kMaxTaps * stride << " taps, found " << type;
  auto expected = RankedTensorType::get({winograd::kInputs, winograd::kInputs,
                                         stride * stride * type.getDimSize(2),
                                         type.getDimSize(3)},
                                        type.getElementType());
  if (getResult().getType() != expected)
    return emitOpError("(W2) expected the result type ")
           << expected << ", found " << getResult().getType();
  return success();
}

LogicalResult RoundBalancedOp::verify() {
  RankedTensorType type = getOperand().getType();
  if (!type.hasStaticShape() || !type.getElementType().isF32())
    return emitOpError("(B1) expected a static tensor of f32, found ") << type;
  ArrayRef<int64_t> axes = getAxes();
  int64_t last = -1;
  for (int64_t axis : axes) {
    if (axis <= last || axis >= type.getRank())
      return emitOpError(
                 "(B2) expected axes to be dimensions of the operand in "
                 "ascending order, found [")
             << axes << "]";
    last = axis;
  }
  auto expected =
      RankedTensorType::get(type.getShape(), BFloat16Type::get(getContext()));
  if (getResult().getType() != expected)
    return emitOpError("(B3) expected the result type ")
           << expected << ", found " << getResult().getType();
  return success();
}
