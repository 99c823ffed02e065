// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Transposed convolutions as ordinary ones.
//
// Result positions o = s * q + r of one remainder r read only the filter
// elements k with (r + p - k * d) divisible by the stride s; with those, in
// reverse order, it is a convolution of stride 1 (Shi et al., "Is the
// deconvolution layer the same as a convolutional layer?", 2016). The s results
// of each dimension are then interleaved.

#include "ir/dialect/Dialect.h"
#include "ir/dialect/Dims.h"
#include "passes/Passes.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include <numeric>

namespace dl {
#define GEN_PASS_DEF_DECOMPOSECONVTRANSPOSE
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;

namespace {

/// One spatial dimension of one of the convolutions.
struct Phase {
  SmallVector<int64_t> taps; // filter positions, in the convolution's order
  int64_t dilation = 1;
  int64_t padLow = 0, padHigh = 0;
};

struct Decompose : OpRewritePattern<ConvTransposeOp> {
  using OpRewritePattern::OpRewritePattern;

  /// The convolution for results of remainder `r`; nothing if sizes that depend
  /// on symbols leave the padding unknown.
  static std::optional<Phase> getPhase(int64_t r, int64_t stride,
                                       int64_t window, int64_t dilation,
                                       int64_t pad, AffineExpr inputSize,
                                       AffineExpr phaseSize) {
    Phase phase;
    int64_t lowest = 0; // input position of the first tap, relative to q
    for (int64_t k = window; k-- > 0;) {
      int64_t offset = r + pad - k * dilation;
      if (offset % stride != 0)
        continue;
      if (phase.taps.empty())
        lowest = offset / stride;
      else if (phase.taps.size() == 1)
        phase.dilation = offset / stride - lowest;
      phase.taps.push_back(k);
    }
    if (phase.taps.empty())
      return phase;
    phase.padLow = -lowest;
    int64_t reach = (phase.taps.size() - 1) * phase.dilation;
    auto padHigh = dyn_cast<AffineConstantExpr>(
        simplify(phaseSize - inputSize - phase.padLow + reach));
    if (!padHigh)
      return std::nullopt;
    phase.padHigh = padHigh.getValue();
    return phase;
  }

  /// The filter's taps of one phase, as [M, C / groups, taps..].
  static Value getFilter(OpBuilder &builder, Location loc, Value filter,
                         ArrayRef<Phase> phases, int64_t groups) {
    auto type = cast<RankedTensorType>(filter.getType());
    MLIRContext *context = builder.getContext();
    // Taps descend in equal steps: a slice with a negative stride.
    SmallVector<AffineExpr> offsets(2, getAffineConstantExpr(0, context));
    SmallVector<int64_t> strides(2, 1), shape(type.getShape().take_front(2));
    for (const Phase &phase : phases) {
      bool several = phase.taps.size() > 1;
      offsets.push_back(getAffineConstantExpr(phase.taps.front(), context));
      strides.push_back(several ? phase.taps[1] - phase.taps[0] : 1);
      shape.push_back(phase.taps.size());
    }
    Type element = type.getElementType();
    Value taps = SliceOp::create(
        builder, loc, RankedTensorType::get(shape, element), filter,
        AffineMapAttr::get(AffineMap::get(0, 0, offsets, context)),
        builder.getDenseI64ArrayAttr(strides));
    // [C, M / groups, ..] to [groups, M / groups, C / groups, ..].
    SmallVector<int64_t> grouped{groups, shape[0] / groups, shape[1]};
    SmallVector<int64_t> permutation{0, 2, 1};
    for (size_t i = 2; i < shape.size(); ++i) {
      grouped.push_back(shape[i]);
      permutation.push_back(i + 1);
    }
    Value split = ReshapeOp::create(
        builder, loc, RankedTensorType::get(grouped, element), taps);
    Value turned = TransposeOp::create(
        builder, loc, split, builder.getDenseI64ArrayAttr(permutation));
    SmallVector<int64_t> merged{groups * shape[1], shape[0] / groups};
    merged.append(shape.begin() + 2, shape.end());
    return ReshapeOp::create(builder, loc,
                             RankedTensorType::get(merged, element), turned);
  }

