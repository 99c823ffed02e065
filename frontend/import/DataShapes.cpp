// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Operators whose results have as many elements as the data says.

#include "frontend/import/Families.h"
#include "frontend/import/LateSizes.h"
#include "frontend/import/Sizes.h"
#include "frontend/import/Strings.h"
#include <limits>

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

using Exprs = SmallVector<AffineExpr>;

/// A tensor [size] of zeros.
static Value buildZeros(NodeContext &context, AffineExpr size) {
  return context.broadcast(context.splat(0, context.builder.getI64Type()),
                           {size});
}

/// Writes `updates` to the positions `to` of a new tensor [size]; those out of
/// range are dropped.
static Value scatter(NodeContext &context, ScatterKind kind, AffineExpr size,
                     Value to, Value updates) {
  return context.create<ScatterElementsOp>(kind, buildZeros(context, size), to,
                                           updates, int64_t(0));
}

/// The positions of the elements that are true, of a tensor of rank 1: each
/// goes to the place that the number of those before it says.
Value frontend::findPositions(NodeContext &context, Value isTaken) {
  if (!isTaken)
    return isTaken;
  Arithmetic math(context);
  Type i64 = context.builder.getI64Type();
  AffineExpr size = NodeContext::dim(isTaken, 0);
  Value ones = context.cast(isTaken, i64);
  auto count = getSize(context, math.reduce(ReduceKind::Sum, ones, {0}, true),
                       "the number of elements");
  if (!count)
    return Value();
  Value place = context.create<CumsumOp>(ones, int64_t(0), /*exclusive=*/true,
                                         /*reverse=*/false);
  Value to = math.select(isTaken, place, context.sizeScalar(size));
  return scatter(context, ScatterKind::Set, *count, to,
                 math.iota(size, 0, 1, i64));
}

static Value flatten(NodeContext &context, Value x) {
  return context.reshape(x, getNumElements(NodeContext::type(x)));
}

//===----------------------------------------------------------------------===//
// NonZero, Compress
//===----------------------------------------------------------------------===//

static LogicalResult importNonZero(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0);
  Exprs dims = NodeContext::dims(x);
  if (dims.empty())
    dims.push_back(context.constantExpr(1));
  Value flat = flatten(context, x);
  Value position =
      findPositions(context, NodeContext::elementType(x).isInteger(1)
                                 ? flat
                                 : math.compare(Predicate::Ne, flat, 0.0));
  if (!position)
    return failure();
  AffineExpr count = NodeContext::dim(position, 0);
  SmallVector<Value> rows;
  for (size_t d = 0; d < dims.size(); ++d) {
    Value row = position;
    AffineExpr stride = getProduct(context, ArrayRef(dims).drop_front(d + 1));
    if (stride != 1)
      row = math.div(row, context.sizeScalar(stride));
    if (d != 0)
      row = math.apply<ModOp>(row, context.sizeScalar(dims[d]));
    rows.push_back(context.reshape(row, {context.constantExpr(1), count}));
  }
  return context.setResults(
      rows.size() == 1 ? rows[0] : context.create<ConcatOp>(rows, int64_t(0)));
}

/// The attribute `axis`; without it the only one of `x`, which is flattened.
static std::optional<int64_t> takeAxis(NodeContext &context, Value &x) {
  if (context.hasAttr("axis"))
    return context.normalizeAxis(context.getInt("axis", 0),
                                 NodeContext::rank(x));
  x = flatten(context, x);
  return x ? std::optional<int64_t>(0) : std::nullopt;
}

static LogicalResult importCompress(NodeContext &context) {
  Value x = context.input(0), condition = context.input(1);
  std::optional<int64_t> given = takeAxis(context, x);
  if (!given)
    return failure();
  int64_t axis = *given;
  if (auto known = context.intValues(condition)) {
    SmallVector<int64_t> kept;
    for (auto [i, holds] : llvm::enumerate(*known))
      if (holds)
        kept.push_back(i);
    return context.setResults(
        context.create<GatherOp>(x, context.intConstant(kept), axis));
  }
  if (NodeContext::rank(condition) != 1)
    return context.invalid("its condition has rank " +
                           Twine(NodeContext::rank(condition)) +
                           ", expected 1");
  if (failed(context.requireLessEqual(NodeContext::dim(condition, 0),
                                      NodeContext::dim(x, axis),
                                      "its condition is longer than the "
                                      "dimension")))
    return failure();
  return context.setResults(
      context.create<GatherOp>(x, findPositions(context, condition), axis));
}

//===----------------------------------------------------------------------===//
// Unique
//===----------------------------------------------------------------------===//

