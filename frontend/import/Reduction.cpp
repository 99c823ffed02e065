// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Reduce*; what chooses elements or keeps the shape is in Selection.cpp.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
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
};

} // namespace

static std::optional<Reduction> getReduction(NodeContext &context) {
  Value x = context.input(0);
  int64_t rank = NodeContext::rank(x);
  auto axes = getAxes(context, 1, rank);
  if (!axes)
    return std::nullopt;
  if (axes->empty() && !context.getInt("noop_with_empty_axes", 0))
    *axes = range(0, rank);
  return Reduction{x, *axes, context.getInt("keepdims", 1) != 0};
}

static Value reduce(Arithmetic &math, ReduceKind kind, const Reduction &of,
                    Value operand) {
  return math.reduce(kind, operand, of.axes, of.keepDims);
}

/// Sums, products and extremes of the elements themselves.
template <ReduceKind kind>
static LogicalResult importReduce(NodeContext &context) {
  Arithmetic math(context);
  auto of = getReduction(context);
  if (!of)
    return failure();
  // Bools are compared as numbers: as i1, true would be -1.
  Type type = NodeContext::elementType(of->operand);
  Value x =
      type.isInteger(1)
          ? context.cast(of->operand, context.builder.getIntegerType(8, false))
          : of->operand;
  return context.setResults(context.cast(reduce(math, kind, *of, x), type));
}

static LogicalResult importReduceMean(NodeContext &context) {
  auto of = getReduction(context);
  if (!of)
    return failure();
  return context.setResults(
      Arithmetic(context).mean(of->operand, of->axes, of->keepDims));
}

static LogicalResult importReduceL1(NodeContext &context) {
  Arithmetic math(context);
  auto of = getReduction(context);
  if (!of)
    return failure();
  return context.setResults(
      reduce(math, ReduceKind::Sum, *of, math.abs(of->operand)));
}

static LogicalResult importReduceSumSquare(NodeContext &context) {
  Arithmetic math(context);
  auto of = getReduction(context);
  if (!of)
    return failure();
  return context.setResults(
      reduce(math, ReduceKind::Sum, *of, math.square(of->operand)));
}

static LogicalResult importReduceL2(NodeContext &context) {
  Arithmetic math(context);
  auto of = getReduction(context);
  if (!of)
    return failure();
  Type type = NodeContext::elementType(of->operand);
  Value x = isa<FloatType>(type)
                ? of->operand
                : context.cast(of->operand, context.builder.getF64Type());
  Value norm = math.sqrt(reduce(math, ReduceKind::Sum, *of, math.square(x)));
  return context.setResults(context.cast(norm, type));
}

static LogicalResult importReduceLogSum(NodeContext &context) {
  Arithmetic math(context);
  auto of = getReduction(context);
  if (!of)
    return failure();
  return context.setResults(
      math.log(reduce(math, ReduceKind::Sum, *of, of->operand)));
}

/// max + log(sum(exp(x - max))); an infinite maximum is not subtracted.
static LogicalResult importReduceLogSumExp(NodeContext &context) {
  Arithmetic math(context);
  auto of = getReduction(context);
  if (!of)
    return failure();
  auto finiteMax = [&](bool keepDims) {
    Value max = math.reduce(ReduceKind::Max, of->operand, of->axes, keepDims);
    return math.select(context.create<IsInfOp>(max, true, true), 0.0, max);
  };
  Value shifted = math.sub(of->operand, finiteMax(/*keepDims=*/true));
  Value sum = reduce(math, ReduceKind::Sum, *of, math.exp(shifted));
  return context.setResults(math.add(math.log(sum), finiteMax(of->keepDims)));
}

void frontend::addReductionRules(RuleTable &table) {
  const std::pair<StringRef, ImportRule> rules[] = {
      {"ReduceL1", importReduceL1},
      {"ReduceL2", importReduceL2},
      {"ReduceLogSum", importReduceLogSum},
      {"ReduceLogSumExp", importReduceLogSumExp},
      {"ReduceMax", importReduce<ReduceKind::Max>},
      {"ReduceMean", importReduceMean},
      {"ReduceMin", importReduce<ReduceKind::Min>},
      {"ReduceProd", importReduce<ReduceKind::Prod>},
      {"ReduceSum", importReduce<ReduceKind::Sum>},
      {"ReduceSumSquare", importReduceSumSquare},
  };
  for (auto [op, rule] : rules)
    table.add(op, rule);
  addSelectionRules(table);
}
