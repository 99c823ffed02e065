// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What regions that run by themselves take and give.

#ifndef DL_CODEGEN_PACKAGE_BODIES_H
#define DL_CODEGEN_PACKAGE_BODIES_H

#include "codegen/package/Program.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace dl::package {

/// The values from outside that a region uses, but for constants.
llvm::SmallVector<mlir::Value> getCaptures(mlir::Region &region);

/// The symbols from outside that something in the region is about, in the order
/// in which its body gets them.
llvm::SmallVector<unsigned> getGivenSymbols(mlir::func::FuncOp function,
                                            mlir::Region &region,
                                            mlir::ValueRange captures);

/// Fills in the inputs (the region's arguments, then captures), outputs,
/// symbols and checks of a region's program. `values` receives a formula for
/// each of the function's symbols, kNoFormula for those without a value there.
mlir::LogicalResult buildBodySignature(mlir::func::FuncOp function,
                                       mlir::Region &region,
                                       llvm::ArrayRef<mlir::Value> inputs,
                                       llvm::ArrayRef<unsigned> given,
                                       Program &program,
                                       std::vector<FormulaId> &values);

} // namespace dl::package

#endif // DL_CODEGEN_PACKAGE_BODIES_H
