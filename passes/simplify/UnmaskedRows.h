// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What models do about rows of attention that see no key.

#ifndef DL_PASSES_SIMPLIFY_UNMASKEDROWS_H
#define DL_PASSES_SIMPLIFY_UNMASKEDROWS_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::dl {

/// Adds patterns that leave out zeros for rows whose logits are all minus
/// infinity where there is no such row, and else put them after the product
/// with values, so that the weights stay between a normalization and a product.
void populateUnmaskedRowsPatterns(RewritePatternSet &patterns);

} // namespace mlir::dl

#endif // DL_PASSES_SIMPLIFY_UNMASKEDROWS_H
