// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the rules of fusion ask about ops, besides their kind.

#ifndef DL_PASSES_FUSE_STRUCTURE_H
#define DL_PASSES_FUSE_STRUCTURE_H

#include "ir/dialect/Dialect.h"

namespace mlir::dl::fuse {

/// The kind that the op's interface gives; Opaque for ops without it.
FusionKind getKind(Operation *op);

/// Whether two tensors have provably equal dimensions.
bool haveEqualDims(Type a, Type b);

/// For a reduction of whole dimensions: its axes. Nothing for other reductions.
std::optional<SmallVector<int64_t>> getReducedAxes(Operation *op);

/// Whether `type` has the dimensions of `full` without `axes`, or with size 1
/// in their place.
bool isReducedShape(Type type, RankedTensorType full, ArrayRef<int64_t> axes);

/// Whether a reduction's result has its operand's shape, and `axis` is the only
/// one that it reduces.
bool normalizesAlong(Operation *op, int64_t axis);

/// Whether a contraction is a batch of plain float32 matrix products, no
/// leading dimension broadcast.
bool isPlainProduct(Operation *op);

/// Whether an op costs no more than index arithmetic, the extension of a float
/// or dequantization, for each element that is read through it.
bool isCheapMovement(Operation *op);

/// Whether an op extends floats to a wider type, or rounds them to a narrower
/// one. Such casts cost less than memory: kernels store the narrow side.
bool isFloatExtension(Operation *op);
bool isFloatRounding(Operation *op);

/// Whether an op is a step of dequantizing stored bytes, `(q - c) * s` with
/// constants (q may be an 8-bit float): that costs less than the memory of a
/// wider type. Kernels store the bytes.
bool isDequantization(Operation *op);

/// Whether a movement op reads positions that other tensors hold.
bool isIndirect(Operation *op);

/// Whether an elementwise op takes many instructions for an element.
bool isExpensive(Operation *op);

/// Whether a permutation of dimensions that leaves the last one in place.
bool permutesOuterDims(Operation *op);

/// Whether a permutation of dimensions makes another one the last.
bool permutesLastDim(Operation *op);

/// Whether an op's operands have to stand in memory: a call of the runtime, and
/// trees, which read their rows again and again.
bool readsMemory(Operation *op);

/// Whether a movement op puts pieces together, each stored by itself.
bool assembles(Operation *op);

/// What a kernel gives.
YieldOp getYield(FusedOp fused);

/// A kernel without the results that nobody reads, and without the ops that
/// only these needed, in the place of `fused`, which is erased; null where no
/// result is read.
FusedOp dropUnusedResults(FusedOp fused);

/// The bytes of a tensor; a size that is not known counts as 512.
int64_t estimateBytes(Type type);

} // namespace mlir::dl::fuse

#endif // DL_PASSES_FUSE_STRUCTURE_H
