// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/sparsify/RowSlice.h"

#include "ir/dialect/Dims.h"
#include "passes/Constants.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::dl;

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

namespace {

/// Which operands of one op have rows.
class RowRoles {
public:
  RowRoles(const Rows &rows, Operation *op)
      : rows(rows), op(op), dims(getDims(tensorType(op->getResult(0)))),
        count(rows.getNumDims(op->getResult(0)).value_or(0)) {}

  std::optional<SmallVector<RowRole>> get() {
    if (count == 0)
      return std::nullopt;
    return llvm::TypeSwitch<Operation *, std::optional<SmallVector<RowRole>>>(
               op)
        .Case([&](MatmulOp matmul) { return getOf(matmul); })
        .Case([&](BlockMatmulOp product) { return getOf(product); })
        .Case([&](ReduceOp reduce) {
          return allRows(llvm::all_of(
              reduce.getAxes(), [&](int64_t axis) { return axis >= count; }));
        })
        .Case([&](SoftmaxOp softmax) {
          return allRows(int64_t(softmax.getAxis()) >= count);
        })
        .Case([&](ReshapeOp reshape) -> std::optional<SmallVector<RowRole>> {
          // Row i is row i, whatever dimensions number them.
          if (!rows.getNumDims(reshape.getOperand()))
            return std::nullopt;
          return SmallVector<RowRole>{RowRole::Rows};
        })
        .Case([&](ConcatOp concat) {
          return allRows(int64_t(concat.getAxis()) >= count);
        })
        .Case([&](TransposeOp transpose) {
          ArrayRef<int64_t> order = transpose.getPermutation();
          bool kept = true;
          for (int64_t d = 0; d < count; ++d)
            kept &= order[d] == d;
          return allRows(kept);
        })
        .Case([&](SliceOp slice) {
          // The dimensions are compared, so the offsets of unit strides are 0.
          return allRows(
              llvm::all_of(slice.getStrides().take_front(count),
                           [](int64_t stride) { return stride == 1; }));
        })
        .Default([&](Operation *) { return getOfElementwise(); });
  }

private:
  /// Whether the operand begins with the row dimensions of the result.
  bool hasRows(Value operand) const {
    return tensorType(operand).getRank() >= count &&
           ArrayRef(getDims(tensorType(operand))).take_front(count) ==
               ArrayRef(dims).take_front(count);
  }

  std::optional<SmallVector<RowRole>> allRows(bool condition) const {
    if (!condition || !llvm::all_of(op->getOperands(), [&](Value operand) {
          return hasRows(operand);
        }))
      return std::nullopt;
    return SmallVector<RowRole>(op->getNumOperands(), RowRole::Rows);
  }

  /// An operand that is broadcast along the row dimensions, or has them.
  std::optional<RowRole> getOfBroadcast(Value operand) const {
    int64_t rank = tensorType(operand).getRank();
    int64_t added = static_cast<int64_t>(dims.size()) - rank;
    SmallVector<AffineExpr> own = getDims(tensorType(operand));
    bool isShared = true;
    for (int64_t d = added; d < count; ++d)
      isShared &= d < 0 || own[d - added] == 1;
    if (added == 0 && hasRows(operand) &&
        !(isShared && isStoredConstant(operand)))
      return RowRole::Rows;
    return isShared ? std::optional(RowRole::Shared) : std::nullopt;
  }

  std::optional<SmallVector<RowRole>> getOfElementwise() const {
    auto fusible = dyn_cast<FusionInterface>(op);
    if (!fusible || fusible.getFusionKind() != FusionKind::Elementwise ||
        op->getNumOperands() == 0)
      return std::nullopt;
    SmallVector<RowRole> roles;
    for (Value operand : op->getOperands()) {
      auto role = getOfBroadcast(operand);
      if (!role)
        return std::nullopt;
      roles.push_back(*role);
    }
    return roles;
  }

  /// Rows are rows of the left matrix, or whole products.
  std::optional<SmallVector<RowRole>> getOf(MatmulOp matmul) const {
    int64_t rank = dims.size();
    if (count == rank - 1) {
      bool isShared = llvm::all_of(
          ArrayRef(getDims(tensorType(matmul.getRhs()))).drop_back(2),
          [](AffineExpr dim) { return dim == 1; });
      if (!hasRows(matmul.getLhs()) ||
          tensorType(matmul.getLhs()).getRank() != rank || !isShared)
        return std::nullopt;
      return SmallVector<RowRole>{RowRole::Rows, RowRole::Shared};
    }
    if (count > rank - 2)
      return std::nullopt;
    auto lhs = getOfBroadcast(matmul.getLhs()),
         rhs = getOfBroadcast(matmul.getRhs());
    if (!lhs || !rhs)
      return std::nullopt;
    return SmallVector<RowRole>{*lhs, *rhs};
  }

  /// Rows of the left operand alone; each reads all weights.
  std::optional<SmallVector<RowRole>> getOf(BlockMatmulOp product) const {
    if (count != static_cast<int64_t>(dims.size()) - 1 ||
        !hasRows(product.getLhs()))
      return std::nullopt;
    SmallVector<RowRole> roles(product->getNumOperands(), RowRole::Shared);
    roles.front() = RowRole::Rows;
    return roles;
  }

