// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/sparsify/DimensionPart.h"

#include "ir/dialect/Dims.h"
#include "passes/differentiate/Calculus.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::dl;

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// `expr / divisor` where that is exact for all symbols; null for others.
static AffineExpr divideExactly(AffineExpr expr, int64_t divisor) {
  AffineExpr quotient = simplify(expr.floorDiv(divisor));
  return provablyEqual(simplify(quotient * divisor), expr) ? quotient
                                                           : AffineExpr();
}

/// The product of the dimensions after `dim`.
static AffineExpr getStride(ArrayRef<AffineExpr> dims, int64_t dim) {
  AffineExpr product = getAffineConstantExpr(1, dims.front().getContext());
  for (AffineExpr size : dims.drop_front(dim + 1))
    product = product * size;
  return simplify(product);
}

/// An expression as a number times one without a factor.
static std::pair<int64_t, AffineExpr> splitFactor(AffineExpr expr) {
  expr = simplify(expr);
  AffineExpr one = getAffineConstantExpr(1, expr.getContext());
  if (auto number = dyn_cast<AffineConstantExpr>(expr))
    return {number.getValue(), one};
  auto product = dyn_cast<AffineBinaryOpExpr>(expr);
  if (product && product.getKind() == AffineExprKind::Mul)
    if (auto number = dyn_cast<AffineConstantExpr>(product.getRHS()))
      return {number.getValue(), product.getLHS()};
  return {1, expr};
}

/// Axes once the dimension `dropped`, which is none of them, is gone.
static SmallVector<int64_t> shiftAxes(ArrayRef<int64_t> axes, int64_t dropped) {
  SmallVector<int64_t> shifted;
  for (int64_t axis : axes)
    shifted.push_back(axis > dropped ? axis - 1 : axis);
  return shifted;
}

//===----------------------------------------------------------------------===//
// Where the positions lie in operands
//===----------------------------------------------------------------------===//

bool DimensionPart::isDropped(Value value, PartPlace place) const {
  return getDim(tensorType(value), place.dim) == count;
}

SmallVector<AffineExpr> DimensionPart::getPartDims(Value value,
                                                   PartPlace place) const {
  SmallVector<AffineExpr> dims = getDims(tensorType(value));
  if (isDropped(value, place))
    dims.erase(dims.begin() + place.dim);
  else
    dims[place.dim] = divideExactly(dims[place.dim], count);
  return dims;
}

std::optional<PartOperand>
DimensionPart::getOfBroadcast(Value operand, int64_t resultRank,
                              PartPlace place) const {
  RankedTensorType type = tensorType(operand);
  int64_t dim = place.dim - (resultRank - type.getRank());
  if (dim < 0)
    return PartOperand{PartOperand::Whole};
  if (getDim(type, dim) == 1)
    return PartOperand{PartOperand::UnitDim, {dim, 1}};
  return PartOperand{PartOperand::Part, {dim, place.inner}};
}

/// Positions in a dimension before the last two are products of their own; in
/// these, rows of the left matrix or columns of the right one.
std::optional<SmallVector<PartOperand>>
DimensionPart::getOfMatmul(MatmulOp op, PartPlace place) const {
  int64_t rank = tensorType(op.getResult()).getRank();
  PartOperand whole{PartOperand::Whole};
  if (place.dim < rank - 2) {
    auto lhs = getOfBroadcast(op.getLhs(), rank, place),
         rhs = getOfBroadcast(op.getRhs(), rank, place);
    return SmallVector<PartOperand>{*lhs, *rhs};
  }
  if (isDropped(op.getResult(), place))
    return std::nullopt;
  bool isRow = place.dim == rank - 2;
  int64_t ofOperand = tensorType(isRow ? op.getLhs() : op.getRhs()).getRank() -
                      (rank - place.dim);
  PartOperand part{PartOperand::Part, {ofOperand, place.inner}};
  return isRow ? SmallVector<PartOperand>{part, whole}
               : SmallVector<PartOperand>{whole, part};
}

std::optional<PartPlace>
DimensionPart::getBeforeReshape(ReshapeOp op, PartPlace place) const {
  SmallVector<AffineExpr> to = getDims(tensorType(op.getResult())),
                          from = getDims(tensorType(op.getOperand()));
  auto [factor, rest] = splitFactor(getStride(to, place.dim) * place.inner);
  for (int64_t dim = from.size(); dim-- > 0;) {
    // The stride of a position is `inner` times that of the dimension.
    auto [ownFactor, ownRest] = splitFactor(getStride(from, dim));
    if (ownRest != rest || ownFactor == 0 || factor % ownFactor)
      continue;
    int64_t inner = factor / ownFactor;
    if (inner > 0 && divideExactly(from[dim], inner * count))
      return PartPlace{dim, inner};
  }
  return std::nullopt;
}

