// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/Dialect.h"
#include "passes/Passes.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace dl {
#define GEN_PASS_DEF_SPLITREDUCTIONS
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;

namespace {

/// Combines the positions of the outermost axis last.
class SplitReduction : public OpRewritePattern<ReduceOp> {
public:
  SplitReduction(MLIRContext *context, int64_t minElements, int64_t maxColumns)
      : OpRewritePattern(context), minElements(minElements),
        maxColumns(maxColumns) {}

  LogicalResult matchAndRewrite(ReduceOp op,
                                PatternRewriter &rewriter) const override {
    RankedTensorType type = op.getOperand().getType();
    ArrayRef<int64_t> axes = op.getAxes();
    // Partial sums of narrow floats would be rounded once more.
    constexpr unsigned kWide = 32;
    if (isa<FloatType>(type.getElementType()) &&
        type.getElementTypeBitWidth() < kWide)
      return failure();
    if (!type.hasStaticShape() || axes.size() < 2 ||
        type.getNumElements() < minElements ||
        cast<RankedTensorType>(op.getType()).getNumElements() > maxColumns)
      return failure();
    // Columns lie innermost, and nothing but single positions before the axis.
    int64_t outer = axes.front(), parts = type.getDimSize(outer);
    if (axes.back() == type.getRank() - 1 || parts < 2 ||
        !llvm::all_of(
            type.getShape().take_front(outer),
            [](int64_t size) { return size == 1; }))
      return failure();
    Value partial = ReduceOp::create(
        rewriter, op.getLoc(), op.getKind(), op.getOperand(),
        rewriter.getDenseI64ArrayAttr(axes.drop_front()), op.getKeepdims());
    rewriter.replaceOpWithNewOp<ReduceOp>(op, op.getKind(), partial,
                                          rewriter.getDenseI64ArrayAttr(outer),
                                          op.getKeepdims());
    return success();
  }

private:
  int64_t minElements, maxColumns;
};

class SplitReductions
    : public ::dl::impl::SplitReductionsBase<SplitReductions> {
  using SplitReductionsBase::SplitReductionsBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<SplitReduction>(&getContext(), minElements, maxColumns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