  const Rows &rows;
  Operation *op;
  SmallVector<AffineExpr> dims;
  int64_t count;
};

} // namespace

Rows::Rows(Value root, int64_t numRowDims)
    : numRows(getAffineConstantExpr(1, root.getContext())),
      numRowDims(numRowDims) {
  SmallVector<AffineExpr> dims = getDims(tensorType(root));
  for (AffineExpr dim : ArrayRef(dims).take_front(numRowDims))
    numRows = numRows * dim;
  numRows = simplify(numRows);
}

std::optional<int64_t> Rows::getNumDims(Value value) const {
  AffineExpr product = getAffineConstantExpr(1, value.getContext());
  SmallVector<AffineExpr> dims = getDims(tensorType(value));
  if (llvm::is_contained(dims, AffineExpr()))
    return std::nullopt;
  int64_t count = 0;
  if (numRows == 1) {
    while (count < std::min<int64_t>(dims.size(), numRowDims) &&
           dims[count] == 1)
      ++count;
    return count ? std::optional(count) : std::nullopt;
  }
  for (AffineExpr dim : dims) {
    ++count;
    product = simplify(product * dim);
    if (product == numRows)
      return count;
  }
  return std::nullopt;
}

std::optional<SmallVector<RowRole>> Rows::getRoles(Operation *op) const {
  if (op->getNumResults() != 1 || op->getNumRegions() != 0 ||
      !isa<RankedTensorType>(op->getResult(0).getType()) ||
      !llvm::all_of(op->getOperandTypes(), llvm::IsaPred<RankedTensorType>))
    return std::nullopt;
  return RowRoles(*this, op).get();
}

static int64_t getStaticProduct(ArrayRef<int64_t> sizes) {
  int64_t product = 1;
  for (int64_t size : sizes)
    product *= ShapedType::isDynamic(size) ? 1 : size;
  return product;
}

RowSlice::RowSlice(Value root, int64_t numRowDims)
    : root(root), rows(root, numRowDims) {
  // Backwards, so that all users of an op have been seen before it.
  llvm::SmallPtrSet<Operation *, 16> included, wanted, readWhole;
  auto isOnlyUsedHere = [&](Operation *op) {
    return op == root.getDefiningOp()
               ? root.hasOneUse()
               : llvm::all_of(op->getUsers(), [&](Operation *user) {
                   return included.contains(user);
                 });
  };
  wanted.insert(root.getDefiningOp());
  for (Operation *op = root.getDefiningOp(); op && !wanted.empty();
       op = op->getPrevNode()) {
    if (!wanted.erase(op) || readWhole.contains(op) || !isOnlyUsedHere(op))
      continue;
    auto roles = rows.getRoles(op);
    if (!roles)
      continue;
    included.insert(op);
    ops.push_back(op);
    if (isa<BlockMatmulOp, MatmulOp>(op)) {
      Value result = op->getResult(0), lhs = op->getOperand(0);
      multiplications +=
          getStaticProduct(tensorType(result).getShape().drop_front(
              *rows.getNumDims(result))) *
          getStaticProduct(tensorType(lhs).getShape().take_back());
    }
    for (auto [operand, role] : llvm::zip(op->getOperands(), *roles)) {
      Operation *source = operand.getDefiningOp();
      if (role != RowRole::Rows) {
        readWhole.insert(source);
        continue;
      }
      sources.insert(operand);
      if (source && source->getBlock() == op->getBlock())
        wanted.insert(source);
    }
  }
  std::reverse(ops.begin(), ops.end());
  for (Operation *op : ops)
    sources.remove(op->getResult(0));
}

RankedTensorType RowSlice::getTypeOnRows(Value value, AffineExpr count) const {
  int64_t numDims = *rows.getNumDims(value);
  SmallVector<AffineExpr> dims = getDims(tensorType(value));
  std::fill_n(dims.begin(), numDims,
              getAffineConstantExpr(1, root.getContext()));
  dims[numDims - 1] = count;
  return getTensorType(dims, tensorType(value).getElementType());
}

Value RowSlice::createRows(OpBuilder &builder, Value value,
                           Value positions) const {
  RankedTensorType type = tensorType(value);
  int64_t numDims = *rows.getNumDims(value);
  RankedTensorType onRows =
      getTypeOnRows(value, getDim(tensorType(positions), 0));
  SmallVector<AffineExpr> dims = getDims(type), flat{getNumRows()};
  flat.append(dims.begin() + numDims, dims.end());
  Location loc = root.getLoc();
  if (numDims != 1)
    value = ReshapeOp::create(
        builder, loc, getTensorType(flat, type.getElementType()), value);
  Value taken = GatherOp::create(builder, loc, value, positions, 0);
  return numDims == 1 ? taken : ReshapeOp::create(builder, loc, onRows, taken);
}

Value RowSlice::createOnRows(OpBuilder &builder, Value positions) const {
  AffineExpr count = getDim(tensorType(positions), 0);
  IRMapping mapping;
  for (Value source : sources)
    mapping.map(source, createRows(builder, source, positions));
  for (Operation *op : ops) {
    Operation *copy = builder.clone(*op, mapping);
    copy->getResult(0).setType(getTypeOnRows(op->getResult(0), count));
  }
  return mapping.lookup(root);
}
