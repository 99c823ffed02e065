// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Division of vectors by a constant, without a division.

#ifndef DL_CODEGEN_CPU_DIVIDEBYCONSTANT_H
#define DL_CODEGEN_CPU_DIVIDEBYCONSTANT_H

#include "mlir/IR/PatternMatch.h"
#include <optional>

namespace dl::cpu {

/// 1 / divisor as the sum of two floats of the same sign, the first of them
/// rounded towards zero.
struct SplitReciprocal {
  float high, low;
};

/// The reciprocal of a divisor by which fma(x, high, x * low) is x / divisor,
/// correctly rounded, for every x from 2^-100 on (below, the last bit of a
/// denormal may differ): tried for all significands, once for each divisor.
/// Nothing where that fails, as it may for few divisors, where a multiplication
/// is enough, or where this machine has no multiply-add to try it with. See
/// Brisebarre, Muller and Raina, "Accelerating correctly rounded floating-point
/// division when the divisor is known in advance", 2004.
std::optional<SplitReciprocal> splitReciprocal(float divisor);

/// x / c of vectors of f32 -> fma(x, high, x * low).
void populateDivideByConstantPatterns(mlir::RewritePatternSet &patterns);

/// Whether these patterns look at an op.
bool isDivisionByConstant(mlir::Operation *op);

} // namespace dl::cpu

#endif // DL_CODEGEN_CPU_DIVIDEBYCONSTANT_H
