// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Reshapes that stand between ops which could be one kernel are moved after
// them.

#include "ir/dialect/Dims.h"
#include "passes/Constants.h"
#include "passes/Passes.h"
#include "passes/Reshapes.h"
#include "passes/simplify/BroadcastOperands.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace dl {
#define GEN_PASS_DEF_SINKRESHAPES
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

static FusionKind getKind(Operation *op) {
  auto interface = dyn_cast_or_null<FusionInterface>(op);
  return interface ? interface.getFusionKind() : FusionKind::Opaque;
}

/// A reshape of a value that a kernel could go on with: the result of a
/// contraction, reduction or elementwise op. Null for other values.
static ReshapeOp getSinkable(Value value) {
  auto reshape = value.getDefiningOp<ReshapeOp>();
  if (!reshape)
    return {};
  FusionKind kind = getKind(reshape.getOperand().getDefiningOp());
  return kind == FusionKind::Contraction || kind == FusionKind::Reduction ||
                 kind == FusionKind::Elementwise
             ? reshape
             : ReshapeOp();
}

/// The dimensions of a group that are not of size 1.
static SmallVector<int64_t, 2> dropUnits(ArrayRef<int64_t> group,
                                         ReshapeOp reshape) {
  SmallVector<int64_t, 2> real(group);
  llvm::erase_if(real, [&](int64_t d) {
    return typeOf(reshape.getResult()).getDimSize(d) == 1;
  });
  return real;
}

/// Whether ops that are not moved keep using the reshaped value: these should
/// find the reduced one in the same shape.
static bool isWholeUsed(ReshapeOp reshape) {
  return reshape->hasOneUse() || getSinkable(reshape.getResult());
}

/// Replaces an op by the moved one and, after it, what `reshape` stood for.
static void replaceWithReshape(PatternRewriter &rewriter, Operation *op,
                               ReshapeOp reshape, Value moved) {
  if (op->getResult(0).getType() == moved.getType())
    return rewriter.replaceOp(op, moved);
  rewriter.replaceOp(op, ReshapeOp::create(rewriter, reshape.getLoc(),
                                           op->getResult(0).getType(), moved)
                             .getResult());
}

namespace {

/// f(reshape(x), y) -> reshape(f(x, reshape(y))) for elementwise f, where the
/// reshape splits dimensions, or adds or drops some of size 1.
struct SinkThroughElementwise : RewritePattern {
  SinkThroughElementwise(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}

  /// Whether the op's operands are reshaped from the dimensions of `from`, or
  /// constants: others, reshaped to meet them, would be moved back in turn.
  static bool isFreeAround(Operation *op, RankedTensorType from) {
    return llvm::all_of(op->getOperands(), [&](Value operand) {
      auto reshape = operand.getDefiningOp<ReshapeOp>();
      return typeOf(operand).getRank() == 0 || isStoredConstant(operand) ||
             (reshape &&
              getDims(typeOf(reshape.getOperand())) == getDims(from));
    });
  }

  /// For each dimension of `from`, that of `to` which it becomes; none for one
  /// of size 1 that is dropped. Nothing where more than dimensions of size 1
  /// differ.
  static std::optional<SmallVector<SmallVector<int64_t, 2>>>
  getKeptGroups(RankedTensorType from, RankedTensorType to) {
    auto kept = getKeptDims(from, to);
    if (!kept)
      return std::nullopt;
    SmallVector<SmallVector<int64_t, 2>> groups(kept->size());
    for (auto [group, d] : llvm::zip(groups, *kept))
      if (d >= 0)
        group.push_back(d);
    return groups;
  }

  /// As `getSplitDims`, but dimensions of size 1 may also be dropped, at least
  /// one other being split; these have none of `to`.
  static std::optional<SmallVector<SmallVector<int64_t, 2>>>
  getSplitGroups(RankedTensorType from, RankedTensorType to) {
    RankedTensorType real = dropUnitDims(from);
    auto split = getSplitDims(real, to);
    if (!split || real.getRank() == dropUnitDims(to).getRank())
      return std::nullopt;
    SmallVector<SmallVector<int64_t, 2>> groups;
    size_t next = 0;
    for (AffineExpr dim : getDims(from))
      groups.push_back(dim == 1 ? SmallVector<int64_t, 2>() : (*split)[next++]);
    return groups;
  }

