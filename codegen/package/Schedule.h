// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// From a schedule function of the IR to a program.

#ifndef DL_CODEGEN_PACKAGE_SCHEDULE_H
#define DL_CODEGEN_PACKAGE_SCHEDULE_H

#include "codegen/package/Constants.h"
#include "codegen/package/Steps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace dl::package {

/// Builds the program of an entry, its signature included: steps in the order
/// of the function's ops, a storage for every value, and explicit copies
/// wherever a value must get into a certain place (outputs, states and stacked
/// results of loops). Constants are entered in `constants`; storages refer to
/// their numbers. Diagnostics tell what cannot be said in a module.
mlir::FailureOr<Program> buildProgram(mlir::func::FuncOp function,
                                      const KernelNumbers &kernels,
                                      Constants &constants,
                                      bool isDevice = false);

} // namespace dl::package

#endif // DL_CODEGEN_PACKAGE_SCHEDULE_H
