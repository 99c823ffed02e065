// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Reduce*; what chooses elements or keeps the shape is in Selection.cpp.

#include "frontend/import/Families.h"
#include "frontend/import/LateSizes.h"
#include "frontend/import/Sizes.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

namespace {

/// A reduction's operand, and what it is reduced along.
struct Reduction {
  Value operand;
  SmallVector<int64_t> axes;
  bool keepDims;
  /// The result's dimensions, where they are not those that follow.
  std::optional<SmallVector<AffineExpr>> resultDims;
};

} // namespace

/// A reduction along axes that only the running model knows: the operand is
/// rearranged so that they come last; one axis is split off without that.
static std::optional<Reduction> getLateReduction(NodeContext &context) {
  LateSizes late(context);
  const Arithmetic &math = late.math;
  Value x = context.input(0);
  int64_t rank = NodeContext::rank(x);
  bool keepDims = context.getInt("keepdims", 1) != 0;
  Value given = late.toVector(context.input(1), "the list of axes");
  if (!given)
    return std::nullopt;
  int64_t number = NodeContext::type(given).getDimSize(0), kept = rank - number;
  if (kept < 0) {
    (void)context.invalid("it reduces " + Twine(number) + " dimensions of " +
                          Twine(rank));
    return std::nullopt;
  }
  LateAxes axes = late.axes(given, rank);
  Value sizes = late.vector(NodeContext::dims(x));
  Value others = math.sub(1.0, axes.isGiven);
  auto rearrange = [&](Value values) {
    return late.concat({late.compact(values, others, kept),
                        late.compact(values, axes.isGiven, number)});
  };
  Value isGiven = math.compare(Predicate::Ne, axes.isGiven, 0.0);
  auto bound = late.bind(
      late.concat({rearrange(sizes), math.select(isGiven, 1.0, sizes)}),
      axes.isValid, "the list of axes");
  if (!bound)
    return std::nullopt;
  ArrayRef<AffineExpr> dims = ArrayRef(*bound).take_front(rank);
  Reduction of;
  of.keepDims = false;
  ArrayRef<AffineExpr> result =
      keepDims ? ArrayRef(*bound).drop_front(rank) : dims.take_front(kept);
  of.resultDims.emplace(result.begin(), result.end());
  if (number == 1) {
    of.operand = late.splitAtAxis(x, given);
    of.axes = {1};
    return of;
  }
  SmallVector<AffineExpr> strides(rank);
  AffineExpr stride = context.constantExpr(1);
  for (int64_t d = rank; d-- > 0;) {
    strides[d] = stride;
    stride = simplify(stride * NodeContext::dim(x, d));
  }
  Value distances = rearrange(late.vector(strides)), positions;
  for (int64_t d = 0; d < rank; ++d) {
    Value along =
        math.mul(math.iota(dims[d], d, rank, context.builder.getI64Type()),
                 late.element(distances, d));
    positions = positions ? math.add(positions, along) : along;
  }
  of.operand = context.create<GatherOp>(context.reshape(x, stride), positions,
                                        int64_t(0));
  of.axes = range(kept, rank);
  return of;
}

static std::optional<Reduction> getReduction(NodeContext &context) {
  if (!isKnown(context, context.input(1)))
    return getLateReduction(context);
  Value x = context.input(0);
  int64_t rank = NodeContext::rank(x);
  auto axes = getAxes(context, 1, rank);
  if (!axes)
    return std::nullopt;
  if (axes->empty() && !context.getInt("noop_with_empty_axes", 0))
    *axes = range(0, rank);
  return Reduction{x, *axes, context.getInt("keepdims", 1) != 0, std::nullopt};
}

static Value reduce(Arithmetic &math, ReduceKind kind, const Reduction &of,
                    Value operand) {
  return math.reduce(kind, operand, of.axes, of.keepDims);
}

/// Gives the node its result, in the dimensions that it shall have.
static LogicalResult finish(NodeContext &context, const Reduction &of,
                            Value result) {
  if (of.resultDims && result)
    result = context.reshape(result, *of.resultDims);
  return context.setResults(result);
}

