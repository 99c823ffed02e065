// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/Dims.h"
#include "passes/Assumptions.h"
#include "passes/Passes.h"
#include "passes/differentiate/Calculus.h"
#include "passes/sparsify/ChosenZeros.h"
#include "passes/sparsify/DimensionPart.h"
#include "passes/sparsify/MaskedRows.h"

#include "mlir/Transforms/RegionUtils.h"

namespace dl {
#define GEN_PASS_DEF_SPLITEXPERTS
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;

/// More summands make more kernels than what they leave out is worth.
constexpr int64_t kMaxExperts = 256;

namespace {

class SplitExperts : public ::dl::impl::SplitExpertsBase<SplitExperts> {
  using SplitExpertsBase::SplitExpertsBase;

  void runOnOperation() override {
    SmallVector<Operation *> sums;
    getOperation().walk([&](Operation *op) {
      if (isa<ReduceOp, MatmulOp>(op))
        sums.push_back(op);
    });
    bool changed = false;
    // The last ones first: what one is computed from is looked at whole.
    for (Operation *op : llvm::reverse(sums)) {
      if (op->use_empty())
        continue;
      if (auto reduce = dyn_cast<ReduceOp>(op))
        changed |= splitSum(reduce);
      else
        changed |= splitProduct(cast<MatmulOp>(op)) ||
                   splitDepth(cast<MatmulOp>(op)) ||
                   splitSlots(cast<MatmulOp>(op));
    }
    if (!changed)
      return;
    IRRewriter rewriter(&getContext());
    (void)runRegionDCE(rewriter, getOperation()->getRegions());
  }