  /// The dimensions that `operand` has when the dimensions of `to` are put back
  /// together as in `from`; nothing where it is broadcast along a part of one.
  static std::optional<SmallVector<AffineExpr>>
  getJoinedDims(RankedTensorType operand, RankedTensorType from,
                RankedTensorType to, ArrayRef<SmallVector<int64_t, 2>> groups) {
    int64_t missing = to.getRank() - operand.getRank();
    SmallVector<AffineExpr> dims;
    AffineExpr one = getAffineConstantExpr(1, operand.getContext());
    for (auto [i, group] : llvm::enumerate(groups)) {
      bool isOne = true, isWhole = true;
      for (int64_t d : group) {
        AffineExpr dim = d < missing ? one : getDim(operand, d - missing);
        isOne &= dim == 1;
        isWhole &= provablyEqual(dim, getDim(to, d));
      }
      if (!isOne && !isWhole)
        return std::nullopt;
      dims.push_back(isWhole ? getDim(from, i) : one);
    }
    return dims;
  }

  /// The type in which an operand meets a tensor of type `from`, or null.
  static RankedTensorType
  getJoinedType(Value operand, RankedTensorType from, RankedTensorType to,
                ArrayRef<SmallVector<int64_t, 2>> groups) {
    if (auto reshape = operand.getDefiningOp<ReshapeOp>();
        reshape && getDims(typeOf(reshape.getOperand())) == getDims(from))
      return typeOf(reshape.getOperand());
    RankedTensorType type = typeOf(operand);
    if (type.getRank() == 0)
      return type;
    auto dims = getJoinedDims(type, from, to, groups);
    if (!dims)
      return {};
    // Leading dimensions of size 1 need not be there.
    ArrayRef<AffineExpr> trailing = *dims;
    while (trailing.size() > (size_t)type.getRank() && trailing.front() == 1)
      trailing = trailing.drop_front();
    return getTensorType(trailing, type.getElementType());
  }

  /// Whether an operand in the type `joined` is a reshape of a value that a
  /// kernel could go on with.
  static bool isReshapeOfComputed(Value operand, RankedTensorType joined) {
    if (operand.getType() == joined)
      return false;
    while (auto reshape = operand.getDefiningOp<ReshapeOp>())
      operand = reshape.getOperand();
    FusionKind kind = getKind(operand.getDefiningOp());
    return operand.getType() != joined && kind != FusionKind::Movement &&
           kind != FusionKind::Opaque;
  }

  /// `operand` in the type `joined`.
  static Value join(OpBuilder &builder, Location loc, Value operand,
                    RankedTensorType joined) {
    if (joined == operand.getType())
      return operand;
    auto reshape = operand.getDefiningOp<ReshapeOp>();
    if (reshape && reshape.getOperand().getType() == joined)
      return reshape.getOperand();
    return ReshapeOp::create(builder, loc, joined, operand);
  }

  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    if (getKind(op) != FusionKind::Elementwise || op->getNumResults() != 1)
      return failure();
    ReshapeOp reshape;
    for (Value operand : op->getOperands())
      if (ReshapeOp found = getSinkable(operand); found && !reshape)
        reshape = found;
    if (!reshape)
      return rewriter.notifyMatchFailure(op, "no operand is reshaped");
    RankedTensorType from = reshape.getOperand().getType();
    RankedTensorType to = typeOf(reshape.getResult());
    RankedTensorType resultType = typeOf(op->getResult(0));
    if (getDims(resultType) != getDims(to) || from.getRank() == 0 || from == to)
      return rewriter.notifyMatchFailure(op, "the reshaped value is broadcast");
    auto groups = getSplitDims(from, to);
    if (!groups)
      groups = getSplitGroups(from, to);
    if (!groups && isFreeAround(op, from))
      groups = getKeptGroups(from, to);
    if (!groups)
      return rewriter.notifyMatchFailure(op, "dimensions are joined");
    SmallVector<RankedTensorType> joined;
    for (Value operand : op->getOperands()) {
      joined.push_back(getJoinedType(operand, from, to, *groups));
      if (!joined.back())
        return rewriter.notifyMatchFailure(op, "an operand is broadcast along "
                                               "a part of a dimension");
      // Where only dimensions of size 1 come and go, the reshape of a computed
      // operand would be moved back, and so on.
      if (isReshapeOfComputed(operand, joined.back()) && getSplitDims(to, from))
        return rewriter.notifyMatchFailure(op,
                                           "another operand would need a "
                                           "reshape that can be moved, too");
    }
    SmallVector<Value> operands;
    for (auto [operand, type] : llvm::zip(op->getOperands(), joined))
      operands.push_back(join(rewriter, op->getLoc(), operand, type));
    OperationState state(op->getLoc(), op->getName());
    state.addOperands(operands);
    state.addTypes(getTensorType(getDims(from), resultType.getElementType()));
    state.addAttributes(op->getAttrs());
    Operation *moved = rewriter.create(state);
    replaceWithReshape(rewriter, op, reshape, moved->getResult(0));
    return success();
  }
};

