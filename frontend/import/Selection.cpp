// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Operators along one dimension that choose elements or keep the shape.

#include "frontend/import/Families.h"
#include "frontend/import/LateSizes.h"
#include "frontend/import/Sizes.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

/// The attribute `axis` of the node, for its first input.
static std::optional<int64_t> getAxis(NodeContext &context, int64_t byDefault) {
  return context.normalizeAxis(context.getInt("axis", byDefault),
                               NodeContext::rank(context.input(0)));
}

/// The sum along a dimension of `size` elements. Of bf16, each addition is
/// rounded, in order.
static Value sumRounded(NodeContext &context, Value x, int64_t axis,
                        int64_t size) {
  Arithmetic math(context);
  if (!x || !NodeContext::elementType(x).isBF16())
    return math.reduce(ReduceKind::Sum, x, {axis}, /*keepDims=*/true);
  SmallVector<AffineExpr> dims = NodeContext::dims(x),
                          offsets(dims.size(), context.constantExpr(0));
  dims[axis] = context.constantExpr(1);
  Value sum;
  for (int64_t i = 0; i < size; ++i) {
    offsets[axis] = context.constantExpr(i);
    Value element = context.create<SliceOp>(
        getTensorType(dims, NodeContext::elementType(x)), x,
        getSymbolMap(offsets, context.builder.getContext()),
        SmallVector<int64_t>(dims.size(), 1));
    sum = sum ? math.add(sum, element) : element;
  }
  return sum;
}

/// Softmax as ONNX defines it by other operators, each result of which is a
/// half. Along a few elements alone: the sum of more would lose what a half
/// does not hold, and one op, rounded once, is nearer to what is meant.
static Value buildRoundedSoftmax(NodeContext &context, Value x, int64_t axis) {
  constexpr int64_t kMostElements = 16;
  Type type = NodeContext::elementType(x);
  int64_t size = NodeContext::type(x).getDimSize(axis);
  if (!(type.isF16() || type.isBF16()) || ShapedType::isDynamic(size) ||
      size < 1 || size > kMostElements)
    return Value();
  Arithmetic math(context);
  Value most = math.reduce(ReduceKind::Max, x, {axis}, /*keepDims=*/true);
  Value powers = math.exp(math.sub(x, most));
  return math.div(powers, sumRounded(context, powers, axis, size));
}

template <bool log> static LogicalResult importSoftmax(NodeContext &context) {
  auto axis = getAxis(context, -1);
  if (!axis)
    return failure();
  if (!log)
    if (Value rounded = buildRoundedSoftmax(context, context.input(0), *axis))
      return context.setResults(rounded);
  return context.setResults(
      context.create<SoftmaxOp>(context.input(0), *axis, log));
}

/// One at the first of the largest elements, zero elsewhere.
static LogicalResult importHardmax(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0);
  auto axis = getAxis(context, -1);
  if (!axis)
    return failure();
  Value winner = context.create<ArgReduceOp>(ReduceKind::Max, x, *axis,
                                             /*keepdims=*/true,
                                             /*select_last=*/false);
  Value position =
      math.iota(NodeContext::dim(x, *axis), *axis, NodeContext::rank(x),
                context.builder.getI64Type());
  return context.setResults(
      context.cast(math.compare(Predicate::Eq, position, winner),
                   NodeContext::elementType(x)));
}

template <ReduceKind kind>
static LogicalResult importArgReduce(NodeContext &context) {
  auto axis = getAxis(context, 0);
  if (!axis)
    return failure();
  return context.setResults(context.create<ArgReduceOp>(
      kind, context.input(0), *axis, context.getInt("keepdims", 1) != 0,
      context.getInt("select_last_index", 0) != 0));
}

namespace {

/// The operand of CumSum or CumProd, and the axis, their second input. One that
/// only the running model knows is split off from the others.
struct Running {
  Value operand;
  int64_t axis;
};

} // namespace

