// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Normalizations of the domain com.microsoft. Of halves, all steps are computed
// in f32, and each output is rounded once.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Contrib.h"
#include "frontend/import/Families.h"
#include "frontend/import/Normalization.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

using Exprs = SmallVector<AffineExpr>;

/// Normalized along the last dimension, times a scale, plus a shift that may be
/// null; `mean` is null for a root mean square.
static Normalized normalizeRows(NodeContext &context, Value x, Value scale,
                                Value shift, bool isSimplified, float epsilon) {
  Arithmetic math(context);
  if (!x)
    return {};
  int64_t rank = NodeContext::rank(x);
  SmallVector<int64_t> last{rank - 1};
  Normalized rows = isSimplified
                        ? normalizeByRootMeanSquare(context, x, last, epsilon)
                        : normalize(context, x, last, epsilon);
  rows.value = math.mul(rows.value, widen(context, scale));
  if (shift)
    rows.value = math.add(rows.value, widen(context, shift));
  return rows;
}

/// ONNX Runtime's default of its fused normalizations.
static constexpr float kFusedEpsilon = 1e-12f;

/// x + skip + bias, normalized. Outputs: the result, the mean, the inverse of
/// the deviation, and the sum.
static LogicalResult importSkip(NodeContext &context, bool isSimplified) {
  Arithmetic math(context);
  if (failed(requireFloats(context, {0, 1, 2})))
    return failure();
  Value x = context.input(0);
  Type type = NodeContext::elementType(x);
  if (NodeContext::rank(x) < 1 || NodeContext::rank(context.input(1)) < 1)
    return context.invalid("its inputs have no dimension to normalize along");
  if (isSimplified && context.hasOutput(1))
    return context.unsupported(
        "the mean of a normalization by the root mean square");
  Value sum = math.add(widen(context, x), widen(context, context.input(1)));
  if (Value bias = context.input(isSimplified ? 3 : 4))
    sum = math.add(sum, widen(context, bias));
  Normalized rows = normalizeRows(
      context, sum, context.input(2), isSimplified ? Value() : context.input(3),
      isSimplified, context.getFloat("epsilon", kFusedEpsilon));
  // There is no mean where none is asked for.
  Value mean = rows.mean ? rows.mean : rows.inverseDeviation;
  return context.setResults({context.cast(rows.value, type), mean,
                             rows.inverseDeviation, context.cast(sum, type)});
}

static LogicalResult importSkipLayerNormalization(NodeContext &context) {
  return importSkip(context, /*isSimplified=*/false);
}

static LogicalResult
importSkipSimplifiedLayerNormalization(NodeContext &context) {
  return importSkip(context, /*isSimplified=*/true);
}

/// By the root mean square, along the dimensions from `axis` on. Outputs: the
/// result, the inverse of the root.
static LogicalResult importSimplifiedLayerNormalization(NodeContext &context) {
  Arithmetic math(context);
  if (failed(requireFloats(context, {0, 1})))
    return failure();
  Value x = context.input(0);
  int64_t rank = NodeContext::rank(x);
  auto axis = context.normalizeAxis(context.getInt("axis", -1), rank);
  if (!axis)
    return failure();
  // The result has the scale's type.
  Type type = NodeContext::elementType(context.input(1));
  Normalized rows =
      normalizeByRootMeanSquare(context, widen(context, x), range(*axis, rank),
                                context.getFloat("epsilon", 1e-5f));
  Value result = math.mul(rows.value, widen(context, context.input(1)));
  return context.setResults(
      {context.cast(result, type), rows.inverseDeviation});
}

/// As ONNX Runtime had it in ONNX's domain before ONNX did.
static LogicalResult importOldLayerNormalization(NodeContext &context) {
  if (failed(requireFloats(context, {0, 1})))
    return failure();
  return importLayerNormalization(context);
}

//===----------------------------------------------------------------------===//
// EmbedLayerNormalization
//===----------------------------------------------------------------------===//

/// Rows of a table [rows, features] by the node's input `ids`.
static Value lookUp(NodeContext &context, size_t table, size_t ids) {
  return widen(context,
               context.create<GatherOp>(context.input(table),
                                        context.input(ids), int64_t(0)));
}

/// The rows of positions, [B or 1, S, H] or [S, H]: those that are given, or
/// else 0, 1, ..
static Value lookUpPositions(NodeContext &context, size_t table, size_t ids,
                             AffineExpr length) {
  if (context.hasInput(ids))
    return lookUp(context, table, ids);
  Value rows = context.input(table);
  if (failed(context.requireLessEqual(
          length, NodeContext::dim(rows, 0),
          "there are fewer positions than a sequence has")))
    return Value();
  return widen(context,
               sliceAlong(context, rows, 0, context.constantExpr(0), length));
}

/// How many elements of each row of a mask are 1, i32; zeros without one.
static Value countMask(NodeContext &context, Value mask, AffineExpr batch) {
  Arithmetic math(context);
  Type i32 = context.builder.getI32Type();
  if (!mask)
    return context.broadcast(context.splat(0, i32), {batch});
  Value isTaken = math.compare(Predicate::Eq, mask, 1.0);
  return math.reduce(ReduceKind::Sum, context.cast(isTaken, i32), {1},
                     /*keepDims=*/false);
}

/// Inputs: word ids, segment ids, the tables of words, positions and segments,
/// scale, shift, mask, position ids. Outputs: the normalized sum of the rows,
/// how long each sequence is by the mask, and the sum.
static LogicalResult importEmbedLayerNormalization(NodeContext &context) {
  Arithmetic math(context);
  constexpr size_t kIds = 0, kSegmentIds = 1, kWords = 2, kPositions = 3,
                   kSegments = 4, kScale = 5, kShift = 6, kMask = 7,
                   kPositionIds = 8;
  if (failed(requireInputs(context, {kIds})) ||
      failed(requireFloats(context, {kWords, kPositions, kScale, kShift})) ||
      failed(requireRank(context, kIds, 2)) ||
      failed(requireRank(context, kWords, 2)) ||
      failed(requireRank(context, kPositions, 2)))
    return failure();
  Value mask = context.input(kMask);
  if (mask && failed(requireRank(context, kMask, 2)))
    return failure();
  if (context.hasInput(kSegmentIds) != context.hasInput(kSegments))
    return context.invalid("of segment ids and their table, one is missing");
  Exprs dims = NodeContext::dims(context.input(kIds));
  Value sum =
      math.add(lookUp(context, kWords, kIds),
               lookUpPositions(context, kPositions, kPositionIds, dims[1]));
  if (context.hasInput(kSegments))
    sum = math.add(sum, lookUp(context, kSegments, kSegmentIds));
  Normalized rows = normalizeRows(
      context, sum, context.input(kScale), context.input(kShift),
      /*isSimplified=*/false, context.getFloat("epsilon", kFusedEpsilon));
  Type type = NodeContext::elementType(context.input(kWords));
  return context.setResults({context.cast(rows.value, type),
                             countMask(context, mask, dims[0]),
                             context.cast(sum, type)});
}

void frontend::addContribNormalizationRules(RuleTable &table) {
  const std::pair<StringRef, ImportRule> rules[] = {
      {"EmbedLayerNormalization", importEmbedLayerNormalization},
      {"LayerNormalization", importOldLayerNormalization},
      {"SimplifiedLayerNormalization", importSimplifiedLayerNormalization},
      {"SkipLayerNormalization", importSkipLayerNormalization},
      {"SkipSimplifiedLayerNormalization",
       importSkipSimplifiedLayerNormalization},
  };
  for (auto [op, rule] : rules)
    table.add("com.microsoft", op, 1, rule);
}
