// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The scale of a loss that is differentiated in narrow floats: P. Micikevicius
// et al., "Mixed Precision Training" (2018).

#ifndef DL_PASSES_DIFFERENTIATE_LOSSSCALE_H
#define DL_PASSES_DIFFERENTIATE_LOSSSCALE_H

#include "passes/differentiate/Calculus.h"

namespace dl {

/// Whether each element of the gradients, of which there are some, is a finite
/// number: an i1.
mlir::Value buildAreFinite(const Calculus &math, mlir::ValueRange gradients);

/// A scale, and the steps since it changed in which all gradients were finite:
/// scalars of f32 and i64.
struct LossScale {
  mlir::Value scale, steps;
};

/// The scale after a step: half of it where a gradient was not finite, twice as
/// much after 2000 steps in which all were, as PyTorch's GradScaler has it;
/// from 2^-24 to 2^24.
LossScale buildNextScale(const Calculus &math, const LossScale &last,
                         mlir::Value areFinite);

} // namespace dl

#endif // DL_PASSES_DIFFERENTIATE_LOSSSCALE_H
