// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What a device's plan leaves to the host.

#ifndef DL_TOOLS_COMPILER_HOSTSTEPS_H
#define DL_TOOLS_COMPILER_HOSTSTEPS_H

#include "tools/compiler/Compile.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringMap.h"
#include <string>
#include <vector>

namespace dl::tools {

/// Of kernels that a target has no form for, by their symbols: why.
using HostKernels = llvm::StringMap<std::string>;

/// The kernels of a module, after lower, that the target has no form for.
HostKernels findHostKernels(mlir::ModuleOp module, Target target,
                            const CompileOptions &options);

/// Fails, with a diagnostic that names them all, where a plan of `module` for
/// one of the targets would have steps on the host: kernels, calls of the
/// runtime, and what works on sequences.
mlir::LogicalResult checkStrict(mlir::ModuleOp module,
                                const CompileOptions &options);

/// Makes these kernels of `plan` functions of the CPU: `generate` is given
/// `plan` with them alone marked as kernels. Clones go into `code`, and their
/// symbols, which get `suffix`, to `names`; what is left in `plan` is no kernel
/// of its target any more. Reductions over ranks, which begin and end apart,
/// are joined. Failure has been reported.
mlir::LogicalResult
placeOnHost(mlir::ModuleOp plan, const HostKernels &kernels,
            llvm::StringRef suffix, mlir::ModuleOp code,
            std::vector<std::string> &names,
            llvm::function_ref<mlir::LogicalResult(mlir::ModuleOp)> generate);

} // namespace dl::tools

#endif // DL_TOOLS_COMPILER_HOSTSTEPS_H
