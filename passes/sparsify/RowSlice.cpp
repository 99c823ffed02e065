// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/sparsify/RowSlice.h"

#include "ir/dialect/Dims.h"
#include "passes/Constants.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::dl;

namespace {

/// What an operand of an op is to the rows of its result.
enum class Role {
  Rows,   ///< each row of the result reads that row of it
  Shared, ///< all rows read all of it
};

/// Which operands of an op have rows; nothing where rows meet in it.
class RowRoles {
public:
  RowRoles(Operation *op, ArrayRef<AffineExpr> rowDims)
      : op(op), rowDims(rowDims), count(rowDims.size()) {}

  std::optional<SmallVector<Role>> get() {
    if (op->getNumResults() != 1 || op->getNumRegions() != 0)
      return std::nullopt;
    return llvm::TypeSwitch<Operation *, std::optional<SmallVector<Role>>>(op)
        .Case([&](MatmulOp matmul) { return getOf(matmul); })
        .Case([&](ReduceOp reduce) {
          return allRows(llvm::all_of(
              reduce.getAxes(), [&](int64_t axis) { return axis >= count; }));
        })
        .Case([&](SoftmaxOp softmax) {
          return allRows(int64_t(softmax.getAxis()) >= count);
        })
        .Case([&](ReshapeOp) { return allRows(true); })
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
  static RankedTensorType type(Value value) {
    return cast<RankedTensorType>(value.getType());
  }
  bool hasRows(Value value) const {
    return type(value).getRank() >= count &&
           ArrayRef(getDims(type(value))).take_front(count) == rowDims;
  }

  std::optional<SmallVector<Role>> allRows(bool condition) const {
    if (!condition || !llvm::all_of(op->getOperands(), [&](Value operand) {
          return hasRows(operand);
        }))
      return std::nullopt;
    return SmallVector<Role>(op->getNumOperands(), Role::Rows);
  }

  /// An operand that is broadcast along the row dimensions, or has them.
  std::optional<Role> getOfBroadcast(Value operand, int64_t resultRank) const {
    int64_t rank = type(operand).getRank();
    if (rank == resultRank && hasRows(operand) && !isStoredConstant(operand))
      return Role::Rows;
    SmallVector<AffineExpr> dims = getDims(type(operand));
    for (int64_t d = resultRank - rank; d < count; ++d)
      if (d >= 0 && dims[d - (resultRank - rank)] != 1)
        return rank == resultRank && hasRows(operand)
                   ? std::optional(Role::Rows)
                   : std::nullopt;
    return Role::Shared;
  }

  std::optional<SmallVector<Role>> getOfElementwise() const {
    auto fusible = dyn_cast<FusionInterface>(op);
    if (!fusible || fusible.getFusionKind() != FusionKind::Elementwise ||
        op->getNumOperands() == 0)
      return std::nullopt;
    SmallVector<Role> roles;
    for (Value operand : op->getOperands()) {
      auto role = getOfBroadcast(operand, type(op->getResult(0)).getRank());
      if (!role)
        return std::nullopt;
      roles.push_back(*role);
    }
    return roles;
  }

  /// Rows are rows of the left matrix, or whole products.
  std::optional<SmallVector<Role>> getOf(MatmulOp matmul) const {
    int64_t rank = type(matmul.getResult()).getRank();
    if (count == rank - 1) {
      bool isShared =
          llvm::all_of(ArrayRef(getDims(type(matmul.getRhs()))).drop_back(2),
                       [](AffineExpr dim) { return dim == 1; });
      if (!hasRows(matmul.getLhs()) ||
          type(matmul.getLhs()).getRank() != rank || !isShared)
        return std::nullopt;
      return SmallVector<Role>{Role::Rows, Role::Shared};
    }
    auto lhs = getOfBroadcast(matmul.getLhs(), rank),
         rhs = getOfBroadcast(matmul.getRhs(), rank);
    if (count > rank - 2 || !lhs || !rhs)
      return std::nullopt;
    return SmallVector<Role>{*lhs, *rhs};
  }

  Operation *op;
  ArrayRef<AffineExpr> rowDims;
  int64_t count;
};

} // namespace

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

static int64_t getStaticProduct(ArrayRef<int64_t> sizes) {
  int64_t product = 1;
  for (int64_t size : sizes)
    product *= ShapedType::isDynamic(size) ? 1 : size;
  return product;
}

RowSlice::RowSlice(Value root, int64_t numRowDims)
    : root(root), numRowDims(numRowDims),
      rowDims(ArrayRef(getDims(tensorType(root))).take_front(numRowDims)) {
  // Backwards, so that all users of an op have been seen before it.
  llvm::SmallPtrSet<Operation *, 16> included, wanted;
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
    if (!wanted.erase(op) || !isOnlyUsedHere(op))
      continue;
    auto roles = RowRoles(op, rowDims).get();
    if (!roles)
      continue;
    included.insert(op);
    ops.push_back(op);
    if (auto matmul = dyn_cast<MatmulOp>(op))
      multiplications +=
          getStaticProduct(tensorType(matmul.getResult())
                               .getShape()
                               .drop_front(numRowDims)) *
          getStaticProduct(tensorType(matmul.getLhs()).getShape().take_back());
    for (auto [operand, role] : llvm::zip(op->getOperands(), *roles)) {
      if (role != Role::Rows)
        continue;
      sources.insert(operand);
      Operation *source = operand.getDefiningOp();
      if (source && source->getBlock() == op->getBlock())
        wanted.insert(source);
    }
  }
  std::reverse(ops.begin(), ops.end());
  for (Operation *op : ops)
    sources.remove(op->getResult(0));
}

AffineExpr RowSlice::getNumRows() const {
  AffineExpr product = getAffineConstantExpr(1, root.getContext());
  for (AffineExpr dim : rowDims)
    product = product * dim;
  return simplify(product);
}

RankedTensorType RowSlice::getTypeOnRows(RankedTensorType type,
                                         AffineExpr count) const {
  SmallVector<AffineExpr> dims = getDims(type);
  std::fill_n(dims.begin(), numRowDims,
              getAffineConstantExpr(1, root.getContext()));
  dims[numRowDims - 1] = count;
  return getTensorType(dims, type.getElementType());
}

Value RowSlice::createRows(OpBuilder &builder, Value value,
                           Value positions) const {
  RankedTensorType type = tensorType(value);
  SmallVector<AffineExpr> dims = getDims(type), flat{getNumRows()};
  flat.append(dims.begin() + numRowDims, dims.end());
  Location loc = root.getLoc();
  if (numRowDims != 1)
    value = ReshapeOp::create(
        builder, loc, getTensorType(flat, type.getElementType()), value);
  RankedTensorType onRows =
      getTypeOnRows(type, getDim(tensorType(positions), 0));
  Value rows = GatherOp::create(builder, loc, value, positions, 0);
  return numRowDims == 1 ? rows : ReshapeOp::create(builder, loc, onRows, rows);
}

Value RowSlice::createOnRows(OpBuilder &builder, Value positions) const {
  AffineExpr count = getDim(tensorType(positions), 0);
  IRMapping mapping;
  for (Value source : sources)
    mapping.map(source, createRows(builder, source, positions));
  for (Operation *op : ops) {
    Operation *copy = builder.clone(*op, mapping);
    copy->getResult(0).setType(
        getTypeOnRows(tensorType(op->getResult(0)), count));
  }
  return mapping.lookup(root);
}
