// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Patterns for few of a kernel's ops.

#ifndef DL_CODEGEN_CPU_REWRITEOPS_H
#define DL_CODEGEN_CPU_REWRITEOPS_H

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace dl::cpu {

/// Applies patterns, and folding, to the ops below `root` that `mayMatch` names
/// and to those that they become, until none changes. All others stay as they
/// are: most of a kernel's ops are arithmetic and loads, and a driver that
/// visits each of them takes many times as long as the rewriting does.
mlir::LogicalResult
rewriteOps(mlir::Operation *root,
           llvm::function_ref<bool(mlir::Operation *)> mayMatch,
           const mlir::FrozenRewritePatternSet &patterns);

} // namespace dl::cpu

#endif // DL_CODEGEN_CPU_REWRITEOPS_H