  LogicalResult matchAndRewrite(ConvTransposeOp op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto inputType = cast<RankedTensorType>(op.getInput().getType());
    auto filterType = cast<RankedTensorType>(op.getFilter().getType());
    auto resultType = cast<RankedTensorType>(op.getResult().getType());
    Type element = resultType.getElementType();
    MLIRContext *context = op.getContext();
    unsigned spatial = inputType.getRank() - 2;
    SmallVector<AffineExpr> inputDims = getDims(inputType);
    SmallVector<AffineExpr> resultDims = getDims(resultType);
    AffineExpr one = getAffineConstantExpr(1, context);

    // Every phase has ceil(size / stride) results along a dimension.
    SmallVector<int64_t> strides(op.getStrides());
    SmallVector<AffineExpr> phaseDims(resultDims.begin(),
                                      resultDims.begin() + 2);
    for (unsigned i = 0; i < spatial; ++i)
      phaseDims.push_back(simplify(
          (resultDims[i + 2] + (strides[i] - 1)).floorDiv(strides[i])));

    int64_t count = std::accumulate(strides.begin(), strides.end(), int64_t(1),
                                    std::multiplies<>());
    SmallVector<Value> parts;
    for (int64_t number = 0; number < count; ++number) {
      SmallVector<Phase> phases(spatial);
      bool isZero = false, needsCut = false;
      int64_t rest = number;
      for (unsigned i = spatial; i-- > 0;) {
        auto phase =
            getPhase(rest % strides[i], strides[i],
                     filterType.getDimSize(i + 2), op.getDilations()[i],
                     op.getPadsLow()[i], inputDims[i + 2], phaseDims[i + 2]);
        if (!phase)
          return rewriter.notifyMatchFailure(op,
                                             "the padding depends on a symbol");
        phases[i] = *phase;
        rest /= strides[i];
        isZero |= phase->taps.empty();
        needsCut |= phase->padLow < 0 || phase->padHigh < 0;
      }
      RankedTensorType type = getTensorType(phaseDims, element);
      if (isZero) {
        auto scalar = RankedTensorType::get({}, element);
        Value zero = ConstantOp::create(
            rewriter, loc,
            DenseElementsAttr::get(scalar, rewriter.getZeroAttr(element)));
        parts.push_back(BroadcastOp::create(rewriter, loc, type, zero));
        continue;
      }
      Value filter =
          getFilter(rewriter, loc, op.getFilter(), phases, op.getGroups());
      SmallVector<int64_t> low, high, dilations, ones(spatial, 1);
      SmallVector<AffineExpr> offsets(2, getAffineConstantExpr(0, context));
      SmallVector<AffineExpr> cutDims(inputDims);
      for (auto [i, phase] : llvm::enumerate(phases)) {
        int64_t cutLow = std::max<int64_t>(0, -phase.padLow);
        int64_t cutHigh = std::max<int64_t>(0, -phase.padHigh);
        offsets.push_back(getAffineConstantExpr(cutLow, context));
        cutDims[i + 2] = cutDims[i + 2] - (cutLow + cutHigh);
        low.push_back(std::max<int64_t>(0, phase.padLow));
        high.push_back(std::max<int64_t>(0, phase.padHigh));
        dilations.push_back(phase.dilation);
      }
      Value input = op.getInput();
      if (needsCut)
        input = SliceOp::create(
            rewriter, loc, getTensorType(cutDims, element), input,
            AffineMapAttr::get(AffineMap::get(0, 0, offsets, context)),
            rewriter.getDenseI64ArrayAttr(
                SmallVector<int64_t>(inputType.getRank(), 1)));
      parts.push_back(ConvOp::create(rewriter, loc, input, filter, ones, low,
                                     high, dilations, op.getGroups()));
    }
    if (count == 1) {
      rewriter.replaceOp(op, parts.front());
      return success();
    }

    // [N, M, q..] for each phase; stacked to [N, M, s.., q..], interleaved to
    // [N, M, q, s, ..], joined, and cut to the result's size.
    SmallVector<AffineExpr> stacked(phaseDims.begin(), phaseDims.begin() + 2);
    stacked.push_back(one);
    stacked.append(phaseDims.begin() + 2, phaseDims.end());
    for (Value &part : parts)
      part = ReshapeOp::create(rewriter, loc, getTensorType(stacked, element),
                               part);
    Value all =
        ConcatOp::create(rewriter, loc, parts, rewriter.getI64IntegerAttr(2));
    SmallVector<AffineExpr> split(phaseDims.begin(), phaseDims.begin() + 2);
    SmallVector<AffineExpr> joined = split;
    SmallVector<int64_t> permutation{0, 1};
    for (int64_t stride : strides)
      split.push_back(getAffineConstantExpr(stride, context));
    split.append(phaseDims.begin() + 2, phaseDims.end());
    for (unsigned i = 0; i < spatial; ++i) {
      permutation.push_back(2 + spatial + i);
      permutation.push_back(2 + i);
      joined.push_back(simplify(phaseDims[i + 2] * strides[i]));
    }
    Value parted =
        ReshapeOp::create(rewriter, loc, getTensorType(split, element), all);
    Value interleaved = TransposeOp::create(
        rewriter, loc, parted, rewriter.getDenseI64ArrayAttr(permutation));
    RankedTensorType joinedType = getTensorType(joined, element);
    Value whole = ReshapeOp::create(rewriter, loc, joinedType, interleaved);
    if (joinedType != resultType)
      whole = SliceOp::create(
          rewriter, loc, resultType, whole,
          AffineMapAttr::get(AffineMap::get(
              0, 0,
              SmallVector<AffineExpr>(resultType.getRank(),
                                      getAffineConstantExpr(0, context)),
              context)),
          rewriter.getDenseI64ArrayAttr(
              SmallVector<int64_t>(resultType.getRank(), 1)));
    rewriter.replaceOp(op, whole);
    return success();
  }
};

class DecomposeConvTranspose
    : public ::dl::impl::DecomposeConvTransposeBase<DecomposeConvTranspose> {
  using DecomposeConvTransposeBase::DecomposeConvTransposeBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<Decompose>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
