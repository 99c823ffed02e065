// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A C header for kernels that are linked into a program.

#ifndef DL_TOOLS_COMPILER_KERNELHEADER_H
#define DL_TOOLS_COMPILER_KERNELHEADER_H

#include "mlir/IR/BuiltinOps.h"
#include <string>

namespace dl::tools {

/// Declares the named functions of `module`, with what a caller has to know of
/// each: its number of tiles and its bytes of scratch, where the kernel says
/// them.
std::string makeKernelHeader(mlir::ModuleOp module,
                             llvm::ArrayRef<std::string> kernels,
                             llvm::StringRef producer);

} // namespace dl::tools

#endif // DL_TOOLS_COMPILER_KERNELHEADER_H
