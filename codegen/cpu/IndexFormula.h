// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Indices of kernels as affine expressions.

#ifndef DL_CODEGEN_CPU_INDEXFORMULA_H
#define DL_CODEGEN_CPU_INDEXFORMULA_H

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/Value.h"

namespace mlir::dl::cpu {

/// A non-negative index as sums, differences, products, quotients and
/// remainders of constants and of what `getKnown` has an expression for; null
/// where something else is in it. Each value is looked at once.
AffineExpr getIndexFormula(Value index,
                           function_ref<AffineExpr(Value)> getKnown);

} // namespace mlir::dl::cpu

#endif // DL_CODEGEN_CPU_INDEXFORMULA_H
