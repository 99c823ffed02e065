// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Stages that go over rows: reductions of whole rows, and what is computed of
// rows with their results.

#ifndef DL_CODEGEN_GPU_ROWS_H
#define DL_CODEGEN_GPU_ROWS_H

#include "codegen/gpu/ContractionTile.h"
#include "codegen/gpu/EntryBuilder.h"
#include "codegen/gpu/Strategy.h"

namespace dl::gpucode {

/// A reduction of rows, and where in its result a row stands: a dimension of
/// the rows, or 0, for each of its own.
struct RowReduction {
  mlir::linalg::GenericOp op;
  llvm::SmallVector<mlir::AffineExpr> at;
};

/// What a stage that goes over rows computes: a softmax, a layer norm, or a sum
/// of each row alone. The first dimensions of the stage's value are those of
/// the rows, the others, if it has any, are the columns.
struct RowForm {
  /// Each after those whose results it needs.
  llvm::SmallVector<RowReduction> reductions;
  unsigned rowRank, columnRank;
  bool hasColumns; ///< of the value; otherwise it has one element for each row
  int64_t rows, columns, lastColumns; ///< their numbers, or kDynamic
  int64_t mostBytes = 1;              ///< of an element in memory of whole rows
};

/// The form of a stage that stores `value`, whose memory is read along rows;
/// nothing where it has none.
std::optional<RowForm> findRows(mlir::Value value, IsStored isStored,
                                const EntryBuilder &entry);

/// Lets stages compute what earlier ones keep for them alone: those that go
/// over rows, whose results then stay in registers, and what follows a product
/// elementwise, wherever it reads it. `isProduct` tells which stages are
/// computed by tiles, given those before.
void joinStages(
    Plan &plan, unsigned tensors, const EntryBuilder &entry,
    llvm::function_ref<bool(const Stage &, llvm::ArrayRef<Stage>)> isProduct);

} // namespace dl::gpucode

#endif // DL_CODEGEN_GPU_ROWS_H
