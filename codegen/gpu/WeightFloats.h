// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A matrix as 8-bit floats and scales.

#ifndef DL_CODEGEN_GPU_WEIGHTFLOATS_H
#define DL_CODEGEN_GPU_WEIGHTFLOATS_H

#include "passes/sparsify/WeightMatrix.h"

namespace dl::gpucode {

/// Bytes of FLOAT8E4M3FN, column by column, and the scale of each column.
struct WeightFloats {
  std::vector<uint8_t> bytes;
  std::vector<float> scales;

  /// Nothing where some element is no such float times its column's scale,
  /// rounded to float32.
  static std::optional<WeightFloats> find(const mlir::dl::WeightMatrix &matrix);

  /// The constants: bytes row by row or, `isTransposed`, column by column.
  std::pair<mlir::Value, mlir::Value>
  create(mlir::OpBuilder &builder, mlir::Location loc,
         const mlir::dl::WeightMatrix &matrix, bool isTransposed) const;
};

/// The matrix of bytes in the type of a product's factors, as a linalg.generic.
mlir::Value createFloats(mlir::OpBuilder &builder, mlir::Location loc,
                         mlir::Value bytes, mlir::Type element);

/// Whether an operation is such a matrix. Its operand are the bytes.
bool hasFloatsForm(mlir::Operation *op);

} // namespace dl::gpucode

#endif // DL_CODEGEN_GPU_WEIGHTFLOATS_H
