// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Permutations that put channels first are moved from operands to results, so
// that between two ops that want channels last they meet and cancel.

#include "ir/dialect/Dims.h"
#include "passes/ChannelOrder.h"
#include "passes/Constants.h"
#include "passes/Passes.h"
#include "passes/Reshapes.h"
#include "passes/simplify/BroadcastOperands.h"
#include "passes/simplify/SinkGroups.h"

#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace dl {
#define GEN_PASS_DEF_SINKTRANSPOSES
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

static SmallVector<int64_t> invert(ArrayRef<int64_t> permutation) {
  return invertPermutationVector(permutation);
}

/// `type` with dimension i being what dimension order[i] was.
static RankedTensorType permute(RankedTensorType type,
                                ArrayRef<int64_t> order) {
  SmallVector<AffineExpr> dims = getDims(type);
  return getTensorType(applyPermutation(dims, order), type.getElementType());
}

/// Whether permuting `value` moves no element of an activation: a constant, or
/// one whose dimensions but those of size 1 keep their order.
static bool isFree(Value value, ArrayRef<int64_t> order) {
  RankedTensorType type = typeOf(value);
  if (type.getRank() == 0 || isStoredConstant(value) ||
      isa_and_nonnull<SizesOp>(value.getDefiningOp()))
    return true;
  int64_t missing = order.size() - type.getRank(), last = -1;
  for (int64_t d : order) {
    if (d < missing || type.getDimSize(d - missing) == 1)
      continue;
    if (d < last)
      return false;
    last = d;
  }
  return true;
}

/// The permutation that makes `value`, if it puts channels first and moves
/// elements of what is computed; null otherwise. (Of three dimensions it is its
/// own inverse: were it moved without need, it would go to and fro.)
static TransposeOp getSinkable(Value value) {
  auto transpose = value.getDefiningOp<TransposeOp>();
  if (!transpose || typeOf(value).getRank() < 3 || isStoredConstant(value) ||
      transpose.getPermutation() !=
          ArrayRef<int64_t>(getChannelsFirstOrder(typeOf(value).getRank())) ||
      isFree(transpose.getOperand(), transpose.getPermutation()))
    return {};
  return transpose;
}

/// `value`, which is broadcast to the rank of `order`, permuted.
static Value applyOrder(OpBuilder &builder, Location loc, Value value,
                        ArrayRef<int64_t> order) {
  if (TransposeOp transpose = getSinkable(value);
      transpose && invert(transpose.getPermutation()) == order)
    return transpose.getOperand();
  RankedTensorType type = typeOf(value);
  if (type.getRank() == 0)
    return value;
  if (type.getRank() < (int64_t)order.size()) {
    SmallVector<AffineExpr> dims(order.size() - type.getRank(),
                                 builder.getAffineConstantExpr(1));
    llvm::append_range(dims, getDims(type));
    value = ReshapeOp::create(
        builder, loc, getTensorType(dims, type.getElementType()), value);
  }
  return TransposeOp::create(builder, loc, value, order);
}

/// Each of them.
static SmallVector<Value> applyOrder(OpBuilder &builder, Location loc,
                                     ValueRange values,
                                     ArrayRef<int64_t> order) {
  return llvm::map_to_vector(values, [&](Value value) {
    return applyOrder(builder, loc, value, order);
  });
}

/// The permutation to move out of all operands: that of some, where the others
/// are free or fewer. Null otherwise.
static TransposeOp chooseSinkable(ValueRange operands, int64_t rank) {
  TransposeOp found;
  int64_t sinkable = 0, moved = 0;
  SmallVector<int64_t> back = invert(getChannelsFirstOrder(rank));
  for (Value operand : operands) {
    TransposeOp transpose = getSinkable(operand);
    if (transpose && typeOf(operand).getRank() == rank) {
      found = found ? found : transpose;
      ++sinkable;
    } else if (!isFree(operand, back)) {
      ++moved;
    }
  }
  return moved == 0 || moved < sinkable ? found : TransposeOp();
}

/// Replaces an op by `moved` and the permutation after it.
static void replaceWithTranspose(PatternRewriter &rewriter, Operation *op,
                                 TransposeOp transpose, Value moved,
                                 ArrayRef<int64_t> permutation) {
  Value result =
      TransposeOp::create(rewriter, transpose.getLoc(), moved, permutation);
  rewriter.replaceOp(op, result);
}

