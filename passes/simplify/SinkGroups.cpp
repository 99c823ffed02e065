// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/simplify/SinkGroups.h"
#include "ir/dialect/Dims.h"
#include "passes/ChannelOrder.h"
#include "passes/Constants.h"

using namespace mlir;
using namespace mlir::dl;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// The permutation from [N, spatial.., groups, channels of a group] to
/// [N, groups, channels of a group, spatial..].
static SmallVector<int64_t> getGroupsFirstOrder(int64_t rank) {
  SmallVector<int64_t> order{0, rank - 2, rank - 1};
  for (int64_t d = 1; d + 2 < rank; ++d)
    order.push_back(d);
  return order;
}

/// x, [N, spatial.., groups, channels of a group], where `value` is x with its
/// groups put first; null otherwise.
static Value getBeforeGroupsFirst(Value value) {
  auto transpose = value.getDefiningOp<TransposeOp>();
  if (!transpose || typeOf(value).getRank() < 4 ||
      transpose.getPermutation() !=
          ArrayRef<int64_t>(getGroupsFirstOrder(typeOf(value).getRank())))
    return {};
  return transpose.getOperand();
}

/// A value [N, groups, rest] of y, [N, spatial.., C]: `channels` of a group
/// each belong to one with all of their positions.
struct Grouped {
  Value y;
  int64_t groups, channels;

  explicit operator bool() const { return static_cast<bool>(y); }
};

/// What `value` has in groups; nothing where it is no such value.
static Grouped getGrouped(Value value) {
  auto reshape = value.getDefiningOp<ReshapeOp>();
  if (!reshape || typeOf(value).getRank() != 3)
    return {};
  Value x = getBeforeGroupsFirst(reshape.getOperand());
  auto split = x ? x.getDefiningOp<ReshapeOp>() : ReshapeOp();
  if (!split)
    return {};
  Value y = split.getOperand();
  RankedTensorType before = typeOf(y), type = typeOf(x), to = typeOf(value);
  int64_t groups = type.getShape().end()[-2], channels = type.getShape().back();
  if (before.getRank() + 1 != type.getRank() || ShapedType::isDynamic(groups) ||
      ShapedType::isDynamic(channels) || groups != to.getDimSize(1) ||
      before.getShape().back() != groups * channels ||
      !provablyEqual(getDim(before, 0), getDim(to, 0)) ||
      !provablyEqual(getDim(type, 0), getDim(to, 0)))
    return {};
  return {y, groups, channels};
}

static Value reshape(OpBuilder &builder, Location loc, Value value,
                     ArrayRef<AffineExpr> dims) {
  return ReshapeOp::create(
      builder, loc, getTensorType(dims, typeOf(value).getElementType()), value);
}

/// `grouped`, of the dimensions `joined`, as a value; see getGrouped.
static Value joinGroups(OpBuilder &builder, Location loc, Grouped grouped,
                        ArrayRef<AffineExpr> joined) {
  SmallVector<AffineExpr> dims = getDims(typeOf(grouped.y));
  dims.back() = builder.getAffineConstantExpr(grouped.groups);
  dims.push_back(builder.getAffineConstantExpr(grouped.channels));
  Value x = reshape(builder, loc, grouped.y, dims);
  Value first =
      TransposeOp::create(builder, loc, x, getGroupsFirstOrder(dims.size()));
  return reshape(builder, loc, first, joined);
}

/// One value for each group, [N, groups, 1] or broadcast to it, as one for each
/// channel of a tensor of `rank` dimensions, the last of which are channels.
static Value spreadToChannels(OpBuilder &builder, Location loc, Value value,
                              int64_t channels, int64_t rank) {
  RankedTensorType type = typeOf(value);
  if (type.getRank() == 0)
    return value;
  AffineExpr one = builder.getAffineConstantExpr(1);
  SmallVector<AffineExpr> dims(3 - type.getRank(), one);
  llvm::append_range(dims, getDims(type));
  SmallVector<AffineExpr> spread(rank, one);
  spread[0] = dims[0];
  if (dims[1] != 1) {
    if (type.getRank() < 3)
      value = reshape(builder, loc, value, dims);
    dims[2] = builder.getAffineConstantExpr(channels);
    value = BroadcastOp::create(
        builder, loc, getTensorType(dims, type.getElementType()), value);
    spread.back() = simplify(dims[1] * dims[2]);
  }
  return reshape(builder, loc, value, spread);
}

namespace {

/// reshape(transpose(y)) : [N, groups, rest], of which a reduction takes the
/// rest, becomes groups of y.
struct FindGroups : OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ReshapeOp op,
                                PatternRewriter &rewriter) const override {
    auto transpose = op.getOperand().getDefiningOp<TransposeOp>();
    RankedTensorType to = op.getResult().getType();
    if (!transpose || to.getRank() != 3 || isStoredConstant(op.getOperand()))
      return rewriter.notifyMatchFailure(op, "the operand is not permuted");
    RankedTensorType from = transpose.getResult().getType();
    int64_t rank = from.getRank();
    if (rank < 3 || transpose.getPermutation() !=
                        ArrayRef<int64_t>(getChannelsFirstOrder(rank)))
      return rewriter.notifyMatchFailure(op, "channels are not put first");
    // Sums are stored in between: not of halves, which are added in float32.
    if (!to.getElementType().isF32())
      return rewriter.notifyMatchFailure(op, "not float32");
    int64_t channels = from.getDimSize(1), groups = to.getDimSize(1);
    if (!provablyEqual(getDim(from, 0), getDim(to, 0)) ||
        ShapedType::isDynamic(channels) || ShapedType::isDynamic(groups) ||
        groups < 1 || channels <= groups || channels % groups)
      return rewriter.notifyMatchFailure(op, "no groups of channels");
    if (llvm::none_of(op->getUsers(), [](Operation *user) {
          auto reduce = dyn_cast<ReduceOp>(user);
          return reduce && reduce.getAxes() == ArrayRef<int64_t>{2};
        }))
      return rewriter.notifyMatchFailure(op, "no group is reduced");
    rewriter.replaceOp(
        op, joinGroups(rewriter, op.getLoc(),
                       {transpose.getOperand(), groups, channels / groups},
                       getDims(to)));
    return success();
  }
};

