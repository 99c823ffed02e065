// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_PASSES_DIFFERENTIATE_LOSSES_H
#define DL_PASSES_DIFFERENTIATE_LOSSES_H

#include "passes/differentiate/Calculus.h"

namespace dl {

/// What a model is trained to make small: a mean over all labels, as PyTorch's
/// functions of these names compute it.
enum class Loss {
  CrossEntropy, ///< of logits, dimension 1 (or the only one) counts classes
  Nll,          ///< negative log-likelihood: of logarithms of probabilities
  Mse,          ///< mean squared error
  L1,           ///< mean absolute error
  Huber,        ///< squared within 1, absolute beyond
  Bce,          ///< binary cross entropy, of probabilities
  BceLogits,    ///< binary cross entropy, of logits
  Kl            ///< Kullback-Leibler divergence, of logarithms
};

/// The loss of that name (cross_entropy, nll, mse, l1, huber, bce, bce_logits,
/// kl), or nothing.
std::optional<Loss> parseLoss(llvm::StringRef name);

/// What a module trains for.
struct Objective {
  /// Of the first output and of labels; nothing where an output is the loss.
  std::optional<Loss> loss;
  /// The name of that output; empty for the first.
  std::string output;
};

/// The objective of a loss's name, "output" or "output:NAME", or nothing.
std::optional<Objective> parseObjective(llvm::StringRef text);

/// Whether labels are numbers of classes.
bool hasClassLabels(Loss loss);

/// The type of the labels of such predictions: i64 without the dimension of
/// classes, or the predictions' own. Null where the loss has no meaning for
/// them: no floats, or no dimension of classes.
mlir::RankedTensorType getLabelType(Loss loss, mlir::RankedTensorType of);

/// The dimension of predictions that counts classes.
int64_t getClassDim(mlir::RankedTensorType predictions);

/// The loss, a scalar of f32 (or of f64 for such predictions). With label
/// smoothing s, the target is 1 - s for the label and s for all classes alike.
mlir::Value buildLoss(const Calculus &math, Loss loss, mlir::Value predictions,
                      mlir::Value labels, double smoothing = 0);

} // namespace dl

#endif // DL_PASSES_DIFFERENTIATE_LOSSES_H
