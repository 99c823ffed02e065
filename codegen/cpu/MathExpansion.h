// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Math functions as plain arithmetic, on scalars and vectors.

#ifndef DL_CODEGEN_CPU_MATHEXPANSION_H
#define DL_CODEGEN_CPU_MATHEXPANSION_H

namespace mlir {
class RewritePatternSet;
} // namespace mlir

namespace dl::cpu {

/// Adds patterns that replace each op of the math dialect that a CPU has no
/// instruction for, and arith.remf. f16 and bf16 are computed in f32, and in
/// f32 the rarer functions in f64. Errors stay below 4 units in the last place
/// for the range of each function's finite results, denormal ones included.
/// `hasScaling`: the CPU has AVX-512's instruction for x * 2^n.
void populateMathExpansionPatterns(mlir::RewritePatternSet &patterns,
                                   bool hasScaling = false);

} // namespace dl::cpu

#endif // DL_CODEGEN_CPU_MATHEXPANSION_H
