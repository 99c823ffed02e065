// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/simplify/UnmaskedRows.h"
#include "ir/dialect/Dims.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::dl;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

//===----------------------------------------------------------------------===//
// Elements of the first column
//===----------------------------------------------------------------------===//

namespace {

/// The least and the greatest number that some elements have.
struct Bounds {
  double least = -std::numeric_limits<double>::infinity(),
         most = std::numeric_limits<double>::infinity();

  bool isOneNumber() const { return least == most; }
};

} // namespace

/// Steps that are followed to where elements come from.
constexpr int kMostSteps = 8;

static Bounds getBounds(Value value, bool isFirst, int steps);

/// Whether a condition is false for the elements, or true; nothing where that
/// is not known.
static std::optional<bool> getCondition(Value value, bool isFirst, int steps) {
  auto op = value.getDefiningOp<CompareOp>();
  if (!op)
    return std::nullopt;
  // Of an operand that is broadcast, the first column is any.
  Bounds a = getBounds(op.getLhs(), isFirst, steps),
         b = getBounds(op.getRhs(), isFirst, steps);
  auto less = [](Bounds x, Bounds y, bool orEqual) -> std::optional<bool> {
    if (orEqual ? x.most <= y.least : x.most < y.least)
      return true;
    if (orEqual ? x.least > y.most : x.least >= y.most)
      return false;
    return std::nullopt;
  };
  switch (op.getPredicate()) {
  case Predicate::Lt:
    return less(a, b, false);
  case Predicate::Le:
    return less(a, b, true);
  case Predicate::Gt:
    return less(b, a, false);
  case Predicate::Ge:
    return less(b, a, true);
  default:
    return std::nullopt;
  }
}

/// The bounds of a value's elements, `isFirst`: of those that stand first along
/// the last dimension. What is no number is in no bounds, and not looked for.
static Bounds getBounds(Value value, bool isFirst, int steps) {
  Operation *op = value.getDefiningOp();
  if (!op || steps == 0)
    return {};
  RankedTensorType type = typeOf(value);
  int64_t last = type.getRank() - 1;
  auto next = [&](Value operand, bool first) {
    return getBounds(operand, first, steps - 1);
  };
  DenseElementsAttr elements;
  if (matchPattern(value, m_Constant(&elements)) && elements.isSplat()) {
    Attribute element = elements.getSplatValue<Attribute>();
    double number = 0;
    if (auto real = dyn_cast<FloatAttr>(element))
      number = real.getValueAsDouble();
    else if (auto integer = dyn_cast<IntegerAttr>(element))
      number = static_cast<double>(integer.getValue().getSExtValue());
    else
      return {};
    return Bounds{number, number};
  }
  if (auto iota = dyn_cast<IotaOp>(op))
    return isFirst && static_cast<int64_t>(iota.getAxis()) == last
               ? Bounds{0, 0}
               : Bounds{0, std::numeric_limits<double>::infinity()};
  if (auto cast = dyn_cast<CastOp>(op)) {
    // What is small is so in all types of numbers with a sign.
    constexpr double kSmall = 1 << 10;
    Bounds bounds = next(cast.getOperand(), isFirst);
    bool isSmall = bounds.isOneNumber() && std::abs(bounds.least) <= kSmall &&
                   bounds.least == std::trunc(bounds.least) &&
                   type.getElementTypeBitWidth() >= 16;
    return isSmall ? bounds : Bounds();
  }
  if (isa<AddOp>(op)) {
    Bounds a = next(op->getOperand(0), isFirst),
           b = next(op->getOperand(1), isFirst);
    return {a.least + b.least, a.most + b.most};
  }
  if (auto reshape = dyn_cast<ReshapeOp>(op)) {
    RankedTensorType from = reshape.getOperand().getType();
    bool isKept =
        from.getRank() > 0 && last >= 0 &&
        provablyEqual(getDim(from, from.getRank() - 1), getDim(type, last));
    return next(reshape.getOperand(), isFirst && isKept);
  }
  if (auto select = dyn_cast<SelectOp>(op)) {
    auto condition = getCondition(select.getCondition(), isFirst, steps - 1);
    if (!condition)
      return {};
    return next(*condition ? select.getOnTrue() : select.getOnFalse(), isFirst);
  }
  return {};
}

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

