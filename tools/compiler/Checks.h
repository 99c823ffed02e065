// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Which options go together.

#ifndef DL_TOOLS_COMPILER_CHECKS_H
#define DL_TOOLS_COMPILER_CHECKS_H

#include "mlir/Support/LLVM.h"
#include "passes/Pipeline.h"
#include "tools/compiler/Compile.h"

namespace dl::tools {

/// Whether IR or code is asked for, no module.
bool isText(const CompileOptions &options);

/// The phase that the asked-for form stands after.
Phase getLastPhase(const CompileOptions &options);

/// Reports options that contradict each other, at the option's name.
mlir::LogicalResult checkOptions(const CompileOptions &options,
                                 mlir::MLIRContext &context);

} // namespace dl::tools

#endif // DL_TOOLS_COMPILER_CHECKS_H
