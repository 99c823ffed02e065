// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The loss in the functions of a module that trains.

#ifndef DL_PASSES_DIFFERENTIATE_TRAININGLOSS_H
#define DL_PASSES_DIFFERENTIATE_TRAININGLOSS_H

#include "passes/differentiate/Losses.h"
#include "passes/differentiate/States.h"

namespace dl {

class TrainingLoss {
public:
  /// `sums`: of elements, in place of means. `isDivided`: a step goes through
  /// micro-batches.
  TrainingLoss(Objective objective, double smoothing, bool sums, bool isDivided)
      : objective(std::move(objective)), smoothing(smoothing), sums(sums),
        isDivided(isDivided) {}

  /// Whether the last input is a label that addTo() has added.
  bool hasLabel() const { return objective.loss.has_value(); }

  /// Makes the loss, a scalar of f32, the first output: the only one of a step,
  /// before the others otherwise. Adds the labels of a loss that the model does
  /// not compute itself. Fails, with a diagnostic, where the output has no such
  /// loss or is none.
  mlir::LogicalResult addTo(StateFunction &function, bool isStep);

  /// Leaves an output that is the loss out of a function with others, and the
  /// inputs that only it follows from.
  mlir::LogicalResult removeFrom(StateFunction &function) const;

  /// Ends a step through micro-batches where a label is no class.
  void checkLabels(StateFunction &step) const;

private:
  mlir::FailureOr<size_t> findOutput(const StateFunction &function) const;
  mlir::FailureOr<mlir::Value> build(StateFunction &function, bool isStep);

  Objective objective;
  double smoothing;
  bool sums, isDivided;
  mlir::AffineExpr classes; ///< that a label may be, where labels are classes
};

} // namespace dl

#endif // DL_PASSES_DIFFERENTIATE_TRAININGLOSS_H