namespace {

/// f(transpose(x), y) -> transpose(f(x, transpose'(y))) for elementwise f.
struct SinkThroughElementwise : RewritePattern {
  SinkThroughElementwise(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}

  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    auto interface = dyn_cast<FusionInterface>(op);
    if (!interface || op->getNumResults() != 1 || op->getNumOperands() == 0 ||
        interface.getFusionKind() != FusionKind::Elementwise)
      return failure();
    RankedTensorType type = typeOf(op->getResult(0));
    if (type.getRank() < 3)
      return failure();
    TransposeOp transpose = chooseSinkable(op->getOperands(), type.getRank());
    if (!transpose)
      return rewriter.notifyMatchFailure(op, "no operand is permuted, or too "
                                             "many others would be");
    SmallVector<int64_t> permutation(transpose.getPermutation());
    SmallVector<int64_t> back = invert(permutation);
    OperationState state(op->getLoc(), op->getName());
    state.addOperands(
        applyOrder(rewriter, op->getLoc(), op->getOperands(), back));
    state.addTypes(permute(type, back));
    state.addAttributes(op->getAttrs());
    Operation *moved = rewriter.create(state);
    replaceWithTranspose(rewriter, op, transpose, moved->getResult(0),
                         permutation);
    return success();
  }
};

/// matmul(a, transpose(x) * scale) -> matmul(a, transpose(x * scale)), as
/// exporters scale the keys of attention: the product reads what is stored
/// through the permutation, and it lies as x does.
struct SinkThroughScale : OpRewritePattern<MulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MulOp op,
                                PatternRewriter &rewriter) const override {
    auto transpose = op.getOperand(0).getDefiningOp<TransposeOp>();
    RankedTensorType scale = typeOf(op.getOperand(1)),
                     type = typeOf(op.getResult());
    if (!transpose || isStoredConstant(transpose.getResult()) ||
        !scale.hasStaticShape() || scale.getNumElements() != 1 ||
        scale.getRank() > type.getRank() || !op->hasOneUse() ||
        transpose.getPermutation().back() == type.getRank() - 1)
      return rewriter.notifyMatchFailure(op, "no permuted value is scaled");
    auto product = dyn_cast<MatmulOp>(*op->user_begin());
    if (!product || product.getRhs() != op.getResult())
      return rewriter.notifyMatchFailure(op, "no product reads it");
    Value moved = MulOp::create(rewriter, op.getLoc(), transpose.getOperand(),
                                op.getOperand(1));
    replaceWithTranspose(rewriter, op, transpose, moved,
                         SmallVector<int64_t>(transpose.getPermutation()));
    return success();
  }
};

/// repeat(x) * scale -> repeat(x * scale), as grouped heads' keys are scaled:
/// what is repeated need not be stored (see getRepeatedDim).
struct ScaleBeforeRepetition : OpRewritePattern<MulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MulOp op,
                                PatternRewriter &rewriter) const override {
    auto reshape = op.getOperand(0).getDefiningOp<ReshapeOp>();
    RankedTensorType scale = typeOf(op.getOperand(1));
    if (!reshape || !getRepeatedDim(reshape) || !scale.hasStaticShape() ||
        scale.getNumElements() != 1 ||
        scale.getRank() > typeOf(op.getResult()).getRank())
      return rewriter.notifyMatchFailure(op, "nothing repeated is scaled");
    auto broadcast = reshape.getOperand().getDefiningOp<BroadcastOp>();
    Value scaled = MulOp::create(rewriter, op.getLoc(), broadcast.getOperand(),
                                 op.getOperand(1));
    Value repeated = BroadcastOp::create(rewriter, broadcast.getLoc(),
                                         broadcast.getType(), scaled);
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), repeated);
    return success();
  }
};

/// concat(transpose(x), ..) -> transpose(concat(x, ..))
struct SinkThroughConcat : OpRewritePattern<ConcatOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ConcatOp op,
                                PatternRewriter &rewriter) const override {
    int64_t rank = typeOf(op.getResult()).getRank();
    TransposeOp transpose = chooseSinkable(op.getInputs(), rank);
    if (!transpose)
      return rewriter.notifyMatchFailure(op, "too few inputs are permuted");
    SmallVector<int64_t> permutation(transpose.getPermutation());
    Value moved = ConcatOp::create(
        rewriter, op.getLoc(),
        applyOrder(rewriter, op.getLoc(), op.getInputs(), invert(permutation)),
        permutation[op.getAxis()]);
    replaceWithTranspose(rewriter, op, transpose, moved, permutation);
    return success();
  }
};

/// f(transpose(x), ..) -> transpose(f(x, ..)) for an op f of one operand that
/// is permuted.
template <typename Op> struct SinkThrough : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    TransposeOp transpose = getSinkable(op->getOperand(0));
    if (!transpose)
      return rewriter.notifyMatchFailure(op, "the operand is not permuted");
    SmallVector<int64_t> permutation(transpose.getPermutation());
    SmallVector<int64_t> after = permutation;
    Value moved =
        move(op, transpose.getOperand(), permutation, after, rewriter);
    if (!moved)
      return rewriter.notifyMatchFailure(op, "dimensions come and go");
    replaceWithTranspose(rewriter, op, transpose, moved, after);
    return success();
  }

  /// f(x), where dimension i of f's operand is dimension permutation[i] of x,
  /// or null. Changes `after`, the permutation of the result, if it is another
  /// one.
  virtual Value move(Op op, Value x, ArrayRef<int64_t> permutation,
                     SmallVectorImpl<int64_t> &after,
                     PatternRewriter &rewriter) const = 0;
};

