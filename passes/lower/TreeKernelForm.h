// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The form that the trees of a kernel have: what its body says step by step,
// for generators that walk many trees or rows at once.

#ifndef DL_PASSES_LOWER_TREEKERNELFORM_H
#define DL_PASSES_LOWER_TREEKERNELFORM_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/Operation.h"
#include <optional>

namespace mlir::dl {

/// Of dl.tree_ensemble, whose text says what they mean.
struct TreeForm {
  int64_t trees = 0, depth = 0;
  bool isLinked = false; // has children
  bool missing = false;
};

/// The name of the attribute of a linalg.generic that walks trees. Its body
/// reads, in this order, features, thresholds, rows and, where trees are
/// linked, children for each step, and at the end the leaves.
constexpr llvm::StringLiteral kTreesAttr = "dl.trees";

inline void setTreeForm(Operation *op, const TreeForm &form) {
  op->setAttr(kTreesAttr, DenseI64ArrayAttr::get(
                              op->getContext(), {form.trees, form.depth,
                                                 form.isLinked, form.missing}));
}

inline std::optional<TreeForm> getTreeForm(Operation *op) {
  auto values = op->getAttrOfType<DenseI64ArrayAttr>(kTreesAttr);
  if (!values || values.size() != 4)
    return std::nullopt;
  return TreeForm{values[0], values[1], values[2] != 0, values[3] != 0};
}

} // namespace mlir::dl

#endif // DL_PASSES_LOWER_TREEKERNELFORM_H