/// reshape(broadcast(x)) -> broadcast(reshape(x)), where the reshape joins
/// dimensions all of which are broadcast, or none.
struct RaiseAboveBroadcast : OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ReshapeOp op,
                                PatternRewriter &rewriter) const override {
    auto broadcast = op.getOperand().getDefiningOp<BroadcastOp>();
    if (!broadcast)
      return rewriter.notifyMatchFailure(op, "no broadcast is reshaped");
    RankedTensorType joined = typeOf(op.getResult());
    RankedTensorType type = typeOf(op.getOperand());
    auto groups = getSplitDims(joined, type);
    auto dims = groups
                    ? SinkThroughElementwise::getJoinedDims(
                          typeOf(broadcast.getOperand()), joined, type, *groups)
                    : std::nullopt;
    if (!dims)
      return rewriter.notifyMatchFailure(op, "it is broadcast along a part of "
                                             "a dimension");
    Value x = SinkThroughElementwise::join(
        rewriter, op.getLoc(), broadcast.getOperand(),
        getTensorType(*dims, type.getElementType()));
    rewriter.replaceOpWithNewOp<BroadcastOp>(op, joined, x);
    return success();
  }
};

/// reshape(f(x, c)) -> f(reshape(x), c) for elementwise f of arguments of the
/// function and numbers, such as an optimizer's slots that decay: reshapes of
/// arguments cost nothing, and f can be where its result is used.
struct RaiseAboveArguments : OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ReshapeOp op,
                                PatternRewriter &rewriter) const override {
    Operation *producer = op.getOperand().getDefiningOp();
    if (!producer || getKind(producer) != FusionKind::Elementwise ||
        !producer->hasOneUse() || producer->getNumResults() != 1 ||
        llvm::all_of(producer->getOperands(), [](Value operand) {
          return typeOf(operand).getRank() == 0;
        }))
      return rewriter.notifyMatchFailure(op, "no elementwise op of its own");
    RankedTensorType type = typeOf(op.getOperand());
    RankedTensorType to = typeOf(op.getResult());
    for (Value operand : producer->getOperands())
      if (typeOf(operand).getRank() != 0 &&
          (!isa<BlockArgument>(operand) ||
           getDims(typeOf(operand)) != getDims(type)))
        return rewriter.notifyMatchFailure(op, "an operand is computed");
    OperationState state(producer->getLoc(), producer->getName());
    for (Value operand : producer->getOperands())
      state.addOperands(
          typeOf(operand).getRank() == 0
              ? operand
              : ReshapeOp::create(
                    rewriter, op.getLoc(),
                    withElementType(to, getElementTypeOrSelf(operand)), operand)
                    .getResult());
    state.addTypes(to);
    state.addAttributes(producer->getAttrs());
    rewriter.replaceOp(op, rewriter.create(state));
    return success();
  }
};

/// reduce(reshape(x)) -> reshape(reduce(x)) where the reduced dimensions are
/// whole dimensions of x.
struct SinkThroughReduce : OpRewritePattern<ReduceOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ReduceOp op,
                                PatternRewriter &rewriter) const override {
    auto reshape = op.getOperand().getDefiningOp<ReshapeOp>();
    if (!reshape || !isWholeUsed(reshape))
      return rewriter.notifyMatchFailure(op, "the operand is not reshaped, or "
                                             "is also used as it is");
    RankedTensorType from = reshape.getOperand().getType();
    auto groups = getSplitDims(from, typeOf(reshape.getResult()));
    if (!groups || from.getRank() == 0)
      return rewriter.notifyMatchFailure(op, "dimensions are joined");
    SmallVector<int64_t> axes;
    for (auto [i, group] : llvm::enumerate(*groups)) {
      SmallVector<int64_t, 2> real = dropUnits(group, reshape);
      size_t reduced = llvm::count_if(
          real, [&](int64_t d) { return llvm::is_contained(op.getAxes(), d); });
      if (reduced != 0 && reduced != real.size())
        return rewriter.notifyMatchFailure(op, "a part of a dimension is "
                                               "reduced");
      if (reduced)
        axes.push_back(i);
    }
    Value reduced =
        ReduceOp::create(rewriter, op.getLoc(), op.getKind(),
                         reshape.getOperand(), axes, op.getKeepdims());
    replaceWithReshape(rewriter, op, reshape, reduced);
    return success();
  }
};

