// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Sums of matrix products over the iterations of a scan, as gradients of
// weights of recurrent networks are.

#ifndef DL_PASSES_DIFFERENTIATE_SCANSUMS_H
#define DL_PASSES_DIFFERENTIATE_SCANSUMS_H

#include "ir/dialect/Dialect.h"

namespace dl {

/// Of the states of `scan`, from number `first` on, those which are zeros at
/// first and to which each iteration adds the product of two matrices become
/// one product of these matrices' stacks after the scan: many rows at once, and
/// no sum is read and written by each iteration. Gives what has taken the
/// place of the scan's results, which are replaced.
llvm::SmallVector<mlir::Value> moveProductsOutOfScan(mlir::dl::ScanOp scan,
                                                     size_t first);

} // namespace dl

#endif // DL_PASSES_DIFFERENTIATE_SCANSUMS_H