/// To the same rank.
struct SinkThroughBroadcast : SinkThrough<BroadcastOp> {
  using SinkThrough::SinkThrough;

  Value move(BroadcastOp op, Value x, ArrayRef<int64_t> permutation,
             SmallVectorImpl<int64_t> &,
             PatternRewriter &rewriter) const override {
    RankedTensorType type = typeOf(op.getResult());
    if (type.getRank() != typeOf(op.getOperand()).getRank())
      return {};
    return BroadcastOp::create(rewriter, op.getLoc(),
                               permute(type, invert(permutation)), x);
  }
};

struct SinkThroughSlice : SinkThrough<SliceOp> {
  using SinkThrough::SinkThrough;

  Value move(SliceOp op, Value x, ArrayRef<int64_t> permutation,
             SmallVectorImpl<int64_t> &,
             PatternRewriter &rewriter) const override {
    SmallVector<int64_t> back = invert(permutation);
    AffineMap offsets = op.getOffsets();
    return SliceOp::create(
        rewriter, op.getLoc(), permute(typeOf(op.getResult()), back), x,
        AffineMapAttr::get(AffineMap::get(
            offsets.getNumDims(), offsets.getNumSymbols(),
            applyPermutation(offsets.getResults(), back), op.getContext())),
        rewriter.getDenseI64ArrayAttr(applyPermutation(op.getStrides(), back)));
  }
};

struct SinkThroughPad : SinkThrough<PadOp> {
  using SinkThrough::SinkThrough;

  Value move(PadOp op, Value x, ArrayRef<int64_t> permutation,
             SmallVectorImpl<int64_t> &,
             PatternRewriter &rewriter) const override {
    SmallVector<int64_t> back = invert(permutation);
    AffineMap low = op.getLow();
    return PadOp::create(
        rewriter, op.getLoc(), permute(typeOf(op.getResult()), back),
        op.getMode(), x, op.getValue(),
        AffineMap::get(low.getNumDims(), low.getNumSymbols(),
                       applyPermutation(low.getResults(), back),
                       op.getContext()));
  }
};

struct SinkThroughReduce : SinkThrough<ReduceOp> {
  using SinkThrough::SinkThrough;

  Value move(ReduceOp op, Value x, ArrayRef<int64_t> permutation,
             SmallVectorImpl<int64_t> &after,
             PatternRewriter &rewriter) const override {
    SmallVector<int64_t> axes, kept;
    for (auto [d, from] : llvm::enumerate(permutation)) {
      bool isReduced = llvm::is_contained(op.getAxes(), (int64_t)d);
      if (isReduced)
        axes.push_back(from);
      if (!isReduced || op.getKeepdims())
        kept.push_back(from);
    }
    llvm::sort(axes);
    // Where each dimension that is left stands among those that are left.
    SmallVector<int64_t> sorted(kept);
    llvm::sort(sorted);
    after.clear();
    for (int64_t d : kept)
      after.push_back(llvm::find(sorted, d) - sorted.begin());
    return ReduceOp::create(rewriter, op.getLoc(), op.getKind(), x, axes,
                            op.getKeepdims());
  }
};

struct SinkThroughSoftmax : SinkThrough<SoftmaxOp> {
  using SinkThrough::SinkThrough;

  Value move(SoftmaxOp op, Value x, ArrayRef<int64_t> permutation,
             SmallVectorImpl<int64_t> &,
             PatternRewriter &rewriter) const override {
    return SoftmaxOp::create(rewriter, op.getLoc(), x,
                             permutation[op.getAxis()], op.getLog());
  }
};

struct SinkThroughWindow : SinkThrough<WindowReduceOp> {
  using SinkThrough::SinkThrough;

  Value move(WindowReduceOp op, Value x, ArrayRef<int64_t> permutation,
             SmallVectorImpl<int64_t> &,
             PatternRewriter &rewriter) const override {
    // Windows of one position in the dimensions before.
    auto extend = [&](ArrayRef<int64_t> values) {
      SmallVector<int64_t> all(permutation.size() - values.size(), 1);
      llvm::append_range(all, values);
      return applyPermutation(all, invert(permutation));
    };
    return WindowReduceOp::create(
        rewriter, op.getLoc(), op.getKind(), x, extend(op.getWindow()),
        extend(op.getStrides()), extend(op.getDilations()));
  }
};