/// softmax(reshape(x)) -> reshape(softmax(x)) where the axis is one of x.
struct SinkThroughSoftmax : OpRewritePattern<SoftmaxOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(SoftmaxOp op,
                                PatternRewriter &rewriter) const override {
    ReshapeOp reshape = getSinkable(op.getOperand());
    if (!reshape)
      return rewriter.notifyMatchFailure(op, "the operand is not reshaped");
    RankedTensorType from = reshape.getOperand().getType();
    auto groups = getSplitDims(from, typeOf(reshape.getResult()));
    if (!groups)
      return rewriter.notifyMatchFailure(op, "dimensions are joined");
    for (auto [i, group] : llvm::enumerate(*groups)) {
      if (dropUnits(group, reshape) !=
          SmallVector<int64_t, 2>{static_cast<int64_t>(op.getAxis())})
        continue;
      Value moved = SoftmaxOp::create(rewriter, op.getLoc(),
                                      reshape.getOperand(), i, op.getLog());
      replaceWithReshape(rewriter, op, reshape, moved);
      return success();
    }
    return rewriter.notifyMatchFailure(op, "the axis is a part of a dimension");
  }
};

/// A product of many rows with one matrix has all rows in one dimension.
struct FlattenRows : OpRewritePattern<MatmulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MatmulOp op,
                                PatternRewriter &rewriter) const override {
    RankedTensorType lhs = op.getLhs().getType(), rhs = op.getRhs().getType();
    if (lhs.getRank() < 3 || rhs.getRank() != 2)
      return rewriter.notifyMatchFailure(op, "rows have one dimension, or "
                                             "several matrices");
    SmallVector<AffineExpr> dims = getDims(lhs);
    AffineExpr rows = getAffineConstantExpr(1, op.getContext());
    for (AffineExpr dim : ArrayRef<AffineExpr>(dims).drop_back())
      rows = rows * dim;
    Value flat = ReshapeOp::create(
        rewriter, op.getLoc(),
        getTensorType({simplify(rows), dims.back()}, lhs.getElementType()),
        op.getLhs());
    Value product = MatmulOp::create(rewriter, op.getLoc(), flat, op.getRhs(),
                                     op.getWide());
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), product);
    return success();
  }
};

/// Concatenations that are stacked, concat(reshape(concat(a, b)), ..) along the
/// leading dimension each, are one: every piece is stored once.
struct MergeStackedConcats : OpRewritePattern<ConcatOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ConcatOp op,
                                PatternRewriter &rewriter) const override {
    SmallVector<Value> pieces;
    SmallVector<Location> locations{op.getLoc()};
    for (Value input : op.getInputs()) {
      auto reshape = input.getDefiningOp<ReshapeOp>();
      auto inner =
          reshape ? reshape.getOperand().getDefiningOp<ConcatOp>() : ConcatOp();
      if (op.getAxis() != 0 || !inner || inner.getAxis() != 0 ||
          !inner->hasOneUse() || !reshape->hasOneUse())
        return rewriter.notifyMatchFailure(op, "not stacked");
      // The reshape only adds the dimension along which they are stacked.
      SmallVector<AffineExpr> dims = getDims(typeOf(reshape.getResult()));
      if (dims.front() != 1 || ArrayRef<AffineExpr>(dims).drop_front() !=
                                   ArrayRef<AffineExpr>(getDims(typeOf(inner))))
        return rewriter.notifyMatchFailure(op, "not stacked");
      llvm::append_range(pieces, inner.getInputs());
      locations.append({reshape.getLoc(), inner.getLoc()});
    }
    Value merged = ConcatOp::create(rewriter, rewriter.getFusedLoc(locations),
                                    pieces, op.getAxis());
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), merged);
    return success();
  }
};

/// A permutation that only moves dimensions of size 1 is a reshape.
struct TransposeToReshape : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(TransposeOp op,
                                PatternRewriter &rewriter) const override {
    RankedTensorType type = op.getOperand().getType();
    int64_t last = -1;
    for (int64_t d : op.getPermutation()) {
      if (type.getDimSize(d) == 1)
        continue;
      if (d < last)
        return rewriter.notifyMatchFailure(op, "elements change their order");
      last = d;
    }
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), op.getOperand());
    return success();
  }
};

class SinkReshapes : public ::dl::impl::SinkReshapesBase<SinkReshapes> {
  using SinkReshapesBase::SinkReshapesBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<RaiseAboveArguments, RaiseAboveBroadcast,
                 SinkThroughElementwise, SinkThroughReduce, SinkThroughSoftmax,
                 FlattenRows, MergeStackedConcats, TransposeToReshape>(
        &getContext());
    populateBroadcastOperandPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
