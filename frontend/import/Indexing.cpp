// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
#include "frontend/import/Sizes.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

static std::optional<int64_t> getAxis(NodeContext &context) {
  return context.normalizeAxis(context.getInt("axis", 0),
                               NodeContext::rank(context.input(0)));
}

/// Demands that `indices` has the operand's rank, and, but along `axis`, no
/// more elements than it.
static LogicalResult checkElementIndices(NodeContext &context, Value x,
                                         Value indices, int64_t axis) {
  if (NodeContext::rank(indices) != NodeContext::rank(x))
    return context.invalid(
        "its indices have rank " + Twine(NodeContext::rank(indices)) +
        ", its operand has rank " + Twine(NodeContext::rank(x)));
  for (int64_t d = 0, e = NodeContext::rank(x); d < e; ++d)
    if (d != axis &&
        failed(context.requireLessEqual(
            NodeContext::dim(indices, d), NodeContext::dim(x, d),
            "there are more indices than elements in dimension " + Twine(d))))
      return failure();
  return success();
}

static LogicalResult checkSameShape(NodeContext &context,
                                    ArrayRef<AffineExpr> found,
                                    ArrayRef<AffineExpr> expected,
                                    const Twine &what) {
  if (found.size() != expected.size())
    return context.invalid(what + " have rank " + Twine(found.size()) +
                           ", expected " + Twine(expected.size()));
  for (auto [a, b] : llvm::zip(found, expected))
    if (failed(context.requireEqual(a, b, what + " have the wrong shape")))
      return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// Gather
//===----------------------------------------------------------------------===//

/// The first position and the step of constant indices at equal distances that
/// are known to be within a dimension of this size.
static std::optional<std::pair<AffineExpr, int64_t>>
getProgression(NodeContext &context, Value indices, AffineExpr size) {
  auto values = context.intValues(indices);
  if (!values || values->empty())
    return std::nullopt;
  // No dimension is as large; sums of others could overflow.
  constexpr int64_t kFar = int64_t(1) << 48;
  if (llvm::any_of(*values, [](int64_t at) { return at < -kFar || at > kFar; }))
    return std::nullopt;
  int64_t first = values->front(), last = values->back();
  int64_t step = values->size() > 1 ? (*values)[1] - first : 1;
  for (auto [i, value] : llvm::enumerate(*values))
    if (value != first + static_cast<int64_t>(i) * step)
      return std::nullopt;
  if (step == 0 || (first < 0) != (last < 0))
    return std::nullopt;
  AffineExpr offset = first < 0 ? size : context.constantExpr(0);
  AffineExpr lowest = simplify(offset + std::min(first, last));
  AffineExpr highest = simplify(offset + std::max(first, last));
  if (!provablyLessEqual(context.constantExpr(0), lowest) ||
      !provablyLessEqual(simplify(highest + 1), size))
    return std::nullopt;
  return std::pair(simplify(offset + first), step);
}

/// Constant indices at equal distances make a slice, which is a view in most
/// cases.
static LogicalResult importGather(NodeContext &context) {
  Value x = context.input(0), indices = context.input(1);
  auto axis = getAxis(context);
  if (!axis)
    return failure();
  SmallVector<AffineExpr> dims = NodeContext::dims(x);
  auto progression = getProgression(context, indices, dims[*axis]);
  // Integers that hold sizes are folded as they are gathered.
  if (!progression || context.sizeValues(x))
    return context.setResults(context.create<GatherOp>(x, indices, *axis));
  SmallVector<AffineExpr> offsets(dims.size(), context.constantExpr(0));
  SmallVector<int64_t> strides(dims.size(), 1);
  std::tie(offsets[*axis], strides[*axis]) = *progression;
  SmallVector<AffineExpr> result = dims, taken = NodeContext::dims(indices);
  dims[*axis] = getProduct(context, taken);
  result.erase(result.begin() + *axis);
  result.insert(result.begin() + *axis, taken.begin(), taken.end());
  Value slice = context.create<SliceOp>(
      getTensorType(dims, NodeContext::elementType(x)), x,
      getSymbolMap(offsets, context.builder.getContext()), strides);
  return context.setResults(context.reshape(slice, result));
}

static LogicalResult importGatherElements(NodeContext &context) {
  Value x = context.input(0), indices = context.input(1);
  auto axis = getAxis(context);
  if (!axis || failed(checkElementIndices(context, x, indices, *axis)))
    return failure();
  return context.setResults(
      context.create<GatherElementsOp>(x, indices, *axis));
}

LogicalResult frontend::importGatherND(NodeContext &context) {
  Value x = context.input(0), indices = context.input(1);
  int64_t batch = context.getInt("batch_dims", 0);
  if (batch < 0 || batch >= NodeContext::rank(indices) ||
      batch >= NodeContext::rank(x))
    return context.invalid("batch_dims is " + Twine(batch) +
                           ", which is not below the ranks of its inputs");
  for (int64_t d = 0; d < batch; ++d)
    if (failed(context.requireEqual(
            NodeContext::dim(x, d), NodeContext::dim(indices, d),
            "batch dimension " + Twine(d) + " differs")))
      return failure();
  return context.setResults(context.create<GatherNdOp>(x, indices, batch));
}

//===----------------------------------------------------------------------===//
// Scatter
//===----------------------------------------------------------------------===//

static std::optional<ScatterKind> getScatterKind(NodeContext &context) {
  std::string reduction = context.getString("reduction", "none");
  if (reduction == "none")
    return ScatterKind::Set;
  for (ScatterKind kind :
       {ScatterKind::Add, ScatterKind::Mul, ScatterKind::Max, ScatterKind::Min})
    if (reduction == stringifyScatterKind(kind))
      return kind;
  (void)context.invalid("reduction is '" + Twine(reduction) +
                        "', expected none, add, mul, max or min");
  return std::nullopt;
}

static LogicalResult importScatterElements(NodeContext &context) {
  Value x = context.input(0), indices = context.input(1),
        updates = context.input(2);
  auto axis = getAxis(context);
  auto kind = getScatterKind(context);
  if (!axis || !kind ||
      failed(checkElementIndices(context, x, indices, *axis)) ||
      failed(checkSameShape(context, NodeContext::dims(updates),
                            NodeContext::dims(indices), "its updates")))
    return failure();
  return context.setResults(
      context.create<ScatterElementsOp>(*kind, x, indices, updates, *axis));
}

static LogicalResult importScatterND(NodeContext &context) {
  Value x = context.input(0), indices = context.input(1),
        updates = context.input(2);
  auto kind = getScatterKind(context);
  if (!kind)
    return failure();
  SmallVector<AffineExpr> expected = NodeContext::dims(indices);
  if (expected.empty())
    return context.invalid("its indices are a scalar");
  auto depth = dyn_cast<AffineConstantExpr>(expected.pop_back_val());
  if (!depth)
    return context.unsupported("the length of an index is not constant");
  if (depth.getValue() > NodeContext::rank(x))
    return context.invalid("an index has length " + Twine(depth.getValue()) +
                           ", its operand has rank " +
                           Twine(NodeContext::rank(x)));
  llvm::append_range(
      expected, ArrayRef(NodeContext::dims(x)).drop_front(depth.getValue()));
  if (failed(checkSameShape(context, NodeContext::dims(updates), expected,
                            "its updates")))
    return failure();
  return context.setResults(
      context.create<ScatterNdOp>(*kind, x, indices, updates));
}

/// Writes `update` into a cache, [batch.., sequence, features], at the position
/// that each batch has: see the operator's description of `write_indices`.
static LogicalResult importTensorScatter(NodeContext &context) {
  Arithmetic math(context);
  Value cache = context.input(0), update = context.input(1),
        start = context.input(2);
  int64_t rank = NodeContext::rank(cache);
  auto axis = context.normalizeAxis(context.getInt("axis", -2), rank);
  if (!axis)
    return failure();
  if (*axis == 0)
    return context.invalid("its axis is the batch dimension");
  if (NodeContext::rank(update) != rank)
    return context.invalid("its update has rank " +
                           Twine(NodeContext::rank(update)) + ", expected " +
                           Twine(rank));
  if (start && NodeContext::rank(start) != 1)
    return context.invalid("its write indices have rank " +
                           Twine(NodeContext::rank(start)) + ", expected 1");
  Type i64 = context.builder.getI64Type();
  AffineExpr size = NodeContext::dim(cache, *axis);
  Value position = math.iota(NodeContext::dim(update, *axis), *axis, rank, i64);
  if (start) {
    SmallVector<AffineExpr> dims(rank, context.constantExpr(1));
    dims[0] = NodeContext::dim(start, 0);
    position = math.add(context.reshape(start, dims), position);
  }
  if (context.getString("mode", "linear") == "circular")
    position = math.apply<ModOp>(position, context.sizeScalar(size));
  return context.setResults(context.create<ScatterElementsOp>(
      ScatterKind::Set, cache,
      context.broadcast(position, NodeContext::dims(update)), update, *axis));
}

void frontend::addIndexingRules(RuleTable &table) {
  const std::pair<StringRef, ImportRule> rules[] = {
      {"Gather", importGather},
      {"GatherElements", importGatherElements},
      {"GatherND", importGatherND},
      {"Scatter", importScatterElements},
      {"ScatterElements", importScatterElements},
      {"ScatterND", importScatterND},
      {"TensorScatter", importTensorScatter},
  };
  for (auto [op, rule] : rules)
    table.add(op, rule);
  addRegionRules(table);
  addSamplingRules(table);
}
