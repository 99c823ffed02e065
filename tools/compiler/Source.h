// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The module that a compilation begins with.

#ifndef DL_TOOLS_COMPILER_SOURCE_H
#define DL_TOOLS_COMPILER_SOURCE_H

#include "tools/compiler/Compile.h"
#include "tools/compiler/SourceTrace.h"

#include "mlir/IR/OwningOpRef.h"

namespace dl::tools {

/// Imports the ONNX model, or parses the .mlir file, that `options` name.
/// `trace` follows the nodes of a model where they ask for that. Null, with a
/// diagnostic, on failure.
mlir::OwningOpRef<mlir::ModuleOp> loadSource(const CompileOptions &options,
                                             SourceTrace &trace,
                                             mlir::MLIRContext &context);

} // namespace dl::tools

#endif // DL_TOOLS_COMPILER_SOURCE_H
