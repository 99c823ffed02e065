// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Quantization by the CPU's conversion, which rounds to the nearest integer.

#ifndef DL_CODEGEN_CPU_ROUNDTOINTEGER_H
#define DL_CODEGEN_CPU_ROUNDTOINTEGER_H

#include "mlir/IR/PatternMatch.h"

namespace dl::cpu {

/// i32(min(max(roundeven(x) + z, low), high)), with constants that are
/// integers, becomes round(min(max(x, low - z), high - z)) + z, which is the
/// same for every number: rounding keeps the order of numbers, and integers as
/// they are. What the conversion gives for NaN is not defined. A byte of it
/// that becomes a float again is not made: the float is the integer's.
void populateRoundToIntegerPatterns(mlir::RewritePatternSet &patterns);

} // namespace dl::cpu

#endif // DL_CODEGEN_CPU_ROUNDTOINTEGER_H