std::optional<SmallVector<PartOperand>>
DimensionPart::getOperands(Operation *op, PartPlace place) const {
  using Operands = std::optional<SmallVector<PartOperand>>;
  if (op->getNumResults() != 1 || op->getNumRegions() != 0 ||
      op->getNumOperands() == 0)
    return std::nullopt;
  auto same = [&](int64_t dim) -> Operands {
    return SmallVector<PartOperand>(
        op->getNumOperands(),
        PartOperand{PartOperand::Part, {dim, place.inner}});
  };
  int64_t rank = tensorType(op->getResult(0)).getRank();
  return llvm::TypeSwitch<Operation *, Operands>(op)
      .Case([&](MatmulOp matmul) { return getOfMatmul(matmul, place); })
      .Case([&](ReshapeOp reshape) -> Operands {
        auto before = getBeforeReshape(reshape, place);
        if (!before)
          return std::nullopt;
        return SmallVector<PartOperand>{{PartOperand::Part, *before}};
      })
      .Case([&](TransposeOp transpose) {
        return same(transpose.getPermutation()[place.dim]);
      })
      .Case([&](BroadcastOp broadcast) -> Operands {
        return SmallVector<PartOperand>{
            *getOfBroadcast(broadcast.getOperand(), rank, place)};
      })
      .Case([&](ReduceOp reduce) -> Operands {
        int64_t dim = place.dim;
        SmallVector<int64_t> axes(reduce.getAxes());
        llvm::sort(axes);
        if (!reduce.getKeepdims())
          for (int64_t axis : axes)
            dim += axis <= dim;
        if (llvm::is_contained(reduce.getAxes(), dim))
          return std::nullopt;
        return same(dim);
      })
      .Case([&](SoftmaxOp softmax) -> Operands {
        return int64_t(softmax.getAxis()) == place.dim ? std::nullopt
                                                       : same(place.dim);
      })
      .Case([&](ConcatOp concat) -> Operands {
        return int64_t(concat.getAxis()) == place.dim ? std::nullopt
                                                      : same(place.dim);
      })
      .Case([&](SliceOp slice) -> Operands {
        bool isAll = slice.getOffsets().getResult(place.dim) == 0 &&
                     slice.getStrides()[place.dim] == 1 &&
                     getDim(slice.getOperand().getType(), place.dim) ==
                         getDim(tensorType(slice.getResult()), place.dim);
        return isAll ? same(place.dim) : std::nullopt;
      })
      .Default([&](Operation *) -> Operands {
        auto fusible = dyn_cast<FusionInterface>(op);
        if (!fusible || fusible.getFusionKind() != FusionKind::Elementwise)
          return std::nullopt;
        SmallVector<PartOperand> operands;
        for (Value operand : op->getOperands())
          operands.push_back(*getOfBroadcast(operand, rank, place));
        return operands;
      });
}

DimensionPart::DimensionPart(Value root, int64_t dim, int64_t count,
                             int64_t inner)
    : root(root), count(count), rootPlace{dim, inner} {
  // Backwards, so that all users of an op have been seen before it.
  llvm::DenseMap<Operation *, PartPlace> wanted;
  llvm::SmallPtrSet<Operation *, 8> refused;
  Operation *first = root.getDefiningOp();
  if (first)
    wanted[first] = rootPlace;
  for (Operation *op = first; op && !wanted.empty(); op = op->getPrevNode()) {
    auto at = wanted.find(op);
    if (at == wanted.end())
      continue;
    PartPlace place = at->second;
    wanted.erase(at);
    bool isOnlyUsedHere =
        op == first ? root.hasOneUse()
                    : llvm::all_of(op->getUsers(), [&](Operation *user) {
                        return included.contains(user);
                      });
    auto operands = isOnlyUsedHere && !refused.contains(op)
                        ? getOperands(op, place)
                        : std::nullopt;
    if (!operands)
      continue;
    included[op] = place;
    for (auto [value, operand] : llvm::zip(op->getOperands(), *operands)) {
      Operation *source = value.getDefiningOp();
      if (!source || source->getBlock() != op->getBlock())
        continue;
      auto [known, isNew] = wanted.try_emplace(source, operand.place);
      if (operand.kind != PartOperand::Part ||
          !(known->second == operand.place))
        refused.insert(source);
    }
  }
}

//===----------------------------------------------------------------------===//
// One position
//===----------------------------------------------------------------------===//

Value DimensionPart::create(OpBuilder &builder, int64_t at) {
  position = at;
  made.clear();
  return get(builder, root, rootPlace);
}

