// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Derivatives by reverse accumulation (A. Griewank and A. Walther, "Evaluating
// Derivatives", 2008): from the value back, each op adds to the gradients of
// its operands what those of its results say.

#ifndef DL_PASSES_DIFFERENTIATE_GRADIENTS_H
#define DL_PASSES_DIFFERENTIATE_GRADIENTS_H

#include "ir/dialect/Dialect.h"
#include "llvm/ADT/DenseSet.h"

namespace dl {

/// The values of a block before `end` that depend on one of the variables by a
/// differentiable path: through floats, and not through an op whose results are
/// constant where they have a derivative. The variables are among them.
llvm::DenseSet<mlir::Value> findDependents(mlir::Operation *end,
                                           mlir::ValueRange variables);

/// Whether there is a rule for ops of this name, such as "dl.add".
bool hasGradientRule(llvm::StringRef op);

/// A value and the gradient that comes to it from what follows.
struct Seed {
  mlir::Value value, gradient;
};

/// Builds the gradients of `variables` that follow from those of some values of
/// the block, at `end`, for what stands before it. Null for a variable that
/// none of the values depends on. Fails as expandGradient does.
mlir::FailureOr<llvm::SmallVector<mlir::Value>>
buildGradients(mlir::Operation *end, llvm::ArrayRef<Seed> seeds,
               mlir::ValueRange variables);

/// The values that an op's results may have a derivative by: what it uses, in
/// its regions, too, but for ops whose results are constant where they have a
/// derivative, and for what a dl.with_gradient does not name.
llvm::SmallVector<mlir::Value> getDerivedFrom(mlir::Operation *op);

/// The values from outside of an op's regions that they use.
llvm::SmallVector<mlir::Value> getCaptured(mlir::Operation *op);

/// Replaces a dl.gradient with ops that compute it. Fails, with a diagnostic
/// that names it and the way from the value to a variable, at an op without a
/// gradient.
mlir::LogicalResult expandGradient(mlir::dl::GradientOp op);

} // namespace dl

#endif // DL_PASSES_DIFFERENTIATE_GRADIENTS_H
