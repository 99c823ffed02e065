// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Function attributes that have an entry for each input or output of a model.

#ifndef DL_PASSES_ENTRYLISTS_H
#define DL_PASSES_ENTRYLISTS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/BitVector.h"

namespace mlir::dl {

/// Removes the attributes' entries of inputs, which are not erased themselves.
void dropInputEntries(func::FuncOp function, const llvm::BitVector &dropped);

/// Likewise of outputs.
void dropOutputEntries(func::FuncOp function, const llvm::BitVector &dropped);

} // namespace mlir::dl

#endif // DL_PASSES_ENTRYLISTS_H