/// A reduction of whole groups: first of each line of positions, channel by
/// channel, then of what is left of each group. The first reads memory in
/// order, and where the lines were made.
struct SinkGroupsThroughReduce : OpRewritePattern<ReduceOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ReduceOp op,
                                PatternRewriter &rewriter) const override {
    Grouped grouped = getGrouped(op.getOperand());
    if (!grouped || op.getAxes() != ArrayRef<int64_t>{2})
      return rewriter.notifyMatchFailure(op, "no group is reduced");
    Location loc = op.getLoc();
    Value value = grouped.y;
    int64_t rank = typeOf(value).getRank();
    SmallVector<int64_t> line;
    for (int64_t d = 2; d + 1 < rank; ++d)
      line.push_back(d);
    if (!line.empty())
      value = ReduceOp::create(rewriter, loc, op.getKind(), value, line,
                               /*keepdims=*/false);
    SmallVector<AffineExpr> dims = getDims(typeOf(value));
    dims.back() = rewriter.getAffineConstantExpr(grouped.groups);
    dims.push_back(rewriter.getAffineConstantExpr(grouped.channels));
    Value reduced = ReduceOp::create(
        rewriter, loc, op.getKind(), reshape(rewriter, loc, value, dims),
        ArrayRef<int64_t>{1, 3}, /*keepdims=*/true);
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getResult().getType(),
                                           reduced);
    return success();
  }
};

struct SinkGroupsThroughElementwise : RewritePattern {
  SinkGroupsThroughElementwise(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}

  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    auto interface = dyn_cast<FusionInterface>(op);
    if (!interface || op->getNumResults() != 1 ||
        interface.getFusionKind() != FusionKind::Elementwise)
      return failure();
    RankedTensorType type = typeOf(op->getResult(0));
    Grouped found;
    for (Value operand : op->getOperands())
      if (Grouped grouped = getGrouped(operand))
        found = grouped;
    if (!found || type.getRank() != 3)
      return rewriter.notifyMatchFailure(op, "no operand is in groups");
    SmallVector<AffineExpr> dims = getDims(typeOf(found.y));
    if (!provablyEqual(dims[0], getDim(type, 0)) ||
        type.getDimSize(1) != found.groups)
      return rewriter.notifyMatchFailure(op, "the groups are broadcast");
    // All must be in the same groups, or the same for each whole group.
    for (Value operand : op->getOperands()) {
      if (Grouped grouped = getGrouped(operand)) {
        if (getDims(typeOf(grouped.y)) == dims)
          continue;
      } else {
        RankedTensorType other = typeOf(operand);
        if (other.getRank() == 0 || other.getShape().back() == 1)
          continue;
      }
      return rewriter.notifyMatchFailure(op, "an operand has other groups");
    }
    OperationState state(op->getLoc(), op->getName());
    for (Value operand : op->getOperands()) {
      if (Grouped grouped = getGrouped(operand))
        state.addOperands(grouped.y);
      else
        state.addOperands(spreadToChannels(rewriter, op->getLoc(), operand,
                                           found.channels, dims.size()));
    }
    state.addTypes(getTensorType(dims, type.getElementType()));
    state.addAttributes(op->getAttrs());
    found.y = rewriter.create(state)->getResult(0);
    rewriter.replaceOp(
        op, joinGroups(rewriter, op->getLoc(), found, getDims(type)));
    return success();
  }
};

/// Groups of x that become channels again: a reshape of x, and channels put
/// first.
struct JoinChannels : OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ReshapeOp op,
                                PatternRewriter &rewriter) const override {
    // What comes before may have become a part of this reshape.
    Value x = getBeforeGroupsFirst(op.getOperand());
    if (auto before = op.getOperand().getDefiningOp<ReshapeOp>(); before && !x)
      x = getBeforeGroupsFirst(before.getOperand());
    RankedTensorType to = op.getResult().getType();
    if (!x || to.getRank() < 3)
      return rewriter.notifyMatchFailure(op, "the operand has no groups");
    SmallVector<AffineExpr> dims = getDims(typeOf(x)), result = getDims(to);
    if (!provablyEqual(dims[0], result[0]) ||
        !provablyEqual(dims.end()[-2] * dims.back(), result[1]) ||
        dims.back() == 1)
      return rewriter.notifyMatchFailure(op, "the groups do not end here");
    std::rotate(result.begin() + 1, result.begin() + 2, result.end());
    Value last = reshape(rewriter, op.getLoc(), x, result);
    rewriter.replaceOp(op, toChannelsFirst(rewriter, op.getLoc(), last));
    return success();
  }
};

} // namespace

void mlir::dl::populateSinkGroupsPatterns(RewritePatternSet &patterns) {
  patterns.add<FindGroups, SinkGroupsThroughReduce,
               SinkGroupsThroughElementwise, JoinChannels>(
      patterns.getContext());
}
