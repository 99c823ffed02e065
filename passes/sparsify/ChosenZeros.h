// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Values that a condition makes zero while the model runs: weights of experts
// that a token does not go to, masked probabilities.

#ifndef DL_PASSES_SPARSIFY_CHOSENZEROS_H
#define DL_PASSES_SPARSIFY_CHOSENZEROS_H

#include "ir/dialect/Dialect.h"

namespace mlir::dl {

/// Whether all elements of `value` are known to be 0.
bool isZero(Value value);

/// Whether an element of `value` is zero wherever some condition that the run
/// decides does not hold: it is a product with a condition, a choice between a
/// value and zero, values scattered into zeros, or follows from such by ops
/// that keep zeros. How many are zero is not known; a mask of few zeros looks
/// the same.
bool isZeroByChoice(Value value);

} // namespace mlir::dl

#endif // DL_PASSES_SPARSIFY_CHOSENZEROS_H
