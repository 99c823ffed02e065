// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The form of a product with a matrix of which zeros are left out, for
// generators that skip what no panel has.

#ifndef DL_PASSES_LOWER_SPARSEMATMULFORM_H
#define DL_PASSES_LOWER_SPARSEMATMULFORM_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"

namespace mlir::dl {

/// The name of the attribute of a linalg.generic that is a dl.sparse_matmul.
/// Its operands are values, positions and counts; what it multiplies is read in
/// its body, by the one tensor.extract there. Without the attribute it means
/// the same: values beyond the counts are zero.
constexpr llvm::StringLiteral kSparseMatmulAttr = "dl.sparse_matmul";

inline void setSparseMatmulForm(Operation *op) {
  op->setAttr(kSparseMatmulAttr, UnitAttr::get(op->getContext()));
}

inline bool hasSparseMatmulForm(Operation *op) {
  return op->hasAttr(kSparseMatmulAttr);
}

/// The name of an attribute of it: the rows that so many slots stand for, from
/// each multiple of that on, are neighbours from such a multiple on.
constexpr llvm::StringLiteral kRowGroupAttr = "dl.row_group";

inline void setRowGroup(Operation *op, int64_t size) {
  op->setAttr(kRowGroupAttr,
              IntegerAttr::get(IndexType::get(op->getContext()), size));
}

inline int64_t getRowGroup(Operation *op) {
  auto size = op->getAttrOfType<IntegerAttr>(kRowGroupAttr);
  return size ? size.getInt() : 1;
}

} // namespace mlir::dl

#endif // DL_PASSES_LOWER_SPARSEMATMULFORM_H
