// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Rows of keys and values as int8, with a scale for each.

#ifndef DL_PASSES_SIMPLIFY_CACHEBYTES_H
#define DL_PASSES_SIMPLIFY_CACHEBYTES_H

#include "passes/differentiate/Calculus.h"

namespace mlir::dl {

/// Numbers as bytes times scales; these have size 1 in one dimension.
struct ByteRows {
  Value bytes, scales; ///< of i8 and f32
};

/// The largest magnitude along `dimension` becomes 127.
ByteRows makeBytes(const ::dl::Calculus &math, Value rows, int64_t dimension);

/// The numbers, of the element type.
Value readBytes(const ::dl::Calculus &math, const ByteRows &rows, Type element);

/// The dimension along which elements that a scatter replaces have one scale,
/// since all that lie in it are replaced together; empty where none is known.
std::optional<int64_t> findScaledDimension(Operation *scatter);

/// The scatter with bytes, and one that replaces their scales, at `dimension`.
ByteRows scatterBytes(const ::dl::Calculus &math, Operation *scatter,
                      const ByteRows &into, int64_t dimension);

} // namespace mlir::dl

#endif // DL_PASSES_SIMPLIFY_CACHEBYTES_H
