// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/Dims.h"
#include "passes/Passes.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace dl {
#define GEN_PASS_DEF_POINTWISECONVTOMATMUL
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;

namespace {

/// A convolution whose window is one element, without padding, strides or
/// groups, is a matrix product over the channels: of the filter [M, C] and the
/// input as [N, C, positions]. With a single position, it is the input [N, C]
/// times the transposed filter. With channels last, it is the input as
/// [positions, C] times the filter [C, M].
struct Convert : OpRewritePattern<ConvOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ConvOp op,
                                PatternRewriter &rewriter) const override {
    auto inputType = cast<RankedTensorType>(op.getInput().getType());
    auto filterType = cast<RankedTensorType>(op.getFilter().getType());
    auto isZero = [](int64_t v) { return v == 0; };
    auto isOne = [](int64_t v) { return v == 1; };
    ArrayRef<int64_t> window = filterType.getShape().slice(
        op.getFirstWindowDim(), inputType.getRank() - 2);
    if (op.getGroups() != 1 || inputType.isDynamicDim(op.getChannelDim()) ||
        !llvm::all_of(window, isOne) || !llvm::all_of(op.getStrides(), isOne) ||
        !llvm::all_of(op.getPadsLow(), isZero) ||
        !llvm::all_of(op.getPadsHigh(), isZero))
      return rewriter.notifyMatchFailure(op, "more than one position is read");
    Location loc = op.getLoc();
    Type element = inputType.getElementType(),
         filterElement = filterType.getElementType();
    MLIRContext *context = op.getContext();
    SmallVector<AffineExpr> dims = getDims(inputType);
    if (op.getChannelsLast()) {
      AffineExpr c = dims.pop_back_val(),
                 m = getDim(filterType, op.getFilterCountDim());
      AffineExpr rows = getAffineConstantExpr(1, context);
      for (AffineExpr dim : dims)
        rows = rows * dim;
      Value input = ReshapeOp::create(
          rewriter, loc, getTensorType({simplify(rows), c}, element),
          op.getInput());
      Value filter = ReshapeOp::create(
          rewriter, loc, getTensorType({c, m}, filterElement), op.getFilter());
      Value product =
          MatmulOp::create(rewriter, loc, input, filter, op.getWide());
      rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), product);
      return success();
    }
    AffineExpr positions = getAffineConstantExpr(1, context);
    for (AffineExpr dim : ArrayRef<AffineExpr>(dims).drop_front(2))
      positions = positions * dim;
    positions = simplify(positions);
    AffineExpr n = dims[0], c = dims[1], m = getDim(filterType, 0);

    Value filter = ReshapeOp::create(
        rewriter, loc, getTensorType({m, c}, filterElement), op.getFilter());
    Value product;
    if (positions == 1) {
      Value input = ReshapeOp::create(
          rewriter, loc, getTensorType({n, c}, element), op.getInput());
      Value turned =
          TransposeOp::create(rewriter, loc, filter, ArrayRef<int64_t>{1, 0});
      product = MatmulOp::create(rewriter, loc, input, turned, op.getWide());
    } else {
      Value input = ReshapeOp::create(rewriter, loc,
                                      getTensorType({n, c, positions}, element),
                                      op.getInput());
      product = MatmulOp::create(rewriter, loc, filter, input, op.getWide());
    }
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), product);
    return success();
  }
};

class PointwiseConvToMatmul
    : public ::dl::impl::PointwiseConvToMatmulBase<PointwiseConvToMatmul> {
  using PointwiseConvToMatmulBase::PointwiseConvToMatmulBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<Convert>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
