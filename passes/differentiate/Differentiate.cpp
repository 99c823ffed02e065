// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/DerivativeOps.h"
#include "passes/Passes.h"
#include "passes/differentiate/Gradients.h"

namespace dl {
#define GEN_PASS_DEF_DIFFERENTIATE
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;

namespace {

class Differentiate : public ::dl::impl::DifferentiateBase<Differentiate> {
  using DifferentiateBase::DifferentiateBase;

  void runOnOperation() override {
    // In order: a gradient may be part of what another one is of.
    SmallVector<mlir::dl::GradientOp> gradients;
    getOperation()->walk(
        [&](mlir::dl::GradientOp op) { gradients.push_back(op); });
    for (mlir::dl::GradientOp op : gradients)
      if (failed(::dl::expandGradient(op)))
        return signalPassFailure();
    getOperation()->walk([](mlir::dl::WithGradientOp op) {
      op->replaceAllUsesWith(op.getValues());
      op->erase();
    });
  }
};

} // namespace
