// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Dequantization, `(q - zero point) * scale`, after what commutes with it.

#ifndef DL_PASSES_QUANTIZE_SINKDEQUANTIZATION_H
#define DL_PASSES_QUANTIZE_SINKDEQUANTIZATION_H

#include "mlir/IR/Operation.h"

namespace mlir::dl {

/// Conversions of 8-bit integers are exact in f32, too: they become direct.
/// Dequantization by numbers moves below ops that only move elements or take
/// the largest; where a quantization by the same numbers follows, both go.
/// That is done to all that `root` holds.
LogicalResult sinkDequantization(Operation *root);

} // namespace mlir::dl

#endif // DL_PASSES_QUANTIZE_SINKDEQUANTIZATION_H
