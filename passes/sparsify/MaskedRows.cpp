// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/sparsify/MaskedRows.h"

#include "ir/dialect/Dims.h"
#include "passes/sparsify/ChosenZeros.h"
#include "passes/sparsify/RowSlice.h"

using namespace mlir;
using namespace mlir::dl;

/// What a symbolic number of rows is taken for.
constexpr int64_t kAssumedRows = 64;
/// Fewer rows take as long as these: they wait for the weights from memory.
constexpr int64_t kMinRows = 8;

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// The number of leading dimensions that `mask` and `value` share, all others
/// of the mask being 1; nothing where there are none, or none are left for a
/// row.
static std::optional<int64_t> getNumRowDims(Value mask, Value value) {
  SmallVector<AffineExpr> a = getDims(tensorType(mask)),
                          b = getDims(tensorType(value));
  if (a.size() != b.size() || llvm::is_contained(a, AffineExpr()) ||
      llvm::is_contained(b, AffineExpr()))
    return std::nullopt;
  int64_t count = a.size();
  while (count > 0 && a[count - 1] == 1)
    --count;
  while (count < static_cast<int64_t>(a.size()) && b[count] == 1)
    ++count;
  if (count == 0 || count == static_cast<int64_t>(a.size()) ||
      ArrayRef(a).take_front(count) != ArrayRef(b).take_front(count))
    return std::nullopt;
  return count;
}

std::optional<MaskedRows> mlir::dl::matchMaskedRows(Operation *op,
                                                    bool assumeFinite) {
  auto get = [&](Value mask, Value value) -> std::optional<MaskedRows> {
    auto numRowDims = getNumRowDims(mask, value);
    if (!numRowDims || tensorType(value) != op->getResult(0).getType() ||
        value.getParentBlock() != op->getBlock() || !value.getDefiningOp())
      return std::nullopt;
    if (isa<MulOp>(op) && !isZeroByChoice(mask))
      return std::nullopt;
    RowSlice slice(value, *numRowDims);
    auto numRows = dyn_cast<AffineConstantExpr>(slice.getNumRows());
    int64_t all =
        slice.getMultiplications() *
        (numRows ? std::max(numRows.getValue(), kMinRows) : kAssumedRows);
    if (all < kMinMaskedMultiplications)
      return std::nullopt;
    return MaskedRows{op, mask, value, *numRowDims, all};
  };
  if (auto select = dyn_cast<SelectOp>(op)) {
    if (isZero(select.getOnFalse()))
      return get(select.getCondition(), select.getOnTrue());
  } else if (auto mul = dyn_cast<MulOp>(op)) {
    if (!assumeFinite || !isa<FloatType>(getElementTypeOrSelf(mul.getType())))
      return std::nullopt;
    for (auto [mask, value] : {std::pair(mul.getLhs(), mul.getRhs()),
                               std::pair(mul.getRhs(), mul.getLhs())})
      if (auto rows = get(mask, value))
        return rows;
  }
  return std::nullopt;
}

void mlir::dl::eraseUnused(Operation *first, Operation *last, Value kept) {
  for (Operation *op = last->getPrevNode(); op != first;) {
    Operation *previous = op->getPrevNode();
    if (op->use_empty() && op != (kept ? kept.getDefiningOp() : nullptr))
      op->erase();
    op = previous;
  }
}
