// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/Dims.h"
#include "passes/Passes.h"
#include "passes/differentiate/Calculus.h"
#include "passes/sparsify/MaskedRows.h"
#include "passes/sparsify/RowSlice.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"

namespace dl {
#define GEN_PASS_DEF_GROUPBYINDEX
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;

/// More matrices make more kernels than what they save is worth.
constexpr int64_t kMaxMatrices = 256;
/// Multiplications with gathered weights that take as long as finding the rows
/// of one matrix: weights are read for each row, 2 to 3 a nanosecond.
constexpr int64_t kMultiplicationsPerMatrix = int64_t(1) << 16;

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

namespace {

/// A choice of slices along a table's first dimension.
struct Choice {
  Value table, indices; ///< indices: one for each slice, in the result's order
  int64_t numIndexDims; ///< leading dimensions of the result that they number
};

/// The ops from products with chosen matrices to the value that rows leave by.
class ChosenProducts {
public:
  /// `op` has the first such product; see isValid.
  explicit ChosenProducts(MatmulOp op);
  bool isValid() const { return root != nullptr; }

  Value getRoot() const { return root->getResult(0); }
  Value getIndices() const { return indices; }
  int64_t getNumMatrices() const { return numMatrices; }
  AffineExpr getNumRows() const { return rows->getNumRows(); }
  int64_t getNumRowDims() const { return *rows->getNumDims(getRoot()); }

  /// `root` as if all rows had chosen one matrix.
  Value create(OpBuilder &builder, int64_t matrix) const;

private:
  bool isChosen(Value value) const;
  bool takesPart(Operation *op, const llvm::SetVector<Value> &inside) const;
  Value createChosen(OpBuilder &builder, Value value, int64_t matrix) const;
  Value createProduct(const ::dl::Calculus &build, MatmulOp op, Value lhs,
                      Value rhs, bool lhsIsChosen, bool rhsIsChosen) const;

  std::optional<Rows> rows;
  Value indices;
  int64_t numMatrices = 0;
  SmallVector<Operation *> ops; ///< in order, the last one is `root`
  Operation *root = nullptr;
};

class GroupByIndex : public ::dl::impl::GroupByIndexBase<GroupByIndex> {
  using GroupByIndexBase::GroupByIndexBase;

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    // What was grouped is gone, and with it products that were found before.
    while (groupFirst())
      (void)runRegionDCE(rewriter, getOperation()->getRegions());
  }

  bool groupFirst() {
    return getOperation()
        .walk([&](MatmulOp op) {
          return group(op) ? WalkResult::interrupt() : WalkResult::advance();
        })
        .wasInterrupted();
  }
  bool group(MatmulOp op);
};

} // namespace

//===----------------------------------------------------------------------===//
// What was chosen
//===----------------------------------------------------------------------===//

/// The index tensor that others were reshaped from.
static Value skipReshapes(Value value) {
  while (auto reshape = value.getDefiningOp<ReshapeOp>())
    value = reshape.getOperand();
  return value;
}

static std::optional<Choice> getChoice(Value value) {
  Operation *op = value.getDefiningOp();
  if (auto gather = dyn_cast_or_null<GatherOp>(op)) {
    if (gather.getAxis() != 0)
      return std::nullopt;
    return Choice{gather.getOperand(), skipReshapes(gather.getIndices()),
                  tensorType(gather.getIndices()).getRank()};
  }
  auto gather = dyn_cast_or_null<GatherNdOp>(op);
  if (!gather || gather.getBatchDims() != 0)
    return std::nullopt;
  RankedTensorType type = tensorType(gather.getIndices());
  if (type.getShape().back() != 1)
    return std::nullopt;
  return Choice{gather.getOperand(), skipReshapes(gather.getIndices()),
                type.getRank() - 1};
}