/// By a list of indices.
struct SinkThroughGather : SinkThrough<GatherOp> {
  using SinkThrough::SinkThrough;

  Value move(GatherOp op, Value x, ArrayRef<int64_t> permutation,
             SmallVectorImpl<int64_t> &,
             PatternRewriter &rewriter) const override {
    if (typeOf(op.getIndices()).getRank() != 1)
      return {};
    return GatherOp::create(rewriter, op.getLoc(), x, op.getIndices(),
                            permutation[op.getAxis()]);
  }
};

/// reshape(transpose(x)) -> transpose(reshape(x)) where the reshape splits
/// dimensions, or joins some that are neighbours in x, too. Of a permutation
/// that does more than to put channels first, that part is moved alone.
struct SinkThroughReshape : OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;

  /// The dimensions of `to` in the order in which those of x stand that they
  /// come from, where dimension i of `from` is dimension permutation[i] of x;
  /// nothing where a reshape of x cannot make them.
  static std::optional<SmallVector<int64_t>>
  getOrder(ArrayRef<int64_t> permutation, RankedTensorType from,
           RankedTensorType to) {
    SmallVector<int64_t> order;
    if (auto split = getSplitDims(from, to)) {
      for (int64_t d : invert(permutation))
        llvm::append_range(order, (*split)[d]);
    } else if (auto joined = getSplitDims(to, from)) {
      // Where each group starts in x, by its first real dimension.
      SmallVector<std::pair<int64_t, int64_t>> starts;
      for (auto [i, group] : llvm::enumerate(*joined)) {
        int64_t next = -1, start = -1;
        for (int64_t d : group) {
          if (from.getDimSize(d) == 1)
            continue;
          if (start < 0)
            start = permutation[d];
          else if (permutation[d] != next)
            return std::nullopt; // what is apart in x
          next = permutation[d] + 1;
        }
        starts.push_back({start < 0 ? permutation[group.front()] : start, i});
      }
      llvm::sort(starts);
      for (auto [start, i] : starts)
        order.push_back(i);
    }
    if ((int64_t)order.size() != to.getRank())
      return std::nullopt;
    return order;
  }

  LogicalResult matchAndRewrite(ReshapeOp op,
                                PatternRewriter &rewriter) const override {
    auto transpose = op.getOperand().getDefiningOp<TransposeOp>();
    if (!transpose || isStoredConstant(op.getOperand()))
      return rewriter.notifyMatchFailure(op, "the operand is not permuted");
    RankedTensorType from = typeOf(transpose.getResult());
    int64_t rank = from.getRank();
    SmallVector<int64_t> whole(transpose.getPermutation());
    if (rank < 3 || whole[0] != 0 || whole[1] != rank - 1)
      return rewriter.notifyMatchFailure(op, "channels are not put first");
    SmallVector<int64_t> permutation = getChannelsFirstOrder(rank);
    SmallVector<int64_t> before = applyPermutation(whole, invert(permutation));
    RankedTensorType to = typeOf(op.getResult());
    SmallVector<AffineExpr> toDims = getDims(to);
    auto found = getOrder(permutation, from, to);
    if (!found) {
      // Joins dimensions and adds some of size 1.
      RankedTensorType between = dropUnitDims(to);
      if (auto first = getOrder(permutation, from, between))
        found = getOrder(invert(*first), between, to);
    }
    if (!found)
      return rewriter.notifyMatchFailure(op, "splits and joins");
    SmallVector<int64_t> order = *found;
    // A dimension of size 1 may stand anywhere: a batch of one stays in front.
    if (to.getDimSize(0) == 1) {
      llvm::erase(order, 0);
      order.insert(order.begin(), 0);
    }
    Value moved = ReshapeOp::create(
        rewriter, op.getLoc(),
        getTensorType(applyPermutation(toDims, order), to.getElementType()),
        isIdentityPermutation(before)
            ? transpose.getOperand()
            : TransposeOp::create(rewriter, transpose.getLoc(),
                                  transpose.getOperand(), before)
                  .getResult());
    replaceWithTranspose(rewriter, op, transpose, moved, invert(order));
    return success();
  }
};

class SinkTransposes : public ::dl::impl::SinkTransposesBase<SinkTransposes> {
  using SinkTransposesBase::SinkTransposesBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns
        .add<SinkThroughElementwise, SinkThroughConcat, SinkThroughBroadcast,
             SinkThroughSlice, SinkThroughPad, SinkThroughReduce,
             SinkThroughScale, ScaleBeforeRepetition, SinkThroughSoftmax,
             SinkThroughWindow, SinkThroughGather, SinkThroughReshape>(
            &getContext());
    populateSinkGroupsPatterns(patterns);
    populateBroadcastOperandPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
