// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What steps say beside their operands.

#ifndef DL_CODEGEN_PACKAGE_STEPS_H
#define DL_CODEGEN_PACKAGE_STEPS_H

#include "codegen/package/Types.h"
#include "ir/dialect/Dialect.h"
#include "llvm/ADT/StringMap.h"

namespace dl::package {

/// What a profile calls a step: the nodes that it is made from.
std::string getStepName(mlir::Operation *op);

/// The operation of a step of the runtime's, by its number in the module
/// format.
int32_t getOperationNumber(mlir::Operation *op);

/// The integers that the operation takes beside its operands.
std::vector<int64_t> getOperationAttributes(mlir::Operation *op);

/// Adds the sizes that a kernel is given: those of its dynamic dimensions, then
/// the dispatch's own. Failure is reported.
mlir::LogicalResult addSizes(mlir::dl::DispatchOp op, mlir::Operation *callee,
                             TypeFormulas &types, Step &step);

/// Adds to the step of a dispatch what its kernel says of itself, for the
/// step's sizes: tiles, scratch, FLOPs, what it reads of each input, and which
/// operands' memory its results may take. Failure is reported.
mlir::LogicalResult addKernelInfo(mlir::dl::DispatchOp op,
                                  mlir::Operation *callee, Formulas &formulas,
                                  TypeFormulas &types, Step &step);

/// Adds to a step the operands of `op` whose memory results may take, by the
/// attribute `dl.in_place` of `permitting`.
void addInPlace(mlir::Operation *op, mlir::Operation *permitting, Step &step);

/// Numbers of the kernels by their symbol; of the stages of a GPU's, by theirs.
using KernelNumbers = llvm::StringMap<int32_t>;

/// Adds one dispatch for each stage of a kernel for a GPU; see
/// codegen/gpu/GenerateStages.h. `whole` has the arguments and sizes of the
/// kernel. Temporaries are storages as those of all other values. Failure is
/// reported.
mlir::LogicalResult addStageSteps(mlir::dl::DispatchOp op,
                                  mlir::Operation *callee, Step whole,
                                  const KernelNumbers &kernels,
                                  Program &program, std::vector<Step> &steps);

} // namespace dl::package

#endif // DL_CODEGEN_PACKAGE_STEPS_H
