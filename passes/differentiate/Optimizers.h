// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_PASSES_DIFFERENTIATE_OPTIMIZERS_H
#define DL_PASSES_DIFFERENTIATE_OPTIMIZERS_H

#include "passes/differentiate/Calculus.h"

namespace dl {

enum class Optimizer { Sgd, Adam, AdamW, Adagrad, RmsProp, Lamb, Lion };

/// The optimizer of that name (sgd, adam, adamw, adagrad, rmsprop, lamb, lion),
/// or nothing.
std::optional<Optimizer> parseOptimizer(llvm::StringRef name);

/// The numbers that optimizers take; each reads its own.
struct OptimizerOptions {
  Optimizer kind = Optimizer::Sgd;
  double momentum = 0;               ///< of sgd and rmsprop
  bool nesterov = false;             ///< of sgd
  double beta1 = 0.9, beta2 = 0.999; ///< of adam, adamw, lamb, lion
  double alpha = 0.99;               ///< of rmsprop: decay of the mean square
  double epsilon = 1e-8;
  double weightDecay = 0;
};

/// What an optimizer keeps for each parameter, of the parameter's type (f32 for
/// narrower ones) and at first zero.
llvm::SmallVector<llvm::StringRef, 2> getSlots(const OptimizerOptions &options);

/// Scalars that all parameters' updates share: the learning rate (f32), and
/// what follows from the number of the update, which counts from 1 (i64).
struct UpdateFactors {
  mlir::Value rate;
  mlir::Value meanScale;   ///< 1 / (1 - beta1^n)
  mlir::Value squareScale; ///< 1 / sqrt(1 - beta2^n)
};
UpdateFactors buildFactors(const Calculus &math,
                           const OptimizerOptions &options, mlir::Value rate,
                           mlir::Value number);

/// A parameter and its slots after an update.
struct Updated {
  mlir::Value parameter;
  llvm::SmallVector<mlir::Value, 2> slots;
};

/// Adds the ops of one parameter's update. PyTorch's optimizers of these names
/// give the same; sources are beside the code.
Updated buildUpdate(const Calculus &math, const OptimizerOptions &options,
                    const UpdateFactors &factors, mlir::Value parameter,
                    mlir::Value gradient, llvm::ArrayRef<mlir::Value> slots);

} // namespace dl

#endif // DL_PASSES_DIFFERENTIATE_OPTIMIZERS_H
