// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Weights of which a device's module keeps what is not zero, or 8-bit floats.

#ifndef DL_CODEGEN_GPU_COMPRESSWEIGHTS_H
#define DL_CODEGEN_GPU_COMPRESSWEIGHTS_H

#include "mlir/IR/BuiltinOps.h"

namespace dl::gpucode {

/// The forms that a target's kernels have.
struct CompressionForms {
  /// Two of four neighbours along the contracted dimension, of f16, bf16 and
  /// bytes.
  bool pairs = false;
  /// Rows of panels that are as wide as a tile, of float32.
  bool panels = false;
  /// 8-bit floats, which products of floats make wider as they read them.
  bool floats = false;
  /// Panels keep groups of so many neighbouring rows, of which a matrix is
  /// made.
  int64_t rowGroup = 1;
};

/// Lets kernels read constant matrices in fewer bytes, where they multiply by
/// them, and all elements of a matrix allow it: changes kernels and what
/// dispatches give them. A kernel that others dispatch, too, with weights that
/// do not allow it, is left for those.
///
/// *Pairs.* Of a matrix [K, N], of which no four neighbours of a column have
/// more than two that are not zero, the module has the kept ones, [N, K / 2],
/// and their places, [N, K / 16] words of 16 bits: of four neighbours g of a
/// column, two bits for the place of the first from bit 4 (g % 4) on, then two
/// for the second one's. In the kernel, an elementwise linalg.generic of loops
/// [N, K] stands for the matrix (`hasPairsForm`, WeightPairs.h).
///
/// *Floats.* Of a matrix of float32 whose columns have a scale each, so that
/// all elements are values of FLOAT8E4M3FN times it, as after --quantize=fp8,
/// the module has the bytes, as the matrix lies, and the scales, [N]. In the
/// kernel, the bytes become the product's type, and the sums are scaled.
///
/// *Panels.* The product becomes the form of passes/lower/SparseMatmulForm.h.
mlir::LogicalResult compressWeights(mlir::ModuleOp module,
                                    const CompressionForms &forms);

} // namespace dl::gpucode

#endif // DL_CODEGEN_GPU_COMPRESSWEIGHTS_H
