// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_PASSES_SIMPLIFY_CACHESCALES_H
#define DL_PASSES_SIMPLIFY_CACHESCALES_H

#include "ir/dialect/Dialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::dl {

/// Matrix products with bytes times a scale for each row or column become
/// products with the bytes: scales go to the other factor or to the result,
/// which are smaller, and kernels read the bytes.
void moveScalesOutOfProducts(func::FuncOp function);

} // namespace mlir::dl

#endif // DL_PASSES_SIMPLIFY_CACHESCALES_H
