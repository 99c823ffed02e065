// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/simplify/BroadcastOperands.h"
#include "ir/dialect/Dialect.h"
#include "ir/dialect/Dims.h"

#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::dl;

namespace {

/// As the gradients of sums have it.
struct BroadcastOperand : RewritePattern {
  BroadcastOperand(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}

  /// Whether the operands but number `except` have, together, the dimensions of
  /// the result.
  static bool haveWholeDims(Operation *op, unsigned except) {
    auto result = cast<RankedTensorType>(op->getResult(0).getType());
    SmallVector<AffineExpr> dims = getDims(result);
    for (OpOperand &operand : op->getOpOperands()) {
      auto type = cast<RankedTensorType>(operand.get().getType());
      if (operand.getOperandNumber() == except)
        continue;
      size_t missing = dims.size() - type.getRank();
      for (int64_t d = 0; d < type.getRank(); ++d)
        if (dims[missing + d] &&
            provablyEqual(getDim(type, d), dims[missing + d]))
          dims[missing + d] = AffineExpr();
    }
    return llvm::all_of(dims, [](AffineExpr dim) { return !dim || dim == 1; });
  }

  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    auto interface = dyn_cast<FusionInterface>(op);
    if (!interface || interface.getFusionKind() != FusionKind::Elementwise ||
        op->getNumResults() != 1 || op->getNumOperands() < 2)
      return failure();
    for (OpOperand &operand : op->getOpOperands()) {
      auto broadcast = operand.get().getDefiningOp<BroadcastOp>();
      if (!broadcast || !haveWholeDims(op, operand.getOperandNumber()))
        continue;
      rewriter.modifyOpInPlace(op,
                               [&] { operand.set(broadcast.getOperand()); });
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no operand is broadcast to what "
                                           "another one has");
  }
};

} // namespace

void mlir::dl::populateBroadcastOperandPatterns(RewritePatternSet &patterns) {
  patterns.add<BroadcastOperand>(patterns.getContext());
}
