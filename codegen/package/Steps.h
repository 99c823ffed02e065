// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What steps say beside their operands.

#ifndef DL_CODEGEN_PACKAGE_STEPS_H
#define DL_CODEGEN_PACKAGE_STEPS_H

#include "codegen/package/Types.h"
#include "ir/dialect/Dialect.h"

namespace dl::package {

/// What a profile calls a step: the nodes that it is made from.
std::string getStepName(mlir::Operation *op);

/// The operation of a step of the runtime's, by its number in the module
/// format.
int32_t getOperationNumber(mlir::Operation *op);

/// The integers that the operation takes beside its operands.
std::vector<int64_t> getOperationAttributes(mlir::Operation *op);

/// Bytes that a dispatch reads of each input, for a kernel with these sizes:
/// kNoFormula for all. Empty where all are read whole.
std::vector<FormulaId> getReads(mlir::dl::DispatchOp op,
                                mlir::Operation *callee,
                                llvm::ArrayRef<FormulaId> sizes,
                                Formulas &formulas, TypeFormulas &types);

} // namespace dl::package

#endif // DL_CODEGEN_PACKAGE_STEPS_H
