// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/Dims.h"
#include "passes/Passes.h"
#include "passes/simplify/UnmaskedRows.h"

#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace dl {
#define GEN_PASS_DEF_SIMPLIFYARITHMETIC
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;

/// The float that a constant repeats, and the constant's value.
static std::optional<APFloat> getSplatFloat(Value value) {
  DenseFPElementsAttr elements;
  if (!matchPattern(value, m_Constant(&elements)) ||
      (!elements.isSplat() && elements.getNumElements() != 1))
    return std::nullopt;
  return *elements.getValues<APFloat>().begin();
}

static Value createScalar(OpBuilder &builder, Location loc, Type elementType,
                          const APFloat &value) {
  auto type = RankedTensorType::get({}, elementType);
  return ConstantOp::create(builder, loc, DenseElementsAttr::get(type, value));
}

/// Whether the order of operations shows in the result: a half is rounded after
/// each, to few bits.
static bool isHalf(Value value) {
  Type type = getElementTypeOrSelf(value.getType());
  return type.isF16() || type.isBF16();
}

namespace {

/// x / c -> x * (1 / c) where 1 / c is exact.
struct DivisionByPowerOfTwo : OpRewritePattern<DivOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(DivOp op,
                                PatternRewriter &rewriter) const override {
    std::optional<APFloat> divisor = getSplatFloat(op.getRhs());
    if (!divisor)
      return rewriter.notifyMatchFailure(op, "the divisor is no constant");
    APFloat inverse(divisor->getSemantics());
    if (!divisor->getExactInverse(&inverse))
      return rewriter.notifyMatchFailure(op, "the inverse is not exact");
    Value factor = ConstantOp::create(
        rewriter, op.getLoc(),
        DenseElementsAttr::get(cast<ShapedType>(op.getRhs().getType()),
                               inverse));
    rewriter.replaceOpWithNewOp<MulOp>(op, op.getType(), op.getLhs(), factor);
    return success();
  }
};

/// A factor that is one number: `value` = operand * factor, or a permutation of
/// such a product.
struct Scaled {
  MulOp product;
  TransposeOp transpose;
  Value operand;
  std::optional<APFloat> factor;
};

/// matmul(a * c, b) -> matmul(a, b) * c, where a is only moved to here, so that
/// the product reads it where it lies. A permutation may stand between.
struct ScaleAfterProduct : OpRewritePattern<MatmulOp> {
  using OpRewritePattern::OpRewritePattern;

  static Scaled match(Value value) {
    Scaled scaled;
    if ((scaled.transpose = value.getDefiningOp<TransposeOp>())) {
      if (!scaled.transpose->hasOneUse())
        return {};
      value = scaled.transpose.getOperand();
    }
    scaled.product = value.getDefiningOp<MulOp>();
    if (!scaled.product || !scaled.product->hasOneUse())
      return {};
    for (auto [operand, factor] :
         {std::pair(scaled.product.getLhs(), scaled.product.getRhs()),
          std::pair(scaled.product.getRhs(), scaled.product.getLhs())}) {
      scaled.operand = operand;
      scaled.factor = getSplatFloat(factor);
      // What computes the operand takes the factor in at no cost.
      auto producer = operand.getDefiningOp<FusionInterface>();
      bool moves =
          !producer || producer.getFusionKind() == FusionKind::Movement;
      if (scaled.factor && moves &&
          operand.getType() == scaled.product.getType())
        return scaled;
    }
    return {};
  }

  LogicalResult matchAndRewrite(MatmulOp op,
                                PatternRewriter &rewriter) const override {
    if (isHalf(op.getLhs()))
      return rewriter.notifyMatchFailure(op, "halves are rounded in order");
    for (OpOperand &operand : op->getOpOperands()) {
      Scaled scaled = match(operand.get());
      if (!scaled.factor)
        continue;
      Location loc =
          rewriter.getFusedLoc({op.getLoc(), scaled.product.getLoc()});
      Value plain = scaled.operand;
      if (scaled.transpose)
        plain = TransposeOp::create(rewriter, scaled.transpose.getLoc(), plain,
                                    scaled.transpose.getPermutation());
      SmallVector<Value> operands(op->getOperands());
      operands[operand.getOperandNumber()] = plain;
      Value result = MatmulOp::create(rewriter, op.getLoc(), op.getType(),
                                      operands[0], operands[1], op.getWide());
      Value factor = createScalar(
          rewriter, loc, getElementTypeOrSelf(op.getType()), *scaled.factor);
      rewriter.replaceOp(
          op, MulOp::create(rewriter, loc, op.getType(), result, factor));
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no operand is scaled");
  }
};

/// (x * c) * d -> x * (c * d), numbers c and d.
struct MergeScales : OpRewritePattern<MulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MulOp op,
                                PatternRewriter &rewriter) const override {
    auto inner = op.getLhs().getDefiningOp<MulOp>();
    std::optional<APFloat> outerFactor = getSplatFloat(op.getRhs());
    if (!inner || !outerFactor || !inner->hasOneUse() || isHalf(op))
      return rewriter.notifyMatchFailure(op, "no product of numbers");
    std::optional<APFloat> innerFactor = getSplatFloat(inner.getRhs());
    if (!innerFactor || inner.getLhs().getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "no product of numbers");
    innerFactor->multiply(*outerFactor, APFloat::rmNearestTiesToEven);
    Location loc = rewriter.getFusedLoc({op.getLoc(), inner.getLoc()});
    Value factor = createScalar(
        rewriter, loc, getElementTypeOrSelf(op.getType()), *innerFactor);
    Value product =
        MulOp::create(rewriter, loc, op.getType(), inner.getLhs(), factor);
    rewriter.replaceOp(op, product);
    return success();
  }
};

