// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Floats of a byte or less, for which no target has instructions: conversions
// as integer arithmetic on their bits. Formats: "OCP Microscaling Formats
// (MX)", 2023, and Micikevicius et al., "FP8 Formats for Deep Learning", 2022;
// those without negative zero: Noune et al., "8-bit Numerical Formats for Deep
// Neural Networks", 2022.

#ifndef DL_PASSES_LOWER_NARROWFLOATS_H
#define DL_PASSES_LOWER_NARROWFLOATS_H

#include "mlir/IR/Builders.h"

namespace mlir::dl::lower {

/// Whether a type is a float of a byte or less.
bool isNarrowFloat(Type type);

/// A narrow float as f32, which has all of its values.
Value extendNarrowFloat(OpBuilder &builder, Location loc, Value value,
                        FloatType from);

/// An f32 or f64, rounded to nearest, ties to even. What is beyond the largest
/// number becomes that with `saturate`, or if there is neither infinity nor
/// not-a-number; else the one or the other. Not for f8E8M0FNU.
Value roundToNarrowFloat(OpBuilder &builder, Location loc, Value value,
                         FloatType to, bool saturate);

} // namespace mlir::dl::lower

#endif // DL_PASSES_LOWER_NARROWFLOATS_H
