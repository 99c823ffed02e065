// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/Dialect.h"
#include "passes/Constants.h"
#include "passes/Passes.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace dl {
#define GEN_PASS_DEF_TRIMFILTERS
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;

namespace {

/// Along one dimension of a convolution, in elements.
struct Window {
  int64_t size;   ///< of the input
  int64_t result; ///< of the result
  int64_t taps, stride, dilation, low;

  /// Whether a tap reads only what is around the input.
  bool isOutside(int64_t tap) const {
    for (int64_t i = 0; i < result; ++i) {
      int64_t at = i * stride + tap * dilation - low;
      if (at >= 0 && at < size)
        return false;
    }
    return true;
  }
};

/// conv(x, w) -> conv(x, slice(w)) without the first and last taps of a filter
/// that meet zeros alone, as those of a dilated one do on a small picture.
struct TrimFilter : OpRewritePattern<ConvOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ConvOp op,
                                PatternRewriter &rewriter) const override {
    RankedTensorType filter = op.getFilter().getType();
    // What computes a filter of 8-bit integers is known by its form.
    if (!isa<BlockArgument>(op.getFilter()) &&
        !isStoredConstant(op.getFilter()))
      return rewriter.notifyMatchFailure(op, "the filter is computed");
    SmallVector<int64_t> low(op.getPadsLow()), high(op.getPadsHigh()),
        shape(filter.getShape());
    SmallVector<AffineExpr> offsets(filter.getRank(),
                                    rewriter.getAffineConstantExpr(0));
    bool isTrimmed = false;
    for (auto [i, dilation] : llvm::enumerate(op.getDilations())) {
      int64_t d = op.getFirstSpatialDim() + i,
              window = op.getFirstWindowDim() + i;
      Window along{op.getInput().getType().getDimSize(d),
                   cast<RankedTensorType>(op.getType()).getDimSize(d),
                   shape[window],
                   op.getStrides()[i],
                   dilation,
                   low[i]};
      // Where no tap has a border, none is outside.
      if ((low[i] < dilation && high[i] < dilation) ||
          ShapedType::isDynamic(along.size) ||
          ShapedType::isDynamic(along.result) ||
          ShapedType::isDynamic(along.taps) || along.result == 0)
        continue;
      int64_t first = 0, last = along.taps - 1;
      for (; first < last && low[i] >= dilation && along.isOutside(first);
           ++first)
        low[i] -= dilation;
      for (; last > first && high[i] >= dilation && along.isOutside(last);
           --last)
        high[i] -= dilation;
      shape[window] = last - first + 1;
      offsets[window] = rewriter.getAffineConstantExpr(first);
      isTrimmed |= shape[window] != along.taps;
    }
    if (!isTrimmed)
      return rewriter.notifyMatchFailure(op, "every tap meets the input");
    Location loc = op.getLoc();
    Value taps = SliceOp::create(
        rewriter, loc, RankedTensorType::get(shape, filter.getElementType()),
        op.getFilter(),
        AffineMapAttr::get(
            AffineMap::get(0, 0, offsets, rewriter.getContext())),
        rewriter.getDenseI64ArrayAttr(SmallVector<int64_t>(shape.size(), 1)));
    rewriter.replaceOpWithNewOp<ConvOp>(
        op, op.getInput(), taps, op.getStrides(), low, high, op.getDilations(),
        op.getGroups(), op.getChannelsLast(), op.getWide());
    return success();
  }
};

class TrimFilters : public ::dl::impl::TrimFiltersBase<TrimFilters> {
  using TrimFiltersBase::TrimFiltersBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<TrimFilter>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
