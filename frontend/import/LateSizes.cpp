// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/LateSizes.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

bool frontend::isKnown(NodeContext &context, Value value) {
  if (!value || context.sizeValues(value))
    return true;
  RankedTensorType type = NodeContext::type(value);
  return type.hasStaticShape() && type.getNumElements() == 0;
}

Value LateSizes::toVector(Value value, StringRef what) const {
  if (!value)
    return value;
  RankedTensorType type = NodeContext::type(value);
  if (type.getRank() > 1) {
    (void)context.invalid(what + " has rank " + Twine(type.getRank()) +
                          ", expected at most 1");
    return Value();
  }
  if (!type.hasStaticShape()) {
    (void)context.unsupported("the length of " + what + " depends on data");
    return Value();
  }
  if (type.getNumElements() > NodeContext::kMaxListed) {
    (void)context.invalid(what + " lists more than " +
                          Twine(NodeContext::kMaxListed) + " sizes");
    return Value();
  }
  return context.cast(
      context.reshape(value, context.constantExpr(type.getNumElements())),
      context.builder.getI64Type());
}

Value LateSizes::toScalar(Value vector) const {
  return context.reshape(vector, {});
}

Value LateSizes::concat(ValueRange vectors) const {
  SmallVector<Value> parts;
  for (Value part : vectors) {
    if (!part)
      return Value();
    if (NodeContext::dim(part, 0) != 0)
      parts.push_back(part);
  }
  if (parts.empty())
    return context.intConstant({});
  return parts.size() == 1 ? parts.front()
                           : context.create<ConcatOp>(parts, int64_t(0));
}

Value LateSizes::slice(Value vector, int64_t begin, int64_t count) const {
  if (!vector || (begin == 0 && NodeContext::dim(vector, 0) == count))
    return vector;
  if (count == 0)
    return context.intConstant({});
  return context.create<SliceOp>(
      RankedTensorType::get({count}, NodeContext::elementType(vector)), vector,
      getSymbolMap(context.constantExpr(begin), context.builder.getContext()),
      ArrayRef<int64_t>{1});
}

Value LateSizes::count(int64_t size) const {
  return context.intConstant(range(0, size));
}

Value LateSizes::wrap(Value positions, Value size) const {
  return math.select(math.compare(Predicate::Lt, positions, 0.0),
                     math.add(positions, size), positions);
}

Value LateSizes::toInt(Value condition) const {
  return context.cast(condition, context.builder.getI64Type());
}

Value LateSizes::all(Value conditions) const {
  if (!conditions)
    return conditions;
  Value least = math.reduce(ReduceKind::Min, toInt(conditions),
                            range(0, NodeContext::rank(conditions)), false);
  return math.compare(Predicate::Ne, least, 0.0);
}

Value LateSizes::extent(Value difference, Value step) const {
  Value down = math.compare(Predicate::Lt, step, 0.0);
  Value length = math.abs(step);
  length = math.max(length, 1.0);
  difference = math.select(down, math.sub(0.0, difference), difference);
  Value padded = math.add(math.max(difference, 0.0), math.sub(length, 1.0));
  return math.div(padded, length);
}

LateAxes LateSizes::axes(Value given, int64_t rank) const {
  if (!given)
    return {};
  int64_t number = NodeContext::type(given).getDimSize(0);
  Value size = context.sizeScalar(context.constantExpr(rank));
  Value list = wrap(given, size);
  Value row = context.reshape(
      list, {context.constantExpr(1), context.constantExpr(number)});
  Value column = context.reshape(
      count(rank), {context.constantExpr(rank), context.constantExpr(1)});
  Value times =
      math.reduce(ReduceKind::Sum,
                  toInt(math.compare(Predicate::Eq, column, row)), {1}, false);
  // Each in range counts once.
  Value total = math.reduce(ReduceKind::Sum, times, {0}, false);
  Value isValid = context.create<AndOp>(
      all(math.compare(Predicate::Le, times, 1.0)),
      math.compare(Predicate::Eq, total, static_cast<double>(number)));
  return {list, math.min(times, 1.0), isValid};
}

Value LateSizes::spread(Value values, const LateAxes &axes,
                        Value others) const {
  if (!values || !axes.list || !others)
    return Value();
  AffineExpr one = context.constantExpr(1);
  Value row = context.reshape(axes.list, {one, NodeContext::dim(axes.list, 0)});
  Value column = context.reshape(count(NodeContext::type(others).getDimSize(0)),
                                 {NodeContext::dim(others, 0), one});
  Value placed = math.select(
      math.compare(Predicate::Eq, column, row),
      context.reshape(values, {one, NodeContext::dim(values, 0)}), 0.0);
  return math.select(math.compare(Predicate::Ne, axes.isGiven, 0.0),
                     math.reduce(ReduceKind::Sum, placed, {1}, false), others);
}

Value LateSizes::compact(Value values, Value isTaken, int64_t number) const {
  if (number == 0)
    return context.intConstant({});
  if (!values || !isTaken)
    return Value();
  AffineExpr one = context.constantExpr(1);
  AffineExpr size = NodeContext::dim(values, 0);
  // Where a taken element goes.
  Value place = context.create<CumsumOp>(isTaken, int64_t(0),
                                         /*exclusive=*/true,
                                         /*reverse=*/false);
  place = math.select(math.compare(Predicate::Ne, isTaken, 0.0), place, -1.0);
  Value matches = math.compare(
      Predicate::Eq,
      context.reshape(count(number), {context.constantExpr(number), one}),
      context.reshape(place, {one, size}));
  return math.reduce(
      ReduceKind::Sum,
      math.select(matches, context.reshape(values, {one, size}), 0.0), {1},
      false);
}

std::optional<SmallVector<AffineExpr>>
LateSizes::bind(Value sizes, Value isValid, const Twine &what) const {
  if (!sizes || !isValid)
    return std::nullopt;
  // One element more, so that there is one where no size is asked for.
  Value checked =
      math.select(isValid, concat({sizes, context.intConstant({0})}), -1.0);
  auto bound = context.bindSizes(checked, what);
  if (bound)
    bound->pop_back();
  return bound;
}

Value LateSizes::splitAtAxis(Value x, Value axis, int64_t apart) const {
  if (!x || !axis)
    return Value();
  int64_t rank = NodeContext::rank(x), outer = rank - apart;
  LateAxes axes = this->axes(axis, rank);
  SmallVector<AffineExpr> own = NodeContext::dims(x);
  Value sizes = vector(ArrayRef(own).take_front(outer));
  auto product = [&](Predicate where) {
    Value isIn = math.compare(where, count(outer), axes.list);
    return math.reduce(ReduceKind::Prod, math.select(isIn, sizes, 1.0), {0},
                       true);
  };
  Value isOuter =
      all(math.compare(Predicate::Lt, axes.list, static_cast<double>(outer)));
  auto dims = bind(concat({product(Predicate::Lt), product(Predicate::Eq),
                           product(Predicate::Gt)}),
                   context.create<AndOp>(axes.isValid, isOuter), "the axis");
  if (!dims)
    return Value();
  dims->append(own.begin() + outer, own.end());
  return context.reshape(x, *dims);
}