  bool splitSum(ReduceOp op);
  bool splitProduct(MatmulOp op);
  bool splitDepth(MatmulOp op);
  bool splitSlots(MatmulOp op);
  Value createSum(OpBuilder &builder, Operation *op, int64_t count,
                  llvm::function_ref<Value(int64_t)> createSummand);
};

} // namespace

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// The size of a dimension that may be that of experts; 0 for others.
static int64_t getNumExperts(Value value, int64_t dim) {
  int64_t size = tensorType(value).getDimSize(dim);
  return ShapedType::isDynamic(size) || size < 2 || size > kMaxExperts ? 0
                                                                       : size;
}

/// The op before what only moves elements.
static Operation *skipMovement(Value value) {
  Operation *op = value.getDefiningOp();
  while (isa_and_nonnull<ReshapeOp, TransposeOp>(op))
    op = op->getOperand(0).getDefiningOp();
  return op;
}

/// Whether rows of the value may be zero by choice.
static bool mayHaveMaskedRows(Value value) {
  Operation *op = skipMovement(value);
  if (auto select = dyn_cast_or_null<SelectOp>(op))
    return isZero(select.getOnFalse());
  auto mul = dyn_cast_or_null<MulOp>(op);
  return mul && (isZeroByChoice(mul.getLhs()) || isZeroByChoice(mul.getRhs()));
}

/// The sum of all experts' summands, if the first one's rows can be skipped;
/// otherwise nothing is left of it.
Value SplitExperts::createSum(
    OpBuilder &builder, Operation *op, int64_t count,
    llvm::function_ref<Value(int64_t)> createSummand) {
  Operation *before = op->getPrevNode();
  Value sum = createSummand(0);
  eraseUnused(before, op, sum);
  Operation *product = skipMovement(sum);
  // Of slots, a product has the rows.
  if (auto mixed = dyn_cast_or_null<MatmulOp>(product))
    product = skipMovement(mixed.getRhs());
  if (!product || !matchMaskedRows(product, assumeFinite)) {
    eraseUnused(before, op, {});
    return {};
  }
  ::dl::Calculus build(builder, op->getLoc());
  for (int64_t i = 1; i < count; ++i)
    sum = build.add(sum, createSummand(i));
  return sum;
}

bool SplitExperts::splitSum(ReduceOp op) {
  if (op.getKind() != ReduceKind::Sum || !mayHaveMaskedRows(op.getOperand()))
    return false;
  for (int64_t axis : op.getAxes()) {
    int64_t count = getNumExperts(op.getOperand(), axis);
    if (!count)
      continue;
    OpBuilder builder(op);
    DimensionPart part(op.getOperand(), axis, count);
    Value sum = createSum(builder, op, count,
                          [&](int64_t i) { return part.create(builder, i); });
    if (!sum)
      continue;
    ::dl::Calculus build(builder, op.getLoc());
    SmallVector<int64_t> others;
    for (int64_t other : op.getAxes())
      if (other != axis)
        others.push_back(other > axis ? other - 1 : other);
    if (!others.empty())
      sum = build.sum(sum, others, /*keepDims=*/false);
    op.replaceAllUsesWith(
        build.reshape(sum, getDims(tensorType(op.getResult()))));
    return true;
  }
  return false;
}

/// A weighted sum as a product: of a row of weights, or by a column of them.
bool SplitExperts::splitProduct(MatmulOp op) {
  int64_t lhsRank = tensorType(op.getLhs()).getRank(),
          rhsRank = tensorType(op.getRhs()).getRank();
  int64_t count = getNumExperts(op.getLhs(), lhsRank - 1);
  RankedTensorType type = tensorType(op.getResult());
  bool isColumn =
           getDim(type, type.getRank() - 1) == 1 && isZeroByChoice(op.getRhs()),
       isRow =
           getDim(type, type.getRank() - 2) == 1 && isZeroByChoice(op.getLhs());
  if (!count || op.getWide() || isColumn == isRow)
    return false;
  OpBuilder builder(op);
  ::dl::Calculus build(builder, op.getLoc());
  DimensionPart lhs(op.getLhs(), lhsRank - 1, count),
      rhs(op.getRhs(), rhsRank - 2, count);
  Value sum = createSum(builder, op, count, [&](int64_t i) {
    return build.mul(lhs.create(builder, i), rhs.create(builder, i));
  });
  if (!sum)
    return false;
  op.replaceAllUsesWith(build.reshape(sum, getDims(type)));
  return true;
}

/// A product of weighted rows, with experts and what each contracts along one
/// dimension: weights apply after each one's product as well.
bool SplitExperts::splitDepth(MatmulOp op) {
  RankedTensorType lhsType = tensorType(op.getLhs());
  int64_t lhsRank = lhsType.getRank(), depth = lhsType.getShape().back(),
          rhsRank = tensorType(op.getRhs()).getRank();
  auto weighted = dyn_cast_or_null<MulOp>(skipMovement(op.getLhs()));
  if (!weighted || op.getWide() || ShapedType::isDynamic(depth) ||
      !mayHaveMaskedRows(op.getLhs()))
    return false;
  for (int64_t dim = 0; dim < tensorType(weighted.getResult()).getRank();
       ++dim) {
    int64_t count = getNumExperts(weighted.getResult(), dim);
    if (!count || depth % count || depth == count)
      continue;
    OpBuilder builder(op);
    ::dl::Calculus build(builder, op.getLoc());
    DimensionPart lhs(op.getLhs(), lhsRank - 1, count, depth / count),
        rhs(op.getRhs(), rhsRank - 2, count, depth / count);
    Value sum = createSum(builder, op, count, [&](int64_t i) -> Value {
      Value rows = lhs.create(builder, i), matrix = rhs.create(builder, i);
      auto mul = rows.getDefiningOp<MulOp>();
      if (!mul)
        return build.matmul(rows, matrix);
      bool isLeft = isZeroByChoice(mul.getLhs());
      Value weight = isLeft ? mul.getLhs() : mul.getRhs(),
            value = isLeft ? mul.getRhs() : mul.getLhs();
      RankedTensorType type = tensorType(weight);
      if (type.getRank() == 0 || getDim(type, type.getRank() - 1) != 1 ||
          value.getType() != rows.getType())
        return build.matmul(rows, matrix);
      return build.mul(weight, build.matmul(value, matrix));
    });
    if (!sum)
      continue;
    op.replaceAllUsesWith(
        build.reshape(sum, getDims(tensorType(op.getResult()))));
    return true;
  }
  return false;
}

/// A product of tokens' weights for slots with what experts, each with as many
/// slots, make of them: a slot that no token has is zero in all rows of the
/// weights, and what is made of it does not matter.
bool SplitExperts::splitSlots(MatmulOp op) {
  int64_t lhsRank = tensorType(op.getLhs()).getRank(),
          rhsRank = tensorType(op.getRhs()).getRank(),
          depth = tensorType(op.getLhs()).getShape().back();
  // With fewer slots for each token, so many are filled that experts one by
  // one, of sizes that the run finds, take longer than all in one product.
  constexpr int64_t kManySlots = 4;
  int64_t tokens = tensorType(op.getLhs()).getDimSize(0);
  auto made = dyn_cast_or_null<MatmulOp>(skipMovement(op.getRhs()));
  if (ShapedType::isDynamic(tokens) || depth / kManySlots < tokens)
    return false;
  if (!assumeFinite || !made || lhsRank != 2 || rhsRank != 2 || op.getWide() ||
      ShapedType::isDynamic(depth) || !isZeroByChoice(op.getLhs()))
    return false;
  for (int64_t dim = 0; dim + 2 < tensorType(made).getRank(); ++dim) {
    int64_t count = getNumExperts(made, dim);
    if (!count || depth % count || depth == count)
      continue;
    OpBuilder builder(op);
    ::dl::Calculus build(builder, op.getLoc());
    DimensionPart lhs(op.getLhs(), 1, count, depth / count),
        rhs(op.getRhs(), 0, count, depth / count);
    Value sum = createSum(builder, op, count, [&](int64_t i) {
      Value weights = lhs.create(builder, i), rows = rhs.create(builder, i);
      Value largest = build.create<ReduceOp>(
          ReduceKind::Max, build.abs(weights), ArrayRef<int64_t>{0},
          /*keepdims=*/true);
      Value isFilled =
          build.compare(Predicate::Ne, build.transpose(largest, {1, 0}), 0);
      return build.matmul(weights,
                          build.select(isFilled, rows, build.number(0, rows)));
    });
    if (!sum)
      continue;
    ::dl::addAssumption(getOperation(),
                        "slots of experts that no token has are not computed: "
                        "it is assumed that they would be finite "
                        "(--assume-finite)");
    op.replaceAllUsesWith(
        build.reshape(sum, getDims(tensorType(op.getResult()))));
    return true;
  }
  return false;
}
