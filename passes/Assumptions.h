// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What passes take for granted beyond what a model says.

#ifndef DL_PASSES_ASSUMPTIONS_H
#define DL_PASSES_ASSUMPTIONS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace dl {

/// Function attribute with sentences for the user: a string array.
constexpr llvm::StringLiteral kAssumptionsAttr = "dl.assumptions";

inline void addAssumption(mlir::func::FuncOp function,
                          const llvm::Twine &sentence) {
  llvm::SmallVector<mlir::Attribute> all;
  if (auto given = function->getAttrOfType<mlir::ArrayAttr>(kAssumptionsAttr))
    all.append(given.begin(), given.end());
  mlir::Builder builder(function.getContext());
  all.push_back(builder.getStringAttr(sentence));
  function->setAttr(kAssumptionsAttr, builder.getArrayAttr(all));
}

} // namespace dl

#endif // DL_PASSES_ASSUMPTIONS_H