static std::optional<Running> getRunning(NodeContext &context) {
  Value x = context.input(0);
  if (!isKnown(context, context.input(1))) {
    LateSizes late(context);
    Value split =
        late.splitAtAxis(x, late.toVector(context.input(1), "the axis"));
    return split ? std::optional(Running{split, 1}) : std::nullopt;
  }
  auto given = getKnownInt(context, context.input(1), "the axis");
  auto axis = given ? context.normalizeAxis(*given, NodeContext::rank(x))
                    : std::nullopt;
  return axis ? std::optional(Running{x, *axis}) : std::nullopt;
}

static LogicalResult importCumSum(NodeContext &context) {
  auto of = getRunning(context);
  if (!of)
    return failure();
  return context.setResults(context.reshape(
      context.create<CumsumOp>(of->operand, of->axis,
                               context.getInt("exclusive", 0) != 0,
                               context.getInt("reverse", 0) != 0),
      NodeContext::dims(context.input(0))));
}

/// A scan along the axis, which carries the product so far.
static LogicalResult importCumProd(NodeContext &context) {
  Arithmetic math(context);
  auto of = getRunning(context);
  if (!of)
    return failure();
  Value x = of->operand;
  OpBuilder &builder = context.builder;
  SmallVector<int64_t> toFront = range(0, NodeContext::rank(x)), back;
  toFront.erase(toFront.begin() + of->axis);
  toFront.insert(toFront.begin(), of->axis);
  back = invertPermutationVector(toFront);
  Value sequence = context.transpose(x, toFront);
  if (!sequence)
    return failure();
  Type type = NodeContext::elementType(x);
  SmallVector<AffineExpr> slice = NodeContext::dims(sequence);
  slice.erase(slice.begin());
  Value initial = context.broadcast(context.splat(1, type), slice);
  if (!initial)
    return failure();
  auto scan = ScanOp::create(
      builder, context.loc, TypeRange{initial.getType(), sequence.getType()},
      initial, sequence, context.getInt("reverse", 0) != 0);
  {
    OpBuilder::InsertionGuard guard(builder);
    Block *body = builder.createBlock(&scan.getBody());
    Value product = body->addArgument(initial.getType(), context.loc);
    Value element = body->addArgument(initial.getType(), context.loc);
    Value next = math.mul(product, element);
    bool isExclusive = context.getInt("exclusive", 0) != 0;
    YieldOp::create(builder, context.loc,
                    ValueRange{next, isExclusive ? product : next});
  }
  return context.setResults(
      context.reshape(context.transpose(scan.getResult(1), back),
                      NodeContext::dims(context.input(0))));
}

static LogicalResult importTopK(NodeContext &context) {
  Value x = context.input(0);
  auto axis = getAxis(context, -1);
  auto k = getSize(context, context.input(1), "the number of elements");
  if (!axis || !k)
    return failure();
  SmallVector<AffineExpr> dims = NodeContext::dims(x);
  if (failed(context.requireLessEqual(*k, dims[*axis],
                                      "more elements are asked for than "
                                      "there are")) ||
      failed(context.requireLessEqual(context.constantExpr(0), *k,
                                      "a negative number of elements is asked "
                                      "for")))
    return failure();
  dims[*axis] = *k;
  SmallVector<Value> results = context.createResults<TopkOp>(
      2, getTensorType(dims, NodeContext::elementType(x)),
      getTensorType(dims, context.builder.getI64Type()), x, *axis,
      context.getInt("largest", 1) != 0, context.getInt("sorted", 1) != 0);
  return results.empty() ? failure() : context.setResults(results);
}

void frontend::addSelectionRules(RuleTable &table) {
  const std::pair<StringRef, ImportRule> rules[] = {
      {"ArgMax", importArgReduce<ReduceKind::Max>},
      {"ArgMin", importArgReduce<ReduceKind::Min>},
      {"CumProd", importCumProd},
      {"CumSum", importCumSum},
      {"Hardmax", importHardmax},
      {"LogSoftmax", importSoftmax<true>},
      {"Softmax", importSoftmax<false>},
      {"TopK", importTopK},
  };
  for (auto [op, rule] : rules)
    table.add(op, rule);
}