/// Whether a constant repeats zero.
static bool isZero(Value value) {
  DenseFPElementsAttr elements;
  return matchPattern(value, m_Constant(&elements)) && elements.isSplat() &&
         elements.getSplatValue<APFloat>().isZero();
}

/// The mask of which a condition says that a row of it is all minus infinity;
/// null for other conditions.
static Value getMask(Value condition) {
  auto compare = condition.getDefiningOp<CompareOp>();
  if (!compare || compare.getPredicate() != Predicate::Eq)
    return {};
  auto reduce = compare.getLhs().getDefiningOp<ReduceOp>();
  DenseFPElementsAttr bound;
  if (!reduce || reduce.getKind() != ReduceKind::Max ||
      !matchPattern(compare.getRhs(), m_Constant(&bound)) || !bound.isSplat() ||
      !bound.getSplatValue<APFloat>().isInfinity() ||
      !bound.getSplatValue<APFloat>().isNegative())
    return {};
  int64_t last = typeOf(reduce.getOperand()).getRank() - 1;
  return reduce.getAxes() == ArrayRef<int64_t>(last) ? reduce.getOperand()
                                                     : Value();
}

namespace {

/// select(max(mask) == -inf, a, b) -> b where each row's first element is a
/// number, as that of a mask that lets rows see what comes before them.
struct DropUnmasked : OpRewritePattern<SelectOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(SelectOp op,
                                PatternRewriter &rewriter) const override {
    Value mask = getMask(op.getCondition());
    if (!mask || op.getOnFalse().getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "no rows of a mask are asked for");
    RankedTensorType type = typeOf(mask);
    int64_t last = type.getRank() - 1;
    if (type.isDynamicDim(last) || type.getDimSize(last) == 0 ||
        !(getBounds(mask, /*isFirst=*/true, kMostSteps).least >
          -std::numeric_limits<double>::infinity()))
      return rewriter.notifyMatchFailure(op, "a row may see nothing");
    rewriter.replaceOp(op, op.getOnFalse());
    return success();
  }
};

/// matmul(select(row, 0, weights), values) -> select(row, 0, matmul(weights,
/// values)) for weights that a normalization has made, values taken for finite.
struct ZeroRowsAfterProduct : OpRewritePattern<MatmulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MatmulOp op,
                                PatternRewriter &rewriter) const override {
    auto select = op.getLhs().getDefiningOp<SelectOp>();
    if (!select || !select->hasOneUse() || !isZero(select.getOnTrue()) ||
        op.getWide())
      return rewriter.notifyMatchFailure(op, "no rows are zero");
    Value weights = select.getOnFalse();
    auto normalizer = weights.getDefiningOp<SoftmaxOp>();
    RankedTensorType type = typeOf(weights),
                     condition = select.getCondition().getType();
    if (!normalizer || select.getType() != type ||
        static_cast<int64_t>(normalizer.getAxis()) != type.getRank() - 1 ||
        condition.getRank() == 0 ||
        condition.getDimSize(condition.getRank() - 1) != 1 ||
        op.getType().getRank() != type.getRank())
      return rewriter.notifyMatchFailure(op, "no normalized rows");
    Value product = MatmulOp::create(rewriter, op.getLoc(), op.getType(),
                                     weights, op.getRhs(), op.getWideAttr());
    rewriter.replaceOpWithNewOp<SelectOp>(
        op, op.getType(), select.getCondition(), select.getOnTrue(), product);
    return success();
  }
};

} // namespace

void mlir::dl::populateUnmaskedRowsPatterns(RewritePatternSet &patterns) {
  patterns.add<DropUnmasked, ZeroRowsAfterProduct>(patterns.getContext());
}