/// A rule that gives the node what `compute` makes of its reduction.
template <Value (*compute)(NodeContext &, Arithmetic &, const Reduction &)>
static LogicalResult importReduction(NodeContext &context) {
  Arithmetic math(context);
  auto of = getReduction(context);
  if (!of)
    return failure();
  return finish(context, *of, compute(context, math, *of));
}

/// Sums, products and extremes of the elements themselves.
template <ReduceKind kind>
static Value reduceElements(NodeContext &context, Arithmetic &math,
                            const Reduction &of) {
  // Bools are compared as numbers: as i1, true would be -1.
  Type type = NodeContext::elementType(of.operand);
  Value x =
      type.isInteger(1)
          ? context.cast(of.operand, context.builder.getIntegerType(8, false))
          : of.operand;
  return context.cast(reduce(math, kind, of, x), type);
}

static Value reduceMean(NodeContext &, Arithmetic &math, const Reduction &of) {
  return math.mean(of.operand, of.axes, of.keepDims);
}

static Value reduceL1(NodeContext &, Arithmetic &math, const Reduction &of) {
  return reduce(math, ReduceKind::Sum, of, math.abs(of.operand));
}

static Value reduceSumSquare(NodeContext &, Arithmetic &math,
                             const Reduction &of) {
  return reduce(math, ReduceKind::Sum, of, math.square(of.operand));
}

/// Roots and logarithms of integers are computed in f64, and cut off.
static Value asFloats(NodeContext &context, Value x) {
  return isa<FloatType>(NodeContext::elementType(x))
             ? x
             : context.cast(x, context.builder.getF64Type());
}

static Value reduceL2(NodeContext &context, Arithmetic &math,
                      const Reduction &of) {
  Value x = asFloats(context, of.operand);
  Value norm = math.sqrt(reduce(math, ReduceKind::Sum, of, math.square(x)));
  return context.cast(norm, NodeContext::elementType(of.operand));
}

static Value reduceLogSum(NodeContext &context, Arithmetic &math,
                          const Reduction &of) {
  Value sum = asFloats(context, reduce(math, ReduceKind::Sum, of, of.operand));
  return context.cast(math.log(sum), NodeContext::elementType(of.operand));
}

/// max + log(sum(exp(x - max))); an infinite maximum is not subtracted.
static Value reduceLogSumExp(NodeContext &context, Arithmetic &math,
                             const Reduction &of) {
  Value x = asFloats(context, of.operand);
  auto finiteMax = [&](bool keepDims) {
    Value max = math.reduce(ReduceKind::Max, x, of.axes, keepDims);
    return math.select(context.create<IsInfOp>(max, true, true), 0.0, max);
  };
  Value shifted = math.sub(x, finiteMax(/*keepDims=*/true));
  Value sum = reduce(math, ReduceKind::Sum, of, math.exp(shifted));
  Value result = math.add(math.log(sum), finiteMax(of.keepDims));
  return context.cast(result, NodeContext::elementType(of.operand));
}

void frontend::addReductionRules(RuleTable &table) {
  const std::pair<StringRef, ImportRule> rules[] = {
      {"ReduceL1", importReduction<reduceL1>},
      {"ReduceL2", importReduction<reduceL2>},
      {"ReduceLogSum", importReduction<reduceLogSum>},
      {"ReduceLogSumExp", importReduction<reduceLogSumExp>},
      {"ReduceMax", importReduction<reduceElements<ReduceKind::Max>>},
      {"ReduceMean", importReduction<reduceMean>},
      {"ReduceMin", importReduction<reduceElements<ReduceKind::Min>>},
      {"ReduceProd", importReduction<reduceElements<ReduceKind::Prod>>},
      {"ReduceSum", importReduction<reduceElements<ReduceKind::Sum>>},
      {"ReduceSumSquare", importReduction<reduceSumSquare>},
  };
  for (auto [op, rule] : rules)
    table.add(op, rule);
  addSelectionRules(table);
}
