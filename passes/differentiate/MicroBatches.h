// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A step that goes through its batch in parts, one after the other, and adds
// their gradients up: memory is that of one part.

#ifndef DL_PASSES_DIFFERENTIATE_MICROBATCHES_H
#define DL_PASSES_DIFFERENTIATE_MICROBATCHES_H

#include "passes/differentiate/States.h"

namespace dl {

/// What the micro-batches of a step give together.
struct Accumulated {
  mlir::Value loss;                          ///< the mean, or the sum
  llvm::SmallVector<mlir::Value> gradients;  ///< likewise, in float32 at least
  llvm::SmallVector<mlir::Value> statistics; ///< as the last one leaves them
};

/// Lets a step of one micro-batch, whose first result is the loss, take `parts`
/// of them: the ops of the function become the body of a dl.scan, which also
/// has a dl.gradient of the loss by the `variables`. Inputs whose first
/// dimension is that of the first input, and with `hasLabel` the last one, the
/// labels, become `parts` times as long. The loss and the gradients are means
/// of those of the parts, or with `sums` sums. State `counter` (-1 for none),
/// which random numbers follow from, has another value in each micro-batch. The
/// results of the step are for the caller to replace. Fails with a diagnostic
/// where an input cannot be divided.
mlir::FailureOr<Accumulated> accumulate(StateFunction &step, int64_t parts,
                                        bool hasLabel, bool sums,
                                        mlir::ValueRange variables,
                                        int64_t counter);

} // namespace dl

#endif // DL_PASSES_DIFFERENTIATE_MICROBATCHES_H
