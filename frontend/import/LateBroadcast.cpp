// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Broadcasting where only the running model knows whether a size is 1: the size
// that comes out is computed and bound, and what is repeated along it is
// gathered.

#include "frontend/import/LateSizes.h"

using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

/// The sizes of operands at a distance from their last dimension, each once and
/// without those that are 1.
static SmallVector<AffineExpr> getSizesAt(ArrayRef<Value> values,
                                          int64_t fromEnd) {
  SmallVector<AffineExpr> sizes;
  for (Value value : values) {
    int64_t axis = NodeContext::rank(value) - fromEnd;
    AffineExpr size = axis < 0 ? AffineExpr() : NodeContext::dim(value, axis);
    if (size && size != 1 && llvm::none_of(sizes, [&](AffineExpr other) {
          return provablyEqual(size, other);
        }))
      sizes.push_back(size);
  }
  return sizes;
}

/// The value repeated to `size` along a dimension if that has one element, else
/// itself.
static Value repeat(NodeContext &context, Value value, int64_t axis,
                    AffineExpr size) {
  Arithmetic math(context);
  Type i64 = context.builder.getI64Type();
  Value own = context.sizeScalar(NodeContext::dim(value, axis));
  Value step = context.cast(math.compare(Predicate::Ne, own, 1.0), i64);
  return context.create<GatherOp>(
      value, math.mul(math.iota(size, 0, 1, i64), step), axis);
}

std::optional<AffineExpr>
Arithmetic::getLateBroadcast(ArrayRef<AffineExpr> sizes) const {
  // A body may be imported more than once, with the same symbols.
  bool mayNote = context.runsOnce();
  if (std::optional<AffineExpr> known =
          mayNote ? context.findBroadcast(sizes) : std::nullopt)
    return known;
  Value result = context.sizeScalar(sizes.front());
  for (AffineExpr size : sizes.drop_front())
    result = select(compare(Predicate::Eq, result, 1.0),
                    context.sizeScalar(size), result);
  // Each is 1 or the result.
  for (AffineExpr size : sizes) {
    Value given = context.sizeScalar(size);
    Value fits = context.create<OrOp>(compare(Predicate::Eq, given, 1.0),
                                      compare(Predicate::Eq, given, result));
    result = select(fits, result, -1.0);
  }
  auto bound =
      context.bindSizes(context.reshape(result, context.constantExpr(1)),
                        "a size that its operands' shapes broadcast to");
  if (!bound)
    return std::nullopt;
  // One that is a number other than 1 is what comes out.
  AffineExpr size = bound->front();
  for (AffineExpr given : sizes)
    if (isa<AffineConstantExpr>(given))
      size = given;
  if (mayNote)
    context.noteBroadcast(sizes, size);
  return size;
}

LogicalResult Arithmetic::repeatLate(MutableArrayRef<Value> values) const {
  int64_t rank = 0;
  for (Value value : values)
    rank = std::max(rank, NodeContext::rank(value));
  for (int64_t fromEnd = 1; fromEnd <= rank; ++fromEnd) {
    SmallVector<AffineExpr> sizes = getSizesAt(values, fromEnd);
    if (sizes.size() < 2 || llvm::none_of(sizes, [&](AffineExpr size) {
          return context.isLate(size);
        }))
      continue;
    // A region that binds none of them need not be one that may bind sizes.
    if (!context.runsOnce() && llvm::none_of(sizes, [&](AffineExpr size) {
          return context.isBoundHere(size);
        }))
      continue;
    auto size = getLateBroadcast(sizes);
    if (!size)
      return failure();
    for (Value &value : values) {
      int64_t axis = NodeContext::rank(value) - fromEnd;
      if (axis < 0 || NodeContext::dim(value, axis) == 1 ||
          provablyEqual(NodeContext::dim(value, axis), *size))
        continue;
      value = repeat(context, value, axis, *size);
      if (!value)
        return failure();
    }
  }
  return success();
}
