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
#include "passes/Constants.h"
#include "passes/Passes.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/ADT/SetVector.h"
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

/// Elementwise ops that follow an op and treat all of its positions alike, with
/// one result: what an activation is made of. They are computed for each part
/// of the op's result before the parts are put together, so that they stand in
/// the kernels of the parts.
class Following {
public:
  explicit Following(ConvTransposeOp root) : root(root) {
    auto type = cast<RankedTensorType>(root.getType());
    Block *block = root->getBlock();
    for (Operation *op = root->getNextNode();
         op && op != block->getTerminator() && ops.size() < kMost;
         op = op->getNextNode())
      if (belongs(op, type))
        ops.insert(op);
    // Fewer of them, until one value alone is used by others.
    while (!ops.empty() && !hasOneExit())
      ops.pop_back();
  }

  /// The value that others use.
  Value getExit() const {
    return ops.empty() ? Value(root.getResult())
                       : Value(ops.back()->getResult(0));
  }

  /// Lets the constants that the ops read stand before the root.
  void hoistConstants(PatternRewriter &rewriter) const {
    std::function<void(Value)> hoist = [&](Value value) {
      Operation *op = value.getDefiningOp();
      if (!op || isInside(value) || op->getBlock() != root->getBlock() ||
          op->isBeforeInBlock(root))
        return;
      for (Value operand : op->getOperands())
        hoist(operand);
      rewriter.moveOpBefore(op, root);
    };
    for (Operation *op : ops)
      for (Value operand : op->getOperands())
        hoist(operand);
  }

  /// The same ops on a part of the root's result, of the same rank.
  Value clone(OpBuilder &builder, Value part) const {
    IRMapping mapping;
    mapping.map(root.getResult(), part);
    SmallVector<AffineExpr> dims =
        getDims(cast<RankedTensorType>(part.getType()));
    for (Operation *op : ops) {
      Operation *copy = builder.clone(*op, mapping);
      Type element = getElementTypeOrSelf(op->getResult(0));
      copy->getResult(0).setType(getTensorType(dims, element));
    }
    return mapping.lookup(getExit());
  }

  /// Erases the ops, whose exit is no longer used.
  void erase(PatternRewriter &rewriter) const {
    for (Operation *op : llvm::reverse(ops))
      rewriter.eraseOp(op);
  }

private:
  static constexpr size_t kMost = 32;

  bool isInside(Value value) const {
    return value == root.getResult() ||
           (value.getDefiningOp() && ops.contains(value.getDefiningOp()));
  }

  /// Whether a value is there before the root, or can be, and has no spatial
  /// dimension.
  bool isUniform(Value value, RankedTensorType whole) const {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    Operation *op = value.getDefiningOp();
    if (!type || (op && op->getBlock() == root->getBlock() &&
                  !op->isBeforeInBlock(root) && !isStoredConstant(value)))
      return false;
    int64_t spatial = whole.getRank() - 2;
    ArrayRef<int64_t> last =
        type.getShape().take_back(std::min<int64_t>(spatial, type.getRank()));
    return llvm::all_of(last, [](int64_t size) { return size == 1; });
  }

  bool belongs(Operation *op, RankedTensorType whole) const {
    auto fusion = dyn_cast<FusionInterface>(op);
    if (!fusion || fusion.getFusionKind() != FusionKind::Elementwise ||
        op->getNumResults() != 1 || op->getNumOperands() == 0)
      return false;
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    return type && getDims(type) == getDims(whole) &&
           llvm::any_of(op->getOperands(),
                        [&](Value v) { return isInside(v); }) &&
           llvm::all_of(op->getOperands(), [&](Value v) {
             return isInside(v) || isUniform(v, whole);
           });
  }

  bool hasOneExit() const {
    auto isUsedOutside = [&](Value value) {
      return llvm::any_of(value.getUsers(),
                          [&](Operation *user) { return !ops.contains(user); });
    };
    return !isUsedOutside(root.getResult()) &&
           llvm::all_of(ops.getArrayRef().drop_back(), [&](Operation *op) {
             return !isUsedOutside(op->getResult(0));
           });
  }

  mutable ConvTransposeOp root;
  llvm::SetVector<Operation *> ops;
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

