// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Normalization of groups of channels (GroupNormalization and what exporters
// write for it) between convolutions that have their channels last.

#ifndef DL_PASSES_SIMPLIFY_SINKGROUPS_H
#define DL_PASSES_SIMPLIFY_SINKGROUPS_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::dl {

/// Patterns that move a permutation which puts channels first, and the reshape
/// after it that joins each group of channels with all positions, [N,
/// spatial.., C] to [N, groups, rest], after the reductions and elementwise ops
/// that use them. A reshape back to channels ends it; a permutation that puts
/// channels first is then left.
void populateSinkGroupsPatterns(RewritePatternSet &patterns);

} // namespace mlir::dl

#endif // DL_PASSES_SIMPLIFY_SINKGROUPS_H
