// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Functions that hold a model's ops: kernels and declarations do not.

#ifndef DL_PASSES_MODELFUNCTIONS_H
#define DL_PASSES_MODELFUNCTIONS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::dl {

inline bool isModelFunction(func::FuncOp function) {
  return !function.isExternal() && !function->hasAttr("dl.kernel");
}

inline void forEachModelFunction(Operation *root,
                                 llvm::function_ref<void(func::FuncOp)> visit) {
  root->walk([&](func::FuncOp function) {
    if (isModelFunction(function))
      visit(function);
  });
}

} // namespace mlir::dl

#endif // DL_PASSES_MODELFUNCTIONS_H
