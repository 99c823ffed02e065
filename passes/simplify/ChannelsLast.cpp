// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/Dims.h"
#include "passes/ChannelOrder.h"
#include "passes/Constants.h"
#include "passes/Passes.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace dl {
#define GEN_PASS_DEF_CHANNELSLAST
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;

/// Whether the order of channels is one to choose: they are known, and of
/// float32, and there is more than one position. (What reads a single one is a
/// product of matrices as it is.)
static bool isLaidOut(ConvOp op) {
  RankedTensorType input = op.getInput().getType(),
                   filter = op.getFilter().getType();
  return !filter.isDynamicDim(0) && !filter.isDynamicDim(1) &&
         input.getElementType().isF32() &&
         !llvm::all_of(input.getShape().drop_front(2),
                       [](int64_t size) { return size == 1; });
}

namespace {

/// A convolution in groups as some that are in none, side by side. Several
/// groups are one of these, whose filter has zeros between them: lanes of a
/// vector cost nothing, and loops over few channels cost much.
struct SplitGroups : OpRewritePattern<ConvOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ConvOp op,
                                PatternRewriter &rewriter) const override {
    int64_t groups = op.getGroups();
    RankedTensorType filter = op.getFilter().getType();
    if (op.getChannelsLast() || groups == 1 || !isLaidOut(op) ||
        (filter.getDimSize(1) == 1 && filter.getDimSize(0) == groups))
      return rewriter.notifyMatchFailure(op, "there are no groups to split");
    // What computes a filter of 8-bit integers is known by its form.
    if (!isa<BlockArgument>(op.getFilter()) &&
        !isStoredConstant(op.getFilter()))
      return rewriter.notifyMatchFailure(op, "the filter is computed");
    int64_t together = countTogether(groups, filter.getDimSize(0) / groups);
    Location loc = op.getLoc();
    SmallVector<Value> parts;
    for (int64_t first = 0; first < groups; first += together) {
      together = std::min(together, groups - first);
      Value part =
          slice(rewriter, loc, op.getInput(), 1, first * filter.getDimSize(1),
                together * filter.getDimSize(1));
      parts.push_back(ConvOp::create(
          rewriter, loc, part, joinFilters(rewriter, op, first, together),
          op.getStrides(), op.getPadsLow(), op.getPadsHigh(), op.getDilations(),
          /*groups=*/1, /*channels_last=*/false, op.getWide()));
    }
    rewriter.replaceOp(op, parts.size() == 1
                               ? parts.front()
                               : ConcatOp::create(rewriter, loc, parts,
                                                  /*axis=*/1));
    return success();
  }

private:
  /// As many groups as fill lanes, and not so few that there are many parts.
  static int64_t countTogether(int64_t groups, int64_t results) {
    constexpr int64_t kLanes = 32, kParts = 16;
    int64_t together = std::max<int64_t>(llvm::divideCeil(kLanes, results),
                                         llvm::divideCeil(groups, kParts));
    return std::min(groups, together);
  }

  static Value slice(PatternRewriter &rewriter, Location loc, Value value,
                     int64_t d, int64_t first, int64_t count) {
    auto type = cast<RankedTensorType>(value.getType());
    SmallVector<AffineExpr> dims = getDims(type);
    SmallVector<AffineExpr> offsets(dims.size(),
                                    rewriter.getAffineConstantExpr(0));
    dims[d] = rewriter.getAffineConstantExpr(count);
    offsets[d] = rewriter.getAffineConstantExpr(first);
    return SliceOp::create(
        rewriter, loc, getTensorType(dims, type.getElementType()), value,
        AffineMapAttr::get(
            AffineMap::get(0, 0, offsets, rewriter.getContext())),
        rewriter.getDenseI64ArrayAttr(SmallVector<int64_t>(dims.size(), 1)));
  }

  /// The filters of some groups, each with zeros for the channels of others.
  static Value joinFilters(PatternRewriter &rewriter, ConvOp op, int64_t first,
                           int64_t together) {
    Location loc = op.getLoc();
    RankedTensorType type = op.getFilter().getType();
    int64_t results = type.getDimSize(0) / (int64_t)op.getGroups(),
            channels = type.getDimSize(1);
    if (together == 1)
      return slice(rewriter, loc, op.getFilter(), 0, first * results, results);
    auto zero = ConstantOp::create(
        rewriter, loc,
        DenseElementsAttr::get(RankedTensorType::get({}, type.getElementType()),
                               rewriter.getZeroAttr(type.getElementType())));
    SmallVector<int64_t> shape(type.getShape());
    shape[0] = results;
    shape[1] = together * channels;
    SmallVector<Value> filters;
    for (int64_t i = 0; i < together; ++i) {
      SmallVector<AffineExpr> before(type.getRank(),
                                     rewriter.getAffineConstantExpr(0));
      before[1] = rewriter.getAffineConstantExpr(i * channels);
      filters.push_back(PadOp::create(
          rewriter, loc, RankedTensorType::get(shape, type.getElementType()),
          PadMode::Constant,
          slice(rewriter, loc, op.getFilter(), 0, (first + i) * results,
                results),
          zero, AffineMap::get(0, 0, before, rewriter.getContext())));
    }
    return ConcatOp::create(rewriter, loc, filters, /*axis=*/0);
  }
};

/// conv(x, w) -> to_first(conv(to_last(x), to_last(w)) {channels_last})
struct PutChannelsLast : OpRewritePattern<ConvOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ConvOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getChannelsLast())
      return rewriter.notifyMatchFailure(op, "the channels stand last");
    RankedTensorType filter = op.getFilter().getType();
    int64_t groups = op.getGroups();
    bool isDepthwise =
        filter.getDimSize(1) == 1 && filter.getDimSize(0) == groups;
    if (groups != 1 && !isDepthwise)
      return rewriter.notifyMatchFailure(op, "lanes would cross groups");
    if (!isLaidOut(op))
      return rewriter.notifyMatchFailure(op, "the order is as good");
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
    patterns.add<SplitGroups, PutChannelsLast>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
