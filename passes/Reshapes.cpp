// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Reshapes.h"
#include "ir/dialect/Dims.h"

using namespace mlir;
using namespace mlir::dl;

std::optional<SmallVector<SmallVector<int64_t, 2>>>
mlir::dl::getSplitDims(RankedTensorType from, RankedTensorType to) {
  SmallVector<AffineExpr> source = getDims(from), target = getDims(to);
  SmallVector<SmallVector<int64_t, 2>> groups(source.size());
  size_t next = 0;
  for (auto [i, dim] : llvm::enumerate(source)) {
    if (next == target.size())
      return std::nullopt;
    AffineExpr product = target[next];
    bool isDynamic = to.isDynamicDim(next);
    groups[i].push_back(next++);
    while (!provablyEqual(product, dim)) {
      if (next == target.size())
        return std::nullopt;
      product = product * target[next];
      isDynamic |= to.isDynamicDim(next);
      groups[i].push_back(next++);
    }
    if (isDynamic != from.isDynamicDim(i))
      return std::nullopt;
  }
  // What is left belongs to the last dimension, if it is all of size 1.
  for (; next < target.size(); ++next) {
    if (target[next] != 1 || groups.empty())
      return std::nullopt;
    groups.back().push_back(next);
  }
  return groups;
}

std::optional<SmallVector<int64_t>> mlir::dl::getKeptDims(RankedTensorType from,
                                                          RankedTensorType to) {
  SmallVector<AffineExpr> source = getDims(from), target = getDims(to);
  SmallVector<int64_t> kept(source.size(), -1);
  size_t next = 0;
  for (auto [i, dim] : llvm::enumerate(source)) {
    if (dim == 1)
      continue;
    while (next < target.size() && target[next] == 1)
      ++next;
    if (next == target.size() || !provablyEqual(dim, target[next]))
      return std::nullopt;
    kept[i] = next++;
  }
  for (; next < target.size(); ++next)
    if (target[next] != 1)
      return std::nullopt;
  return kept;
}

bool mlir::dl::isExpansion(ReshapeOp op) {
  RankedTensorType from = op.getOperand().getType();
  auto to = cast<RankedTensorType>(op.getType());
  return getKeptDims(from, to) || getSplitDims(dropUnitDims(from), to);
}

std::optional<int64_t> mlir::dl::getRepeatedDim(ReshapeOp op) {
  auto broadcast = op.getOperand().getDefiningOp<BroadcastOp>();
  RankedTensorType from = op.getOperand().getType();
  auto to = cast<RankedTensorType>(op.getType());
  if (!broadcast || from.getRank() != to.getRank() + 1 ||
      broadcast.getOperand().getType().getRank() != from.getRank())
    return std::nullopt;
  ArrayRef<int64_t> one = broadcast.getOperand().getType().getShape();
  SmallVector<AffineExpr> before = getDims(from), after = getDims(to);
  for (int64_t d = 0; d < to.getRank(); ++d) {
    bool isJoined =
        !from.isDynamicDim(d) && !from.isDynamicDim(d + 1) &&
        to.getDimSize(d) == from.getDimSize(d) * from.getDimSize(d + 1) &&
        one[d] == from.getDimSize(d) && one[d + 1] == 1 &&
        from.getDimSize(d + 1) > 1;
    auto areEqual = [](ArrayRef<AffineExpr> a, ArrayRef<AffineExpr> b) {
      return llvm::all_of(llvm::zip_equal(a, b), [](auto pair) {
        return provablyEqual(std::get<0>(pair), std::get<1>(pair));
      });
    };
    if (isJoined &&
        areEqual(ArrayRef(before).take_front(d),
                 ArrayRef(after).take_front(d)) &&
        areEqual(ArrayRef(before).drop_front(d + 2),
                 ArrayRef(after).drop_front(d + 1)))
      return d;
  }
  return std::nullopt;
}

RankedTensorType mlir::dl::dropUnitDims(RankedTensorType type) {
  SmallVector<AffineExpr> dims = getDims(type);
  llvm::erase_if(dims, [](AffineExpr dim) { return dim == 1; });
  return getTensorType(dims, type.getElementType());
}
