// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/RewriteOps.h"

using namespace mlir;

LogicalResult dl::cpu::rewriteOps(Operation *root,
                                  function_ref<bool(Operation *)> mayMatch,
                                  const FrozenRewritePatternSet &patterns) {
  SmallVector<Operation *> ops;
  root->walk([&](Operation *op) {
    if (op != root && mayMatch(op))
      ops.push_back(op);
  });
  if (ops.empty())
    return success();
  GreedyRewriteConfig config;
  config.setScope(&root->getRegion(0));
  config.setStrictness(GreedyRewriteStrictness::ExistingAndNewOps);
  config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
  return applyOpPatternsGreedily(ops, patterns, config);
}
