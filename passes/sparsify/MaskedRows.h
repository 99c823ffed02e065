// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Values that count in few rows, the others being multiplied by zero.

#ifndef DL_PASSES_SPARSIFY_MASKEDROWS_H
#define DL_PASSES_SPARSIFY_MASKEDROWS_H

#include "ir/dialect/Dialect.h"

namespace mlir::dl {

/// Multiplications of all rows below which finding the rows costs as much as it
/// saves: some 50 microseconds of them.
constexpr int64_t kMinMaskedMultiplications = int64_t(1) << 22;

/// `value`, of which rows are zero where those of `mask` are: mask [R.., 1..],
/// value [R.., ..]. `multiplications` are those of all rows; of
/// few rows, as many as take the time of reading the weights.
struct MaskedRows {
  Operation *root;
  Value mask, value;
  int64_t numRowDims, multiplications;
};

/// What an op makes of a value whose rows are zero by choice, if `value` is
/// worth computing for the other rows alone: `root` is a choice between it and
/// zero, or with `assumeFinite` a product with a mask.
std::optional<MaskedRows> matchMaskedRows(Operation *op, bool assumeFinite);

/// Erases the ops between two (`first` null: the block's start) whose results
/// nothing uses, but for the one of `kept`: a use by such an op would keep rows
/// from being skipped. Without `kept`, all go that only feed each other.
void eraseUnused(Operation *first, Operation *last, Value kept);

} // namespace mlir::dl

#endif // DL_PASSES_SPARSIFY_MASKEDROWS_H
