// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Which dimensions a reshape splits, joins, adds or drops. Fusion and lowering
// must agree on it.

#ifndef DL_PASSES_RESHAPES_H
#define DL_PASSES_RESHAPES_H

#include "ir/dialect/Dialect.h"

namespace mlir::dl {

/// For each dimension of `from`, the dimensions of `to` that it is split into,
/// in order; each dimension of `to` is in one list. Nothing where `to` is not
/// `from` with dimensions split (or dimensions of size 1 added).
std::optional<SmallVector<SmallVector<int64_t, 2>>>
getSplitDims(RankedTensorType from, RankedTensorType to);

/// For each dimension of `from`, the dimension of `to` that it becomes, or -1
/// for one of size 1 that is dropped. Nothing where more than dimensions of
/// size 1 differ.
std::optional<SmallVector<int64_t>> getKeptDims(RankedTensorType from,
                                                RankedTensorType to);

/// `type` without its dimensions of size 1.
RankedTensorType dropUnitDims(RankedTensorType type);

/// Whether a reshape costs nothing inside of a kernel: its elements' positions
/// in the operand follow without division.
bool isExpansion(ReshapeOp op);

/// The dimension of a reshape's result that joins one of its operand with
/// repetitions of it, as heads of keys that several heads of queries share:
/// [a, r] becomes [a r], where a broadcast has made r of 1. It is read as what
/// is repeated, by a division. Nothing for other reshapes.
std::optional<int64_t> getRepeatedDim(ReshapeOp op);

} // namespace mlir::dl

#endif // DL_PASSES_RESHAPES_H
