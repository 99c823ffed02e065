// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Gradients of filters as kernels compute them well.

#include "ir/dialect/Dims.h"
#include "passes/ChannelOrder.h"
#include "passes/Passes.h"
#include "passes/differentiate/Calculus.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace dl {
#define GEN_PASS_DEF_FILTERGRADIENTS
#include "passes/Passes.h.inc"
} // namespace dl

using namespace ::dl;
using namespace mlir;
using namespace mlir::dl;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// The op with other operands and lists, of a result of `type`.
static Value recreate(OpBuilder &builder, ConvFilterGradientOp op, Type type,
                      Value input, Value gradient, ArrayRef<int64_t> strides,
                      ArrayRef<int64_t> dilations, bool channelsLast) {
  SmallVector<int64_t> none(strides.size(), 0);
  return ConvFilterGradientOp::create(
      builder, op.getLoc(), type, input, gradient, strides, none, dilations,
      op.getGroups(), channelsLast, op.getWide());
}

namespace {

/// A border becomes a part of the input: all windows read it where it lies.
struct PadInput : OpRewritePattern<ConvFilterGradientOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ConvFilterGradientOp op,
                                PatternRewriter &rewriter) const override {
    RankedTensorType input = op.getInput().getType(),
                     gradient = op.getGradient().getType(),
                     filter = typeOf(op.getResult());
    Calculus math(rewriter, op.getLoc());
    SmallVector<AffineExpr> low(input.getRank(), math.constant(0)),
        dims = getDims(input);
    bool isInside = true;
    for (int64_t i = 0; i + 2 < input.getRank(); ++i) {
      int64_t d = op.getFirstSpatialDim() + i, before = op.getPadsLow()[i];
      AffineExpr reach =
          simplify((getDim(gradient, d) - 1) * op.getStrides()[i] +
                   (getDim(filter, op.getFirstWindowDim() + i) - 1) *
                       op.getDilations()[i] +
                   1);
      isInside &= before == 0 && provablyLessEqual(reach, dims[d]);
      low[d] = math.constant(before);
      dims[d] = reach;
    }
    if (isInside)
      return rewriter.notifyMatchFailure(op, "no window crosses the border");
    Value padded = math.pad(op.getInput(), low,
                            getTensorType(dims, input.getElementType()));
    rewriter.replaceOp(op, recreate(rewriter, op, filter, padded,
                                    op.getGradient(), op.getStrides(),
                                    op.getDilations(), op.getChannelsLast()));
    return success();
  }
};

/// Lanes are then filters, and a position's channels lie together.
struct PutChannelsLast : OpRewritePattern<ConvFilterGradientOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ConvFilterGradientOp op,
                                PatternRewriter &rewriter) const override {
    RankedTensorType filter = typeOf(op.getResult());
    if (op.getChannelsLast() || op.getGroups() != 1)
      return rewriter.notifyMatchFailure(op, "channels last, or groups");
    if (llvm::any_of(op.getPadsLow(), [](int64_t v) { return v != 0; }))
      return rewriter.notifyMatchFailure(op, "the border comes first");
    SmallVector<int64_t> order{filter.getRank() - 1, filter.getRank() - 2};
    SmallVector<AffineExpr> dims = getDims(filter), turned;
    for (int64_t d = 2; d < filter.getRank(); ++d) {
      order.push_back(d - 2);
      turned.push_back(dims[d]);
    }
    turned.append({dims[1], dims[0]});
    Value result =
        recreate(rewriter, op, getTensorType(turned, filter.getElementType()),
                 toChannelsLast(rewriter, op.getLoc(), op.getInput()),
                 toChannelsLast(rewriter, op.getLoc(), op.getGradient()),
                 op.getStrides(), op.getDilations(), /*channelsLast=*/true);
    rewriter.replaceOpWithNewOp<TransposeOp>(op, result, order);
    return success();
  }
};

/// Columns and channels of a window are one run of memory: a window of one
/// channel and of as many columns.
struct JoinChannels : OpRewritePattern<ConvFilterGradientOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ConvFilterGradientOp op,
                                PatternRewriter &rewriter) const override {
    RankedTensorType input = op.getInput().getType(),
                     filter = typeOf(op.getResult());
    int64_t channels = input.getDimSize(input.getRank() - 1);
    if (!op.getChannelsLast() || op.getGroups() != 1 || channels == 1 ||
        ShapedType::isDynamic(channels) || op.getDilations().back() != 1)
      return rewriter.notifyMatchFailure(op, "no run of memory");
    Location loc = op.getLoc();
    Calculus math(rewriter, loc);
    auto join = [&](RankedTensorType type, int64_t column) {
      SmallVector<AffineExpr> dims = getDims(type);
      dims[column] = simplify(dims[column] * channels);
      dims[column + 1] = math.constant(1);
      return dims;
    };
    Value joined = ReshapeOp::create(
        rewriter, loc,
        getTensorType(join(input, input.getRank() - 2), input.getElementType()),
        op.getInput());
    SmallVector<int64_t> strides(op.getStrides());
    strides.back() *= channels;
    Value result =
        recreate(rewriter, op,
                 getTensorType(join(filter, filter.getRank() - 3),
                               filter.getElementType()),
                 joined, op.getGradient(), strides, op.getDilations(),
                 /*channelsLast=*/true);
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, filter, result);
    return success();
  }
};

class FilterGradients
    : public ::dl::impl::FilterGradientsBase<FilterGradients> {
  using FilterGradientsBase::FilterGradientsBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<PadInput, PutChannelsLast, JoinChannels>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