/// The choice that a value is, once moved within its rows.
static std::optional<Choice> getMovedChoice(Value value) {
  while (isa_and_nonnull<ReshapeOp, TransposeOp, CastOp>(value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  return getChoice(value);
}

/// Whether a value is a choice by the same indices, with the rows of `root`.
bool ChosenProducts::isChosen(Value value) const {
  auto choice = getMovedChoice(value);
  if (!choice || choice->indices != indices ||
      tensorType(choice->table).getDimSize(0) != numMatrices)
    return false;
  while (!getChoice(value)) {
    if (!rows->getRoles(value.getDefiningOp()))
      return false;
    value = value.getDefiningOp()->getOperand(0);
  }
  return rows->getNumDims(value) == choice->numIndexDims;
}

/// Whether an op computes rows of its result from rows of values inside, of
/// chosen slices and of others.
bool ChosenProducts::takesPart(Operation *op,
                               const llvm::SetVector<Value> &inside) const {
  auto roles = rows->getRoles(op);
  if (!roles)
    return false;
  bool isElementwise = false, readsChosen = false;
  if (auto fusible = dyn_cast<FusionInterface>(op))
    isElementwise = fusible.getFusionKind() == FusionKind::Elementwise;
  for (auto [operand, role] : llvm::zip(op->getOperands(), *roles)) {
    if (inside.contains(operand) && role != RowRole::Rows)
      return false;
    readsChosen |= role == RowRole::Rows && isChosen(operand);
  }
  return !readsChosen || isElementwise || isa<MatmulOp>(op);
}

ChosenProducts::ChosenProducts(MatmulOp op) {
  Value chosen;
  std::optional<Choice> choice;
  for (Value operand : {op.getRhs(), op.getLhs()})
    if (auto found = getMovedChoice(operand)) {
      chosen = operand;
      choice = found;
    }
  if (!choice)
    return;
  numMatrices = tensorType(choice->table).getDimSize(0);
  indices = choice->indices;
  int64_t rank = tensorType(op.getResult()).getRank();
  if (numMatrices < 2 || numMatrices > kMaxMatrices ||
      choice->numIndexDims == 0 || choice->numIndexDims > rank - 2)
    return;
  rows.emplace(op.getResult(), choice->numIndexDims);
  llvm::SetVector<Value> inside;
  if (rows->getNumRows() == 1 || !isChosen(chosen) || !takesPart(op, inside))
    return;

  // Forwards as far as rows do not meet; `open` are values that ops after the
  // last one may read.
  llvm::SmallPtrSet<Operation *, 16> open;
  for (Operation *next = op; next; next = next->getNextNode()) {
    bool isReached =
        next == op || llvm::any_of(next->getOperands(),
                                   [&](Value v) { return inside.contains(v); });
    if (!isReached || !takesPart(next, inside))
      continue;
    inside.insert(next->getResult(0));
    ops.push_back(next);
    open.clear();
    for (Operation *one : ops)
      if (one != next && !llvm::all_of(one->getUsers(), [&](Operation *user) {
            return user->getNumResults() == 1 &&
                   inside.contains(user->getResult(0));
          }))
        open.insert(one);
    if (open.empty())
      root = next;
  }
  if (!root)
    return;
  while (ops.back() != root)
    ops.pop_back();
}

//===----------------------------------------------------------------------===//
// One matrix for all rows
//===----------------------------------------------------------------------===//

/// The slice of a matrix, moved as the chosen ones are within their rows.
Value ChosenProducts::createChosen(OpBuilder &builder, Value value,
                                   int64_t matrix) const {
  Operation *op = value.getDefiningOp();
  ::dl::Calculus build(builder, op->getLoc());
  if (auto choice = getChoice(value)) {
    RankedTensorType type = tensorType(choice->table);
    SmallVector<AffineExpr> dims = getDims(type),
                            offsets(dims.size(), build.constant(0));
    dims[0] = build.constant(1);
    offsets[0] = build.constant(matrix);
    Value slice = build.slice(choice->table, offsets,
                              SmallVector<int64_t>(dims.size(), 1),
                              getTensorType(dims, type.getElementType()));
    return build.reshape(slice, ArrayRef(dims).drop_front());
  }
  Value from = createChosen(builder, op->getOperand(0), matrix);
  int64_t count = *rows->getNumDims(value);
  if (isa<CastOp>(op))
    return build.cast(from, tensorType(value).getElementType());
  if (isa<ReshapeOp>(op))
    return build.reshape(
        from, ArrayRef(getDims(tensorType(value))).drop_front(count));
  SmallVector<int64_t> order;
  for (int64_t d : cast<TransposeOp>(op).getPermutation().drop_front(count))
    order.push_back(d - count);
  return build.transpose(from, order);
}

/// A product with one matrix for all rows: rows that were vectors of their own
/// become those of one product.
Value ChosenProducts::createProduct(const ::dl::Calculus &build, MatmulOp op,
                                    Value lhs, Value rhs, bool lhsIsChosen,
                                    bool rhsIsChosen) const {
  RankedTensorType type = tensorType(op.getResult());
  int64_t count = *rows->getNumDims(op), rank = type.getRank();
  SmallVector<AffineExpr> dims;
  if (count != rank - 2 || lhsIsChosen == rhsIsChosen) {
    // Whole products for each row, as before.
  } else if (rhsIsChosen && getDim(type, rank - 2) == 1) {
    dims = getDims(tensorType(lhs));
    dims.erase(dims.end() - 2);
    lhs = build.reshape(lhs, dims);
  } else if (lhsIsChosen && getDim(type, rank - 1) == 1) {
    dims = getDims(tensorType(rhs));
    dims.pop_back();
    Value matrix = build.transposeMatrix(lhs);
    lhs = build.reshape(rhs, dims);
    rhs = matrix;
  }
  return build.reshape(build.matmul(lhs, rhs), getDims(type));
}

Value ChosenProducts::create(OpBuilder &builder, int64_t matrix) const {
  IRMapping mapping;
  for (Operation *op : ops) {
    SmallVector<RowRole> roles = *rows->getRoles(op);
    SmallVector<Value> operands;
    SmallVector<bool> chosen;
    for (auto [operand, role] : llvm::zip(op->getOperands(), roles)) {
      chosen.push_back(role == RowRole::Rows && !mapping.contains(operand) &&
                       isChosen(operand));
      operands.push_back(chosen.back() ? createChosen(builder, operand, matrix)
                                       : mapping.lookupOrDefault(operand));
    }
    if (auto matmul = dyn_cast<MatmulOp>(op)) {
      ::dl::Calculus build(builder, op->getLoc());
      mapping.map(matmul.getResult(),
                  createProduct(build, matmul, operands[0], operands[1],
                                chosen[0], chosen[1]));
      continue;
    }
    Operation *copy = builder.clone(*op, mapping);
    copy->setOperands(operands);
    mapping.map(op->getResult(0), copy->getResult(0));
  }
  return mapping.lookup(getRoot());
}

//===----------------------------------------------------------------------===//
// The sum over matrices
//===----------------------------------------------------------------------===//

/// Indices from 0 to `count` - 1, as a gather takes any.
static Value createInRange(const ::dl::Calculus &build, Value indices,
                           int64_t count) {
  Value isNegative = build.compare(Predicate::Lt, indices, 0);
  Value counted = build.select(isNegative, build.add(indices, count), indices);
  return build.min(build.max(counted, build.number(0, counted)),
                   build.number(count - 1, counted));
}

bool GroupByIndex::group(MatmulOp op) {
  ChosenProducts products(op);
  if (!products.isValid() ||
      !isa<FloatType>(getElementTypeOrSelf(op.getType())))
    return false;
  Operation *last = products.getRoot().getDefiningOp();
  Operation *before = last->getPrevNode();
  OpBuilder builder(last);
  ::dl::Calculus build(builder, last->getLoc());
  RankedTensorType type = tensorType(products.getRoot());
  int64_t count = products.getNumMatrices();
  Value indices = createInRange(build, products.getIndices(), count);
  SmallVector<AffineExpr> dims = getDims(type);
  std::fill(dims.begin() + products.getNumRowDims(), dims.end(),
            build.constant(1));
  indices = build.reshape(indices, dims);
  Value zero = build.number(0, products.getRoot()), sum;
  for (int64_t i = 0; i < count; ++i) {
    Value ofMatrix = build.select(build.compare(Predicate::Eq, indices, i),
                                  products.create(builder, i), zero);
    if (i == 0) {
      eraseUnused(before, last, ofMatrix);
      auto worth = matchMaskedRows(ofMatrix.getDefiningOp(),
                                   /*assumeFinite=*/false);
      if (!worth ||
          worth->multiplications < count * kMultiplicationsPerMatrix) {
        eraseUnused(before, last, {});
        return false;
      }
    }
    sum = sum ? build.add(sum, ofMatrix) : ofMatrix;
  }
  products.getRoot().replaceAllUsesWith(sum);
  return true;
}
