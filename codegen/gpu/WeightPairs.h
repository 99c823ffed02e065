// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Two of four neighbours of a matrix.

#ifndef DL_CODEGEN_GPU_WEIGHTPAIRS_H
#define DL_CODEGEN_GPU_WEIGHTPAIRS_H

#include "passes/sparsify/WeightMatrix.h"

namespace dl::gpucode {

/// The kept elements of a matrix, column by column, and where they stand (see
/// CompressWeights.h).
struct WeightPairs {
  /// Neighbours, those that are kept of them, and neighbours that a word of
  /// places is for.
  static constexpr int64_t kGroup = 4, kKept = 2, kOfWord = 16;

  std::vector<char> kept;
  std::vector<uint16_t> places;

  /// Nothing where more of some neighbours are not zero.
  static std::optional<WeightPairs> find(const mlir::dl::WeightMatrix &matrix);

  /// The constants, what is kept rounded as the matrix is.
  std::pair<mlir::Value, mlir::Value>
  create(mlir::OpBuilder &builder, mlir::Location loc,
         const mlir::dl::WeightMatrix &matrix) const;
};

/// The matrix of kept elements and places, as a linalg.generic (see
/// CompressWeights.h).
mlir::Value createPairs(mlir::OpBuilder &builder, mlir::Location loc,
                        mlir::Value kept, mlir::Value places);

/// Whether an operation is such a matrix. Its operands are the kept elements,
/// as the first and the second one of each four neighbours, and the places.
bool hasPairsForm(mlir::Operation *op);

} // namespace dl::gpucode

#endif // DL_CODEGEN_GPU_WEIGHTPAIRS_H