/// The rows, where each is found first and, if asked for, the group of each
/// element and the groups' sizes; empty with the node reported. Rows are
/// sorted; of equal ones, which then follow one another, the first comes first
/// in the operand, too.
static SmallVector<Value> buildUnique(NodeContext &context, bool isSorted,
                                      bool hasGroups) {
  Arithmetic math(context);
  Value x = context.input(0);
  std::optional<int64_t> given = takeAxis(context, x);
  if (!given)
    return {};
  int64_t axis = *given;
  Value rows = x;
  if (context.hasAttr("axis")) {
    SmallVector<int64_t> toFront = range(0, NodeContext::rank(x));
    toFront.erase(toFront.begin() + axis);
    toFront.insert(toFront.begin(), axis);
    rows = context.transpose(x, toFront);
  }
  if (!rows)
    return {};
  Type i64 = context.builder.getI64Type();
  Exprs dims = NodeContext::dims(rows);
  AffineExpr size = dims.front(), one = context.constantExpr(1);
  rows = context.reshape(
      rows, {size, getProduct(context, ArrayRef(dims).drop_front())});
  if (isString(x))
    rows = context.create<StringRankOp>(rows);
  if (NodeContext::elementType(x).isInteger(1))
    rows = context.cast(rows, context.builder.getIntegerType(8, false));
  auto orderRows = [&](Value of, AffineExpr count) {
    return context.create<RowOrderOp>(getTensorType({count}, i64), of);
  };
  Value order = orderRows(rows, size);
  Value sorted = context.create<GatherOp>(rows, order, int64_t(0));
  Value number = math.iota(size, 0, 1, i64);
  Value before = context.create<GatherOp>(
      sorted, math.max(math.sub(number, 1.0), 0.0), int64_t(0));
  Value differences = math.reduce(
      ReduceKind::Sum,
      context.cast(math.compare(Predicate::Ne, sorted, before), i64), {1},
      false);
  Value isNew =
      context.create<OrOp>(math.compare(Predicate::Eq, number, 0.0),
                           math.compare(Predicate::Ne, differences, 0.0));
  Value first = context.create<GatherOp>(order, findPositions(context, isNew),
                                         int64_t(0));
  if (!first)
    return {};
  AffineExpr count = NodeContext::dim(first, 0);
  Value group =
      math.sub(context.create<CumsumOp>(context.cast(isNew, i64), int64_t(0),
                                        /*exclusive=*/false, /*reverse=*/false),
               1.0);
  if (!isSorted) {
    // Groups in the order in which they occur first.
    Value places = orderRows(context.reshape(first, {count, one}), count);
    Value inverse = scatter(context, ScatterKind::Set, count, places,
                            math.iota(count, 0, 1, i64));
    first = context.create<GatherOp>(first, places, int64_t(0));
    group = context.create<GatherOp>(inverse, group, int64_t(0));
  }
  SmallVector<Value> results{context.create<GatherOp>(x, first, axis), first};
  if (hasGroups) {
    results.push_back(scatter(context, ScatterKind::Set, size, order, group));
    results.push_back(
        scatter(context, ScatterKind::Add, count, group,
                context.broadcast(context.splat(1, i64), {size})));
  }
  return results;
}

static LogicalResult importUnique(NodeContext &context) {
  SmallVector<Value> results =
      buildUnique(context, context.getInt("sorted", 1) != 0,
                  context.hasOutput(2) || context.hasOutput(3));
  return results.empty() ? failure() : context.setResults(results);
}

/// That of com.microsoft, in the order in which elements occur: without where
/// each is found first.
static LogicalResult importUnsortedUnique(NodeContext &context) {
  if (!context.hasInput(0))
    return context.invalid("its input 0 is missing");
  SmallVector<Value> results =
      buildUnique(context, /*isSorted=*/false, /*hasGroups=*/true);
  if (results.empty())
    return failure();
  return context.setResults({results[0], results[2], results[3]});
}

//===----------------------------------------------------------------------===//
// NonMaxSuppression
//===----------------------------------------------------------------------===//

static LogicalResult importNonMaxSuppression(NodeContext &context) {
  Value boxes = context.input(0), scores = context.input(1);
  if (NodeContext::rank(boxes) != 3 || NodeContext::rank(scores) != 3)
    return context.invalid("its boxes and scores have ranks " +
                           Twine(NodeContext::rank(boxes)) + " and " +
                           Twine(NodeContext::rank(scores)) + ", expected 3");
  const char *message = "its boxes and scores differ in number";
  if (failed(context.requireEqual(NodeContext::dim(boxes, 0),
                                  NodeContext::dim(scores, 0), message)) ||
      failed(context.requireEqual(NodeContext::dim(boxes, 1),
                                  NodeContext::dim(scores, 2), message)) ||
      failed(context.requireEqual(NodeContext::dim(boxes, 2),
                                  context.constantExpr(4),
                                  "a box has not four numbers")))
    return failure();
  Type i64 = context.builder.getI64Type(), f32 = context.builder.getF32Type();
  auto scalar = [&](size_t i, Type type, double byDefault) {
    Value given = context.input(i);
    return given ? context.cast(context.reshape(given, {}), type)
                 : context.splat(byDefault, type);
  };
  AffineExpr most = getNumElements(NodeContext::type(scores));
  SmallVector<Value> found = context.createResults<SuppressOp>(
      2, getTensorType({most, context.constantExpr(3)}, i64),
      RankedTensorType::get({1}, i64), context.cast(boxes, f32),
      context.cast(scores, f32), scalar(2, i64, 0), scalar(3, f32, 0),
      scalar(4, f32, -std::numeric_limits<double>::infinity()),
      context.getInt("center_point_box", 0) != 0);
  if (found.empty())
    return failure();
  auto count = getSize(context, found[1], "the number of boxes");
  if (!count)
    return failure();
  AffineExpr zero = context.constantExpr(0);
  return context.setResults(context.create<SliceOp>(
      getTensorType({*count, context.constantExpr(3)}, i64), found[0],
      getSymbolMap({zero, zero}, context.builder.getContext()),
      ArrayRef<int64_t>{1, 1}));
}

void frontend::addDataShapeRules(RuleTable &table) {
  table.add("Compress", importCompress);
  table.add("NonMaxSuppression", importNonMaxSuppression);
  table.add("NonZero", importNonZero);
  table.add("Unique", importUnique);
  table.add("com.microsoft", "Unique", 1, importUnsortedUnique);
}