  /// The results of one phase: those of a convolution of its taps, or zeros
  /// where it has none.
  static Value createPart(PatternRewriter &rewriter, ConvTransposeOp op,
                          ArrayRef<Phase> phases,
                          ArrayRef<AffineExpr> phaseDims) {
    Location loc = op.getLoc();
    MLIRContext *context = op.getContext();
    auto inputType = cast<RankedTensorType>(op.getInput().getType());
    Type element = getElementTypeOrSelf(op.getType());
    auto hasNoTaps = [](const Phase &phase) { return phase.taps.empty(); };
    if (llvm::any_of(phases, hasNoTaps)) {
      auto scalar = RankedTensorType::get({}, element);
      Value zero = ConstantOp::create(
          rewriter, loc,
          DenseElementsAttr::get(scalar, rewriter.getZeroAttr(element)));
      return BroadcastOp::create(rewriter, loc,
                                 getTensorType(phaseDims, element), zero);
    }
    Value filter =
        getFilter(rewriter, loc, op.getFilter(), phases, op.getGroups());
    SmallVector<int64_t> low, high, dilations, ones(phases.size(), 1);
    SmallVector<AffineExpr> offsets(2, getAffineConstantExpr(0, context));
    SmallVector<AffineExpr> cutDims = getDims(inputType);
    bool needsCut = false;
    for (auto [i, phase] : llvm::enumerate(phases)) {
      int64_t cutLow = std::max<int64_t>(0, -phase.padLow);
      int64_t cutHigh = std::max<int64_t>(0, -phase.padHigh);
      needsCut |= cutLow > 0 || cutHigh > 0;
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
    return ConvOp::create(rewriter, loc, input, filter, ones, low, high,
                          dilations, op.getGroups());
  }

  /// [N, M, q..] for each phase; stacked to [N, M, s.., q..], interleaved to
  /// [N, M, q, s, ..] and joined.
  static Value interleave(PatternRewriter &rewriter, Location loc,
                          SmallVector<Value> parts,
                          ArrayRef<AffineExpr> phaseDims,
                          ArrayRef<int64_t> strides) {
    auto spatial = static_cast<unsigned>(strides.size());
    Type element = getElementTypeOrSelf(parts.front());
    SmallVector<AffineExpr> stacked(phaseDims.take_front(2));
    stacked.push_back(rewriter.getAffineConstantExpr(1));
    llvm::append_range(stacked, phaseDims.drop_front(2));
    for (Value &part : parts)
      part = ReshapeOp::create(rewriter, loc, getTensorType(stacked, element),
                               part);
    Value all =
        ConcatOp::create(rewriter, loc, parts, rewriter.getI64IntegerAttr(2));
    SmallVector<AffineExpr> split(phaseDims.take_front(2));
    SmallVector<AffineExpr> joined = split;
    SmallVector<int64_t> permutation{0, 1};
    for (int64_t stride : strides)
      split.push_back(rewriter.getAffineConstantExpr(stride));
    llvm::append_range(split, phaseDims.drop_front(2));
    for (unsigned i = 0; i < spatial; ++i) {
      permutation.push_back(2 + spatial + i);
      permutation.push_back(2 + i);
      joined.push_back(simplify(phaseDims[i + 2] * strides[i]));
    }
    Value parted =
        ReshapeOp::create(rewriter, loc, getTensorType(split, element), all);
    Value interleaved = TransposeOp::create(
        rewriter, loc, parted, rewriter.getDenseI64ArrayAttr(permutation));
    return ReshapeOp::create(rewriter, loc, getTensorType(joined, element),
                             interleaved);
  }

  LogicalResult matchAndRewrite(ConvTransposeOp op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto inputType = cast<RankedTensorType>(op.getInput().getType());
    auto filterType = cast<RankedTensorType>(op.getFilter().getType());
    auto resultType = cast<RankedTensorType>(op.getResult().getType());
    unsigned spatial = inputType.getRank() - 2;
    SmallVector<AffineExpr> inputDims = getDims(inputType);
    SmallVector<AffineExpr> resultDims = getDims(resultType);

    // Every phase has ceil(size / stride) results along a dimension.
    SmallVector<int64_t> strides(op.getStrides());
    SmallVector<AffineExpr> phaseDims(resultDims.begin(),
                                      resultDims.begin() + 2);
    for (unsigned i = 0; i < spatial; ++i)
      phaseDims.push_back(simplify(
          (resultDims[i + 2] + (strides[i] - 1)).floorDiv(strides[i])));

    int64_t count = std::accumulate(strides.begin(), strides.end(), int64_t(1),
                                    std::multiplies<>());
    if (Value result = mergePhases(op, phaseDims, count, rewriter)) {
      rewriter.replaceOp(op, result);
      return success();
    }
    SmallVector<Value> parts;
    Following following(op);
    following.hoistConstants(rewriter);
    for (int64_t number = 0; number < count; ++number) {
      SmallVector<Phase> phases(spatial);
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
      }
      parts.push_back(createPart(rewriter, op, phases, phaseDims));
    }
    if (count == 1) {
      rewriter.replaceOp(op, parts.front());
      return success();
    }

    for (Value &part : parts)
      part = following.clone(rewriter, part);
    Value exit = following.getExit();
    Value whole = interleave(rewriter, loc, parts, phaseDims, strides);
    whole = cut(rewriter, loc, cast<RankedTensorType>(exit.getType()), whole);
    rewriter.replaceAllUsesWith(exit, whole);
    following.erase(rewriter);
    rewriter.eraseOp(op);
    return success();
  }

  /// The first elements of `value` along each dimension.
  static Value cut(OpBuilder &builder, Location loc, RankedTensorType type,
                   Value value) {
    if (value.getType() == type)
      return value;
    SmallVector<AffineExpr> zeros(type.getRank(),
                                  builder.getAffineConstantExpr(0));
    return SliceOp::create(
        builder, loc, type, value,
        AffineMapAttr::get(AffineMap::get(0, 0, zeros, builder.getContext())),
        builder.getDenseI64ArrayAttr(SmallVector<int64_t>(type.getRank(), 1)));
  }