Value DimensionPart::get(OpBuilder &builder, Value value, PartPlace place) {
  Operation *op = value.getDefiningOp();
  auto found = included.find(op);
  if (!op || found == included.end())
    return slice(builder, value, place);
  if (Value known = made.lookup(value))
    return known;
  SmallVector<PartOperand> roles = *getOperands(op, place);
  ::dl::Calculus build(builder, op->getLoc());
  SmallVector<Value> operands;
  for (auto [operand, role] : llvm::zip(op->getOperands(), roles)) {
    if (role.kind == PartOperand::Part) {
      operands.push_back(get(builder, operand, role.place));
    } else if (role.kind == PartOperand::UnitDim && isDropped(value, place)) {
      SmallVector<AffineExpr> dims = getDims(tensorType(operand));
      dims.erase(dims.begin() + role.place.dim);
      operands.push_back(build.reshape(operand, dims));
    } else {
      operands.push_back(operand);
    }
  }
  return made[value] = copy(builder, op, place, roles, operands);
}

/// The elements of one position, by a slice.
Value DimensionPart::slice(OpBuilder &builder, Value value,
                           PartPlace place) const {
  ::dl::Calculus build(builder, root.getLoc());
  SmallVector<AffineExpr> dims = getDims(tensorType(value));
  AffineExpr outer = divideExactly(dims[place.dim], count * place.inner);
  int64_t dim = place.dim, scale = place.inner;
  if (outer != 1) {
    // [outer, count, inner]
    dims[dim] = outer;
    dims.insert(dims.begin() + dim + 1,
                {build.constant(count), build.constant(place.inner)});
    value = build.reshape(value, dims);
    ++dim;
    scale = 1;
  }
  SmallVector<AffineExpr> offsets(dims.size(), build.constant(0));
  offsets[dim] = build.constant(position * scale);
  SmallVector<AffineExpr> taken = dims;
  taken[dim] = build.constant(scale);
  Type element = tensorType(value).getElementType();
  Value part = build.slice(value, offsets, SmallVector<int64_t>(dims.size(), 1),
                           getTensorType(taken, element));
  SmallVector<AffineExpr> whole = taken;
  if (outer != 1) {
    whole.erase(whole.begin() + dim, whole.begin() + dim + 2);
    whole[dim - 1] = simplify(outer * place.inner);
  }
  if (outer == 1 && place.inner == 1)
    whole.erase(whole.begin() + place.dim);
  return build.reshape(part, whole);
}

Value DimensionPart::copy(OpBuilder &builder, Operation *op, PartPlace place,
                          ArrayRef<PartOperand> roles,
                          ValueRange operands) const {
  Value result = op->getResult(0);
  bool drops = isDropped(result, place);
  RankedTensorType type = getTensorType(getPartDims(result, place),
                                        tensorType(result).getElementType());
  ::dl::Calculus build(builder, op->getLoc());
  int64_t ofOperand = roles.front().place.dim;
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case(
          [&](ReshapeOp) { return build.reshape(operands[0], getDims(type)); })
      .Case([&](BroadcastOp) { return build.broadcast(operands[0], type); })
      .Case([&](TransposeOp transpose) {
        SmallVector<int64_t> order(transpose.getPermutation());
        if (drops) {
          order.erase(order.begin() + place.dim);
          order = shiftAxes(order, ofOperand);
        }
        return build.transpose(operands[0], order);
      })
      .Case([&](ReduceOp reduce) -> Value {
        SmallVector<int64_t> axes(reduce.getAxes());
        if (drops)
          axes = shiftAxes(axes, ofOperand);
        return ReduceOp::create(builder, op->getLoc(), type, reduce.getKind(),
                                operands[0], axes, reduce.getKeepdims());
      })
      .Case([&](SoftmaxOp softmax) -> Value {
        int64_t axis = softmax.getAxis();
        return SoftmaxOp::create(builder, op->getLoc(), type, operands[0],
                                 axis - (drops && axis > place.dim),
                                 softmax.getLog());
      })
      .Case([&](ConcatOp concat) -> Value {
        int64_t axis = concat.getAxis();
        return ConcatOp::create(builder, op->getLoc(), type, operands,
                                axis - (drops && axis > place.dim));
      })
      .Case([&](SliceOp slice) {
        SmallVector<AffineExpr> offsets(slice.getOffsets().getResults());
        SmallVector<int64_t> strides(slice.getStrides());
        if (drops) {
          offsets.erase(offsets.begin() + place.dim);
          strides.erase(strides.begin() + place.dim);
        }
        return build.slice(operands[0], offsets, strides, type);
      })
      .Default([&](Operation *) {
        OperationState state(op->getLoc(), op->getName(), operands, type,
                             op->getAttrs());
        state.propertiesAttr = op->getPropertiesAsAttribute();
        return builder.create(state)->getResult(0);
      });
}
