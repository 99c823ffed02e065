// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/differentiate/Calculus.h"

using namespace mlir;
using namespace mlir::dl;

namespace dl {

bool Calculus::isFloat(Value value) {
  auto tensor = dyn_cast<RankedTensorType>(value.getType());
  return tensor && isa<FloatType>(tensor.getElementType());
}

/// The attribute of an element of this value.
static Attribute getElement(Type element, double value) {
  if (auto type = dyn_cast<FloatType>(element))
    return FloatAttr::get(type, value);
  return IntegerAttr::get(element, static_cast<int64_t>(value));
}

Value Calculus::number(double value, Type element) const {
  return splat(value, RankedTensorType::get({}, element));
}

Value Calculus::splat(double value, RankedTensorType to) const {
  if (!to.hasStaticShape())
    return broadcast(number(value, to.getElementType()), to);
  return ConstantOp::create(
      builder, loc,
      DenseElementsAttr::get(to, getElement(to.getElementType(), value)));
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

Value Calculus::add(Value a, Value b) const { return create<AddOp>(a, b); }
Value Calculus::sub(Value a, Value b) const { return create<SubOp>(a, b); }
Value Calculus::mul(Value a, Value b) const { return create<MulOp>(a, b); }
Value Calculus::div(Value a, Value b) const { return create<DivOp>(a, b); }
Value Calculus::add(Value a, double b) const { return add(a, number(b, a)); }
Value Calculus::sub(double a, Value b) const { return sub(number(a, b), b); }
Value Calculus::mul(Value a, double b) const { return mul(a, number(b, a)); }
Value Calculus::neg(Value a) const { return create<NegOp>(a); }
Value Calculus::abs(Value a) const { return create<AbsOp>(a); }
Value Calculus::exp(Value a) const { return create<ExpOp>(a); }
Value Calculus::log(Value a) const { return create<LogOp>(a); }
Value Calculus::sqrt(Value a) const { return create<SqrtOp>(a); }
Value Calculus::pow(Value a, Value b) const { return create<PowOp>(a, b); }
Value Calculus::max(Value a, Value b) const { return create<MaxOp>(a, b); }
Value Calculus::min(Value a, Value b) const { return create<MinOp>(a, b); }

Value Calculus::compare(Predicate predicate, Value a, Value b) const {
  return create<CompareOp>(predicate, a, b);
}

Value Calculus::compare(Predicate predicate, Value a, double b) const {
  return compare(predicate, a, number(b, a));
}

Value Calculus::select(Value condition, Value onTrue, Value onFalse) const {
  return create<SelectOp>(condition, onTrue, onFalse);
}

Value Calculus::cast(Value a, Type to) const {
  if (element(a) == to)
    return a;
  return create<CastOp>(withElementType(type(a), to), a);
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

Value Calculus::sum(Value a, ArrayRef<int64_t> axes, bool keepDims) const {
  if (axes.empty())
    return a;
  return create<ReduceOp>(ReduceKind::Sum, a, axes, keepDims);
}

Value Calculus::sumAll(Value a) const {
  return sum(a, llvm::to_vector(llvm::seq<int64_t>(0, rank(a))), false);
}

Value Calculus::count(RankedTensorType of, Type element) const {
  AffineExpr elements = getNumElements(of);
  if (auto constant = dyn_cast<AffineConstantExpr>(elements))
    return number(static_cast<double>(constant.getValue()), element);
  auto i64 = RankedTensorType::get({}, builder.getI64Type());
  Value sizes = create<SizesOp>(
      i64, SizeValuesAttr::get(builder.getContext(),
                               getSymbolMap({elements}, builder.getContext())));
  return cast(sizes, element);
}

Value Calculus::meanAll(Value a) const {
  return div(sumAll(a), count(type(a), element(a)));
}

Value Calculus::reshape(Value a, ArrayRef<AffineExpr> dims) const {
  RankedTensorType to = getTensorType(dims, element(a));
  return to == a.getType() ? a : create<ReshapeOp>(to, a);
}

Value Calculus::transpose(Value a, ArrayRef<int64_t> permutation) const {
  return create<TransposeOp>(a, permutation);
}

Value Calculus::transposeMatrix(Value a) const {
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, rank(a)));
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  return transpose(a, order);
}

Value Calculus::broadcast(Value a, RankedTensorType to) const {
  return to == a.getType() ? a : create<BroadcastOp>(to, a);
}

Value Calculus::slice(Value a, ArrayRef<AffineExpr> offsets,
                      ArrayRef<int64_t> strides, RankedTensorType to) const {
  return create<SliceOp>(to, a, getSymbolMap(offsets, builder.getContext()),
                         strides);
}

Value Calculus::pad(Value a, ArrayRef<AffineExpr> low,
                    RankedTensorType to) const {
  bool isAll = to == a.getType() &&
               llvm::all_of(low, [](AffineExpr before) { return before == 0; });
  if (isAll)
    return a;
  return create<PadOp>(to, PadMode::Constant, a, number(0, a),
                       getSymbolMap(low, builder.getContext()));
}

Value Calculus::dilate(Value a, int64_t dimension, int64_t stride) const {
  if (stride == 1)
    return a;
  SmallVector<AffineExpr> dims = getDims(type(a)), split = dims;
  split.insert(split.begin() + dimension + 1, constant(1));
  Value apart = reshape(a, split);
  split[dimension + 1] = constant(stride);
  SmallVector<AffineExpr> low(split.size(), constant(0));
  apart = pad(apart, low, getTensorType(split, element(a)));
  dims[dimension] = simplify(dims[dimension] * stride);
  return reshape(apart, dims);
}

/// Along dimension 0, to which `axis` is moved.
Value Calculus::addSlices(RankedTensorType to, Value indices, int64_t axis,
                          Value updates) const {
  int64_t number = to.getRank(), indexRank = rank(indices);
  SmallVector<AffineExpr> dims = getDims(to), turned;
  SmallVector<int64_t> updateOrder, order, inverse(number);
  for (int64_t i = 0; i < indexRank; ++i)
    updateOrder.push_back(axis + i);
  order.push_back(axis);
  for (int64_t d = 0; d < number; ++d) {
    if (d == axis)
      continue;
    order.push_back(d);
    updateOrder.push_back(d < axis ? d : d + indexRank - 1);
  }
  for (auto [i, d] : llvm::enumerate(order)) {
    turned.push_back(dims[d]);
    inverse[d] = static_cast<int64_t>(i);
  }
  SmallVector<AffineExpr> tuples = getDims(type(indices));
  tuples.push_back(constant(1));
  Value sums = create<ScatterNdOp>(
      ScatterKind::Add, zeros(getTensorType(turned, to.getElementType())),
      reshape(indices, tuples),
      axis ? transpose(updates, updateOrder) : updates);
  return axis ? transpose(sums, inverse) : sums;
}

Value Calculus::matmul(Value a, Value b) const {
  return create<MatmulOp>(a, b, UnitAttr());
}

Value Calculus::reduceTo(Value a, RankedTensorType like) const {
  int64_t extra = rank(a) - like.getRank();
  SmallVector<int64_t> leading, repeated;
  for (int64_t d = 0; d < rank(a); ++d) {
    if (d < extra)
      leading.push_back(d);
    else if (getDim(like, d - extra) == 1 && getDim(type(a), d) != 1)
      repeated.push_back(d);
  }
  if (leading.empty() && repeated.empty())
    return a;
  if (leading.empty())
    return sum(a, repeated, /*keepDims=*/true);
  SmallVector<int64_t> all = leading;
  llvm::append_range(all, repeated);
  Value result = sum(a, all, /*keepDims=*/false);
  return reshape(result, getDims(like));
}

} // namespace dl
