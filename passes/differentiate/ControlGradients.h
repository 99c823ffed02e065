// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the gradients of ops with regions have in common.

#ifndef DL_PASSES_DIFFERENTIATE_CONTROLGRADIENTS_H
#define DL_PASSES_DIFFERENTIATE_CONTROLGRADIENTS_H

#include "mlir/IR/IRMapping.h"
#include "passes/differentiate/Rules.h"

namespace dl {

/// The values from around an op's regions whose gradients somebody asks for.
llvm::SmallVector<mlir::Value> getWanted(mlir::Operation *op,
                                         const GradientContext &context);

/// Copies the ops of a block, but for the last.
void copyOps(mlir::Block &from, mlir::IRMapping &mapping,
             mlir::OpBuilder &builder);

/// The rule of dl.loop. Fails, with a reason, for states that are neither
/// tensors nor sequences that the iterations add one element to the end of.
mlir::LogicalResult differentiateLoop(mlir::dl::LoopOp op,
                                      const GradientContext &context);

} // namespace dl

#endif // DL_PASSES_DIFFERENTIATE_CONTROLGRADIENTS_H