  /// All phases as the channels of one convolution, whose window covers those
  /// of all, with zeros where one has no tap: where there are so few channels
  /// that most lanes of a vector would be idle. Null where this does not pay or
  /// does not apply.
  static Value mergePhases(ConvTransposeOp op, ArrayRef<AffineExpr> phaseDims,
                           int64_t count, PatternRewriter &rewriter) {
    constexpr int64_t kLanes = 16; // of a vector, about
    Location loc = op.getLoc();
    MLIRContext *context = op.getContext();
    RankedTensorType inputType = op.getInput().getType(),
                     filterType = op.getFilter().getType();
    auto resultType = cast<RankedTensorType>(op.getResult().getType());
    Type element = resultType.getElementType();
    size_t spatial = inputType.getRank() - 2;
    int64_t channels = filterType.getDimSize(1);
    if (count == 1 || op.getGroups() != 1 || !filterType.hasStaticShape())
      return {};
    SmallVector<AffineExpr> inputDims = getDims(inputType);
    // The phases of each dimension, and the window over all of them.
    SmallVector<SmallVector<Phase>> phases(spatial);
    SmallVector<int64_t> low, high, window;
    int64_t apart = 1, together = 1;
    for (size_t i = 0; i < spatial; ++i) {
      int64_t padLow = 0, padHigh = 0, taps = 0;
      for (int64_t r = 0; r < op.getStrides()[i]; ++r) {
        auto phase =
            getPhase(r, op.getStrides()[i], filterType.getDimSize(i + 2),
                     op.getDilations()[i], op.getPadsLow()[i], inputDims[i + 2],
                     phaseDims[i + 2]);
        if (!phase || phase->taps.empty() || phase->dilation != 1)
          return {};
        padLow = std::max(padLow, phase->padLow);
        padHigh = std::max(padHigh, phase->padHigh);
        taps += phase->taps.size();
        phases[i].push_back(std::move(*phase));
      }
      // A window of w positions has w - 1 more inputs than results.
      const Phase &first = phases[i].front();
      low.push_back(padLow);
      high.push_back(padHigh);
      window.push_back(padLow + padHigh + first.taps.size() - first.padLow -
                       first.padHigh);
      apart *= taps;
      together *= window.back();
    }
    if (together * llvm::divideCeil(count * channels, kLanes) >=
        apart * llvm::divideCeil(channels, kLanes))
      return {};
    Value zero = ConstantOp::create(
        rewriter, loc,
        DenseElementsAttr::get(RankedTensorType::get({}, element),
                               rewriter.getZeroAttr(element)));
    SmallVector<Value> filters;
    SmallVector<AffineExpr> split{phaseDims[0]},
        joined{phaseDims[0], phaseDims[1]};
    for (int64_t number = 0; number < count; ++number) {
      SmallVector<Phase> chosen(spatial);
      int64_t rest = number;
      for (size_t i = spatial; i-- > 0;) {
        chosen[i] = phases[i][rest % op.getStrides()[i]];
        rest /= op.getStrides()[i];
      }
      SmallVector<AffineExpr> before(2, getAffineConstantExpr(0, context));
      SmallVector<int64_t> shape{channels, filterType.getDimSize(0)};
      for (size_t i = 0; i < spatial; ++i) {
        before.push_back(
            getAffineConstantExpr(low[i] - chosen[i].padLow, context));
        shape.push_back(window[i]);
      }
      filters.push_back(
          PadOp::create(rewriter, loc, RankedTensorType::get(shape, element),
                        PadMode::Constant,
                        getFilter(rewriter, loc, op.getFilter(), chosen, 1),
                        zero, AffineMap::get(0, 0, before, context)));
    }
    Value filter = ConcatOp::create(rewriter, loc, filters, /*axis=*/0);
    Value result = ConvOp::create(
        rewriter, loc, op.getInput(), filter, SmallVector<int64_t>(spatial, 1),
        low, high, SmallVector<int64_t>(spatial, 1), /*groups=*/1);
    // [N, s.., M, q..] to [N, M, q, s, ..], and joined.
    SmallVector<int64_t> permutation{0, 1 + (int64_t)spatial};
    for (int64_t stride : op.getStrides())
      split.push_back(getAffineConstantExpr(stride, context));
    split.push_back(phaseDims[1]);
    split.append(phaseDims.begin() + 2, phaseDims.end());
    for (size_t i = 0; i < spatial; ++i) {
      permutation.push_back(2 + spatial + i);
      permutation.push_back(1 + i);
      joined.push_back(simplify(phaseDims[i + 2] * op.getStrides()[i]));
    }
    result =
        ReshapeOp::create(rewriter, loc, getTensorType(split, element), result);
    result = TransposeOp::create(rewriter, loc, result, permutation);
    result = ReshapeOp::create(rewriter, loc, getTensorType(joined, element),
                               result);
    return cut(rewriter, loc, resultType, result);
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
