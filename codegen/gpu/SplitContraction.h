// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Long contractions with few results.

#ifndef DL_CODEGEN_GPU_SPLITCONTRACTION_H
#define DL_CODEGEN_GPU_SPLITCONTRACTION_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace dl::gpucode {

/// On what makes the parts of a contraction that was divided.
constexpr llvm::StringLiteral kSplitName = "dl.split";

/// Divides contractions whose results are too few tiles for so many processors:
/// parts of the contracted loop become a batch, which a later reduction adds
/// up, always in the same order.
///
///     C[m, n] = sum over k of A[m, k] B[k, n]
///
/// becomes, for K = S K',
///
///     P[s, m, n] = sum over k' of A[m, s, k'] B[s, k', n]
///     C[m, n] = sum over s of P[s, m, n]
///
/// The kernel's operations must be generic.
///
/// Source: "split-K" of NVIDIA's CUTLASS, "Efficient GEMM in CUDA".
void splitContractions(mlir::func::FuncOp kernel, int64_t processors);

} // namespace dl::gpucode

#endif // DL_CODEGEN_GPU_SPLITCONTRACTION_H
