// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Copies of slices: those that loops take, and rows of states.

#ifndef DL_CODEGEN_PACKAGE_ROWCOPIES_H
#define DL_CODEGEN_PACKAGE_ROWCOPIES_H

#include "codegen/package/Types.h"
#include "ir/dialect/StateOps.h"

namespace dl::package {

/// A copy of a tensor of this type.
Step makeCopy(const View &from, const View &to, const TensorDesc &type);

/// The slice, of `bytes` bytes, of a whole tensor that an iteration of a loop
/// uses, inside `depth` other loops; of `count` iterations, the first takes the
/// last slice where `reverse` is set.
View getLoopSlice(Formulas &formulas, View whole, FormulaId bytes,
                  FormulaId count, size_t depth, bool reverse);

/// Copies the op's rows, at `from`, into the tensor at `to`, inside `depth`
/// loops.
void addRowCopies(mlir::dl::InsertOp op, View from, View to, size_t depth,
                  TypeFormulas &types, Formulas &formulas,
                  std::vector<Step> &steps);

} // namespace dl::package

#endif // DL_CODEGEN_PACKAGE_ROWCOPIES_H
