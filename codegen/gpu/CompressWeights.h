// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Weights of which a device's module keeps what is not zero.

#ifndef DL_CODEGEN_GPU_COMPRESSWEIGHTS_H
#define DL_CODEGEN_GPU_COMPRESSWEIGHTS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/BuiltinOps.h"

namespace dl::gpucode {

/// The forms that a target's kernels have.
struct CompressionForms {
  /// Two of four neighbours along the contracted dimension, of f16, bf16 and
  /// bytes.
  bool pairs = false;
  /// Rows of panels that are as wide as a tile, of float32.
  bool panels = false;
};

/// Lets kernels read constant matrices without their zeros, where they multiply
/// by them, and all zeros of a matrix allow it: changes kernels and what
/// dispatches give them. A kernel that others dispatch, too, with weights that
/// do not allow it, is left for those.
///
/// *Pairs.* Of a matrix [K, N], of which no four neighbours of a column have
/// more than two that are not zero, the module has the kept ones, [N, K / 2],
/// and their places, [N, K / 16] words of 16 bits: of four neighbours g of a
/// column, two bits for the place of the first from bit 4 (g % 4) on, then two
/// for the second one's. In the kernel, an elementwise linalg.generic of loops
/// [N, K] stands for the matrix (`hasPairsForm`).
///
/// *Panels.* The product becomes the form of passes/lower/SparseMatmulForm.h.
mlir::LogicalResult compressWeights(mlir::ModuleOp module,
                                    const CompressionForms &forms);

/// Whether a linalg.generic is a matrix of pairs. Its operands are the kept
/// elements, as the first and the second one of each four neighbours, and the
/// places.
bool hasPairsForm(mlir::Operation *op);

} // namespace dl::gpucode

#endif // DL_CODEGEN_GPU_COMPRESSWEIGHTS_H
