// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/Dims.h"
#include "passes/Passes.h"

#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace dl {
#define GEN_PASS_DEF_JOINPADS
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;

namespace {

/// A tensor that stands among zeros along one dimension.
struct Piece {
  PadOp op;
  int64_t axis, begin, end; ///< positions [begin, end) of the sum
};

bool isZero(Value value) {
  return matchPattern(value, m_Zero()) || matchPattern(value, m_AnyZeroFloat());
}

/// What a pad puts among zeros; nothing where it cuts, pads along several
/// dimensions, or along one whose size is not known.
std::optional<Piece> getPiece(Value value) {
  auto op = value.getDefiningOp<PadOp>();
  if (!op || !op->hasOneUse() || op.getMode() != PadMode::Constant ||
      !isZero(op.getValue()))
    return std::nullopt;
  RankedTensorType from = op.getOperand().getType(),
                   to = cast<RankedTensorType>(op.getType());
  std::optional<Piece> piece;
  for (auto [d, expr] : llvm::enumerate(op.getLow().getResults())) {
    auto low = dyn_cast<AffineConstantExpr>(expr);
    if (low && low.getValue() == 0 &&
        provablyEqual(getDim(from, d), getDim(to, d)))
      continue;
    if (piece || !low || low.getValue() < 0 || from.isDynamicDim(d) ||
        to.isDynamicDim(d))
      return std::nullopt;
    int64_t end = low.getValue() + from.getDimSize(d);
    if (end > to.getDimSize(d))
      return std::nullopt;
    piece = Piece{op, int64_t(d), low.getValue(), end};
  }
  return piece;
}

/// The terms of a sum of tensors of one type, in order.
void collectTerms(AddOp sum, SmallVectorImpl<Value> &terms) {
  for (Value term : sum.getOperands()) {
    auto inner = term.getDefiningOp<AddOp>();
    if (inner && inner->hasOneUse() && inner.getType() == sum.getType())
      collectTerms(inner, terms);
    else
      terms.push_back(term);
  }
}

/// pad(a) + pad(b) -> concat(a, b) where they do not overlap.
struct JoinPad : OpRewritePattern<AddOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AddOp op,
                                PatternRewriter &rewriter) const override {
    if (op->hasOneUse())
      if (auto user = dyn_cast<AddOp>(*op->user_begin());
          user && user.getType() == op.getType())
        return rewriter.notifyMatchFailure(op, "part of a larger sum");
    SmallVector<Value> terms;
    collectTerms(op, terms);
    if (llvm::any_of(
            terms, [&](Value term) { return term.getType() != op.getType(); }))
      return rewriter.notifyMatchFailure(op, "a term is broadcast");
    SmallVector<Piece> pieces = choosePieces(terms);
    if (pieces.size() < 2)
      return rewriter.notifyMatchFailure(op, "no two pads beside each other");
    llvm::erase_if(terms, [&](Value term) {
      return llvm::any_of(pieces, [&](const Piece &piece) {
        return piece.op == term.getDefiningOp();
      });
    });
    Value sum = join(pieces, op, rewriter);
    for (Value term : terms)
      sum = AddOp::create(rewriter, op.getLoc(), op.getType(), term, sum);
    rewriter.replaceOp(op, sum);
    return success();
  }

private:
  /// Of the pads among some terms, those along the first one's dimension that
  /// do not overlap, by their places.
  static SmallVector<Piece> choosePieces(ArrayRef<Value> terms) {
    SmallVector<Piece> all, chosen;
    for (Value term : terms)
      if (auto piece = getPiece(term))
        all.push_back(*piece);
    llvm::sort(all, [](const Piece &a, const Piece &b) {
      return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
    });
    for (const Piece &piece : all)
      if (chosen.empty() || (piece.axis == chosen.front().axis &&
                             piece.begin >= chosen.back().end))
        chosen.push_back(piece);
    return chosen;
  }

  /// The pieces one after the other; zeros between them belong to the piece
  /// that follows, or, at the end, to the last.
  static Value join(ArrayRef<Piece> pieces, AddOp op,
                    PatternRewriter &rewriter) {
    Location loc = op.getLoc();
    auto type = cast<RankedTensorType>(op.getType());
    int64_t axis = pieces.front().axis, at = 0;
    SmallVector<Value> inputs;
    for (Piece piece : pieces) {
      bool isLast = piece.op == pieces.back().op;
      int64_t end = isLast ? type.getDimSize(axis) : piece.end;
      Value input = piece.op.getOperand();
      if (at != piece.begin || end != piece.end) {
        SmallVector<AffineExpr> low(type.getRank(),
                                    rewriter.getAffineConstantExpr(0)),
            dims = getDims(type);
        low[axis] = rewriter.getAffineConstantExpr(piece.begin - at);
        dims[axis] = rewriter.getAffineConstantExpr(end - at);
        input = PadOp::create(
            rewriter, loc, getTensorType(dims, type.getElementType()),
            piece.op.getModeAttr(), input, piece.op.getValue(),
            AffineMapAttr::get(getSymbolMap(low, rewriter.getContext())));
      }
      inputs.push_back(input);
      at = end;
    }
    return ConcatOp::create(rewriter, loc, type, inputs,
                            rewriter.getI64IntegerAttr(axis));
  }
};

class JoinPads : public ::dl::impl::JoinPadsBase<JoinPads> {
  using JoinPadsBase::JoinPadsBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<JoinPad>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
