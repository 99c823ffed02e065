// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What a kernel has to do, however it is generated: for profiles and reports.

#ifndef DL_CODEGEN_CPU_KERNELWORK_H
#define DL_CODEGEN_CPU_KERNELWORK_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AffineExpr.h"

namespace mlir::dl::cpu {

/// Formulas over the sizes that the kernel is given, as in `dl.tiles`.
struct KernelWork {
  /// Additions, subtractions, multiplications, divisions, comparisons that
  /// select (max, min) and mathematical functions, each counting one, of the
  /// structured operations as they stand: neither what is computed again for
  /// several users nor what an algorithm as Winograd's saves is looked at. Null
  /// where it is not a formula.
  AffineExpr operations;
  /// For each tensor argument, destinations included, the most elements that
  /// are read of it, each counting once; null for all of them.
  SmallVector<AffineExpr> reads;
  /// The widest type in which sums are kept; null where there is none.
  Type accumulator;
};

/// Looks at a kernel on tensors whose structured operations are generic (see
/// generalizeNamedOps).
KernelWork countWork(func::FuncOp kernel);

/// Declares the work on the generated function: `dl.flops` (a map), `dl.reads`
/// (for each tensor argument a map, or unit for all), `dl.accumulator`, and of
/// kernels that multiply and add in one instruction, `dl.products`: "f32",
/// "bf16-pairs" (AVX512-BF16) or "bf16-tiles" (AMX), the widest that there is.
void setWork(const KernelWork &work, unsigned numSizes, func::FuncOp generated);

} // namespace mlir::dl::cpu

#endif // DL_CODEGEN_CPU_KERNELWORK_H
