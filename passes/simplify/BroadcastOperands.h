// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Broadcasts that elementwise ops do by themselves.

#ifndef DL_PASSES_SIMPLIFY_BROADCASTOPERANDS_H
#define DL_PASSES_SIMPLIFY_BROADCASTOPERANDS_H

namespace mlir {
class RewritePatternSet;
}

namespace mlir::dl {

/// f(broadcast(x), y) -> f(x, y) for elementwise f, where y has the dimensions
/// of the result. Passes that move what stands between ops use it: a tensor
/// that is broadcast weighs as much as any other.
void populateBroadcastOperandPatterns(RewritePatternSet &patterns);

} // namespace mlir::dl

#endif // DL_PASSES_SIMPLIFY_BROADCASTOPERANDS_H
