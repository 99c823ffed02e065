// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/ChannelOrder.h"
#include "passes/Passes.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace dl {
#define GEN_PASS_DEF_CHANNELSLAST
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;

namespace {

/// conv(x, w) -> to_first(conv(to_last(x), to_last(w)) {channels_last})
struct PutChannelsLast : OpRewritePattern<ConvOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ConvOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getChannelsLast())
      return rewriter.notifyMatchFailure(op, "the channels stand last");
    RankedTensorType input = op.getInput().getType(),
                     filter = op.getFilter().getType();
    int64_t groups = op.getGroups();
    bool isDepthwise =
        filter.getDimSize(1) == 1 && filter.getDimSize(0) == groups;
    if (groups != 1 && !isDepthwise)
      return rewriter.notifyMatchFailure(op, "lanes would cross groups");
    if (filter.isDynamicDim(0) || filter.isDynamicDim(1))
      return rewriter.notifyMatchFailure(op, "channels are not known");
    if (!input.getElementType().isF32())
      return rewriter.notifyMatchFailure(op, "not float32");
    // What reads a single position is a product of matrices as it is.
    if (llvm::all_of(input.getShape().drop_front(2),
                     [](int64_t size) { return size == 1; }))
      return rewriter.notifyMatchFailure(op, "there is one position");
    Location loc = op.getLoc();
    SmallVector<int64_t> order;
    for (int64_t d = 2; d < filter.getRank(); ++d)
      order.push_back(d);
    order.append({1, 0});
    Value turned = TransposeOp::create(rewriter, loc, op.getFilter(), order);
    Value result = ConvOp::create(
        rewriter, loc, toChannelsLast(rewriter, loc, op.getInput()), turned,
        op.getStrides(), op.getPadsLow(), op.getPadsHigh(), op.getDilations(),
        groups, /*channels_last=*/true, op.getWide());
    rewriter.replaceOp(op, toChannelsFirst(rewriter, loc, result));
    return success();
  }
};

class ChannelsLast : public ::dl::impl::ChannelsLastBase<ChannelsLast> {
  using ChannelsLastBase::ChannelsLastBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<PutChannelsLast>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
