// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The ops that compute each row of a value from the same row of others, so that
// they may be run on some rows alone.

#ifndef DL_PASSES_SPARSIFY_ROWSLICE_H
#define DL_PASSES_SPARSIFY_ROWSLICE_H

#include "ir/dialect/Dialect.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::dl {

/// What an operand of an op is to the rows of its result.
enum class RowRole {
  Rows,   ///< each row of the result reads that row of it
  Shared, ///< all rows read all of it
};

/// The rows of a value and of those that it is computed from: each is what lies
/// at one position of the first dimensions, as many of them as have the number
/// of rows together.
class Rows {
public:
  /// The rows of `root` are its first `numRowDims` dimensions.
  Rows(Value root, int64_t numRowDims);

  AffineExpr getNumRows() const { return numRows; }
  /// The number of leading dimensions that are rows; nothing where the value
  /// has no such rows.
  std::optional<int64_t> getNumDims(Value value) const;
  /// Which operands of an op have rows; nothing where rows meet in it, or its
  /// result has none.
  std::optional<SmallVector<RowRole>> getRoles(Operation *op) const;

private:
  AffineExpr numRows;
  int64_t numRowDims; ///< of `root`
};

/// The slice holds the ops before `root`, in its block, that only feed `root`,
/// and in which rows do not meet.
class RowSlice {
public:
  /// `root` is the result of an op; it has more than `numRowDims` dimensions.
  RowSlice(Value root, int64_t numRowDims);

  /// Multiplications of contractions for one row; those of symbolic sizes count
  /// with 1 for each symbol.
  int64_t getMultiplications() const { return multiplications; }
  /// The number of rows of `root`.
  AffineExpr getNumRows() const { return rows.getNumRows(); }

  /// Computes `root` for the rows whose numbers `positions`, i64 [count],
  /// lists: the result is [1.., count, dims of a row..], of the rank of `root`.
  Value createOnRows(OpBuilder &builder, Value positions) const;

  /// These rows of a value that has the rows of `root`.
  Value createRows(OpBuilder &builder, Value value, Value positions) const;

private:
  RankedTensorType getTypeOnRows(Value value, AffineExpr count) const;

  Value root;
  Rows rows;
  SmallVector<Operation *> ops;   ///< in order
  llvm::SetVector<Value> sources; ///< values whose rows the ops read
  int64_t multiplications = 0;
};

} // namespace mlir::dl

#endif // DL_PASSES_SPARSIFY_ROWSLICE_H
