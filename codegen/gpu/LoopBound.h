// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// How many iterations the loops of a stage do.
//
// A device may end the loops of an invocation after some number of iterations,
// all loops together, without a word. Whoever launches a stage compares this
// bound with that number.

#ifndef DL_CODEGEN_GPU_LOOPBOUND_H
#define DL_CODEGEN_GPU_LOOPBOUND_H

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/Operation.h"

namespace dl::gpucode {

/// Marks a loop of which each dispatch does a part.
constexpr char kDividedName[] = "dl.divided";

/// A bound on the iterations of all loops that one invocation does in the
/// function; of a loop with kDividedName, one is counted. A loop counts one
/// more than it has, for the test that ends it. `toExpr` gives a formula for a
/// value, or null; values of type index are not negative. Null where the number
/// depends on data.
mlir::AffineExpr
boundIterations(mlir::Operation *function,
                llvm::function_ref<mlir::AffineExpr(mlir::Value)> toExpr);

} // namespace dl::gpucode

#endif // DL_CODEGEN_GPU_LOOPBOUND_H