/// matmul(v, transpose(p)) -> transpose(matmul(p, transpose(v))) for weights p
/// that a normalization of rows has made: as the left operand, they need not be
/// stored.
struct WeightsToTheLeft : OpRewritePattern<MatmulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MatmulOp op,
                                PatternRewriter &rewriter) const override {
    auto turned = op.getRhs().getDefiningOp<TransposeOp>();
    if (!turned)
      return rewriter.notifyMatchFailure(op, "nothing is transposed");
    int64_t rank = turned.getPermutation().size();
    SmallVector<int64_t> swap = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    std::swap(swap[rank - 1], swap[rank - 2]);
    auto weights = turned.getOperand().getDefiningOp<FusionInterface>();
    if (turned.getPermutation() != ArrayRef<int64_t>(swap) || !weights ||
        weights.getFusionKind() != FusionKind::Reduction ||
        weights->getOperand(0).getType() != weights->getResult(0).getType() ||
        op.getLhs().getType().getRank() != rank)
      return rewriter.notifyMatchFailure(op, "no normalized weights");
    SmallVector<AffineExpr> left = getDims(op.getLhs().getType());
    SmallVector<AffineExpr> right = getDims(op.getRhs().getType());
    if (ArrayRef<AffineExpr>(left).drop_back(2) !=
        ArrayRef<AffineExpr>(right).drop_back(2))
      return rewriter.notifyMatchFailure(op, "leading dimensions differ");
    Value values =
        TransposeOp::create(rewriter, turned.getLoc(), op.getLhs(), swap);
    Value product = MatmulOp::create(rewriter, op.getLoc(), turned.getOperand(),
                                     values, op.getWide());
    rewriter.replaceOpWithNewOp<TransposeOp>(op, op.getType(), product, swap);
    return success();
  }
};

/// The operand of a transpose that exchanges the last two dimensions; null for
/// other values.
Value getTransposedMatrix(Value value) {
  auto transpose = value.getDefiningOp<TransposeOp>();
  if (!transpose)
    return {};
  int64_t rank = transpose.getPermutation().size();
  SmallVector<int64_t> swap = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (rank >= 2)
    std::swap(swap[rank - 1], swap[rank - 2]);
  return rank >= 2 && transpose.getPermutation() == ArrayRef<int64_t>(swap)
             ? transpose.getOperand()
             : Value();
}

/// transpose(matmul(transpose(a), b)) -> matmul(transpose(b), a), as gradients
/// of weights have it that are read transposed: the result is not moved.
struct TurnedProduct : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(TransposeOp op,
                                PatternRewriter &rewriter) const override {
    Value turned = getTransposedMatrix(op.getResult());
    auto product = turned ? turned.getDefiningOp<MatmulOp>() : MatmulOp();
    if (!product || !product->hasOneUse())
      return rewriter.notifyMatchFailure(op, "no product is transposed");
    Value left = getTransposedMatrix(product.getLhs());
    int64_t rank = op.getPermutation().size();
    if (!left || product.getLhs().getType().getRank() != rank ||
        product.getRhs().getType().getRank() != rank)
      return rewriter.notifyMatchFailure(op, "the left operand is not "
                                             "transposed, or broadcast");
    Value right = TransposeOp::create(rewriter, op.getLoc(), product.getRhs(),
                                      op.getPermutation());
    rewriter.replaceOpWithNewOp<MatmulOp>(op, op.getType(), right, left,
                                          product.getWide());
    return success();
  }
};

class SimplifyArithmetic
    : public ::dl::impl::SimplifyArithmeticBase<SimplifyArithmetic> {
  using SimplifyArithmeticBase::SimplifyArithmeticBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<DivisionByPowerOfTwo, ScaleAfterProduct, MergeScales,
                 TurnedProduct, WeightsToTheLeft>(&getContext());
    populateUnmaskedRowsPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
