// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/Normalization.h"
#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
#include "frontend/import/Sizes.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

using Exprs = SmallVector<AffineExpr>;

/// A vector [C] as [C, 1, 1, ..], to stand beside [N, C, spatial..].
static Value asChannels(NodeContext &context, Value vector, int64_t rank) {
  if (!vector)
    return vector;
  if (NodeContext::rank(vector) != 1) {
    (void)context.invalid("a parameter has rank " +
                          Twine(NodeContext::rank(vector)) + ", expected 1");
    return Value();
  }
  Exprs dims(std::max<int64_t>(rank - 1, 1), context.constantExpr(1));
  dims.front() = NodeContext::dim(vector, 0);
  return context.reshape(vector, dims);
}

Type frontend::getStatisticsType(NodeContext &context, Type type) {
  return type.getIntOrFloatBitWidth() < 32 ? context.builder.getF32Type()
                                           : type;
}

Normalized frontend::normalize(NodeContext &context, Value x,
                               ArrayRef<int64_t> axes, double epsilon) {
  Arithmetic math(context);
  Value mean = math.mean(x, axes, /*keepDims=*/true);
  Value centered = math.sub(x, mean);
  Value variance = math.mean(math.square(centered), axes, /*keepDims=*/true);
  Value inverse = math.rsqrt(math.add(variance, epsilon));
  return {math.mul(centered, inverse), mean, inverse};
}

Normalized frontend::normalizeByRootMeanSquare(NodeContext &context, Value x,
                                               ArrayRef<int64_t> axes,
                                               double epsilon) {
  Arithmetic math(context);
  Value meanSquare = math.mean(math.square(x), axes, /*keepDims=*/true);
  Value inverse = math.rsqrt(math.add(meanSquare, epsilon));
  return {math.mul(x, inverse), Value(), inverse};
}

//===----------------------------------------------------------------------===//
// BatchNormalization
//===----------------------------------------------------------------------===//

/// The widest of the types of `values`, and at least f32.
static Type getWidestStatisticsType(NodeContext &context, ValueRange values) {
  Type widest = context.builder.getF32Type();
  for (Value value : values) {
    Type type = NodeContext::elementType(value);
    if (type.getIntOrFloatBitWidth() > widest.getIntOrFloatBitWidth())
      widest = type;
  }
  return widest;
}

namespace {
/// What a batch gives: the normalized one, and the running statistics.
struct TrainingBatchNorm {
  Value result, mean, variance;
};
} // namespace

/// The statistics of a batch, and the running ones that follow from them. All
/// operands have one type.
static TrainingBatchNorm buildTrainingBatchNorm(NodeContext &context, Value x,
                                                Value scale, Value bias,
                                                Value mean, Value variance) {
  Arithmetic math(context);
  int64_t rank = NodeContext::rank(x);
  double epsilon = context.getFloat("epsilon", 1e-5f);
  double momentum = context.getFloat("momentum", 0.9f);
  SmallVector<int64_t> axes = range(0, rank);
  axes.erase(axes.begin() + 1);
  Value batchMean = math.mean(x, axes, /*keepDims=*/false);
  Value centered = math.sub(x, asChannels(context, batchMean, rank));
  Value batchVariance =
      math.mean(math.square(centered), axes, /*keepDims=*/false);
  Value factor = math.mul(scale, math.rsqrt(math.add(batchVariance, epsilon)));
  Value result = math.add(math.mul(centered, asChannels(context, factor, rank)),
                          asChannels(context, bias, rank));
  auto update = [&](Value running, Value batch) {
    return math.add(math.mul(running, momentum), math.mul(batch, 1 - momentum));
  };
  return {result, update(mean, batchMean), update(variance, batchVariance)};
}

/// x * s + t with s = scale / sqrt(variance + epsilon), t = bias - mean * s.
static LogicalResult importBatchNormalization(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0);
  Type type = NodeContext::elementType(x);
  int64_t rank = NodeContext::rank(x);
  if (rank < 1)
    return context.invalid("its input has rank 0, expected 1 or more");
  Exprs dims = NodeContext::dims(x);
  // A vector is a batch of one channel.
  if (rank == 1)
    x = context.reshape(x, {dims[0], context.constantExpr(1)}), rank = 2;
  SmallVector<Value> parameters;
  for (size_t i = 1; i < 5; ++i)
    parameters.push_back(context.input(i));
  auto [scale, bias, mean, variance] =
      std::tie(parameters[0], parameters[1], parameters[2], parameters[3]);
  bool training = context.getInt("training_mode", 0) && !context.isEvaluation();
  Value runningMean = mean, runningVariance = variance;
  Type running = NodeContext::elementType(mean);
  Type statistics =
      training
          ? getWidestStatisticsType(context, {x, scale, bias, mean, variance})
          : getStatisticsType(context, running);
  for (Value &parameter : parameters) {
    if (NodeContext::rank(parameter) == 1 &&
        failed(context.requireEqual(NodeContext::dim(parameter, 0),
                                    NodeContext::dim(x, 1),
                                    "a parameter has not one element for each "
                                    "channel")))
      return failure();
    parameter = context.cast(parameter, statistics);
  }
  if (training) {
    TrainingBatchNorm batch = buildTrainingBatchNorm(
        context, context.cast(x, statistics), scale, bias, mean, variance);
    Value result = context.reshape(context.cast(batch.result, type), dims);
    Value newMean = context.cast(batch.mean, running),
          newVariance = context.cast(batch.variance, running);
    context.setStatistic(runningMean, newMean);
    context.setStatistic(runningVariance, newVariance);
    return context.setResults({result, newMean, newVariance});
  }
  Value inverse =
      math.rsqrt(math.add(variance, context.getFloat("epsilon", 1e-5f)));
  Value factor = math.mul(scale, inverse);
  Value shift = math.sub(bias, math.mul(mean, factor));
  Value result = math.add(
      math.mul(context.cast(x, statistics), asChannels(context, factor, rank)),
      asChannels(context, shift, rank));
  context.setStatistic(runningMean, Value());
  context.setStatistic(runningVariance, Value());
  result = context.reshape(context.cast(result, type), dims);
  // With outputs for the running statistics, they stay as they are.
  if (context.hasOutput(1))
    return context.setResults({result, runningMean, runningVariance});
  return context.setResults(result);
}

//===----------------------------------------------------------------------===//
// Normalization by statistics of the data
//===----------------------------------------------------------------------===//

LogicalResult frontend::importLayerNormalization(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0), scale = context.input(1), bias = context.input(2);
  Type type = NodeContext::elementType(x);
  int64_t rank = NodeContext::rank(x);
  auto axis = context.normalizeAxis(context.getInt("axis", -1), rank);
  if (!axis)
    return failure();
  Type statistics =
      context.getInt("stash_type", 1) ? getStatisticsType(context, type) : type;
  Normalized normalized =
      normalize(context, context.cast(x, statistics), range(*axis, rank),
                context.getFloat("epsilon", 1e-5f));
  Value result = math.mul(context.cast(normalized.value, type), scale);
  if (bias)
    result = math.add(result, bias);
  // They have the type that stash_type names, whatever they come from.
  Type stash = statistics;
  if (!stash.isBF16())
    stash = context.builder.getF32Type();
  return context.setResults({result, context.cast(normalized.mean, stash),
                             context.cast(normalized.inverseDeviation, stash)});
}

static LogicalResult importRMSNormalization(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0), scale = context.input(1);
  Type type = NodeContext::elementType(x);
  int64_t rank = NodeContext::rank(x);
  auto axis = context.normalizeAxis(context.getInt("axis", -1), rank);
  if (!axis)
    return failure();
  Value wide = context.cast(x, getStatisticsType(context, type));
  Value result =
      context.cast(normalizeByRootMeanSquare(context, wide, range(*axis, rank),
                                             context.getFloat("epsilon", 1e-5f))
                       .value,
                   type);
  if (NodeContext::elementType(scale) != type)
    scale = context.cast(scale, type);
  return context.setResults(math.mul(result, scale));
}

static LogicalResult importInstanceNormalization(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0);
  Type type = NodeContext::elementType(x);
  int64_t rank = NodeContext::rank(x);
  if (rank < 3)
    return context.invalid("its input has rank " + Twine(rank) +
                           ", expected 3 or more");
  Value value =
      normalize(context, context.cast(x, getStatisticsType(context, type)),
                range(2, rank), context.getFloat("epsilon", 1e-5f))
          .value;
  value = math.mul(context.cast(value, type),
                   asChannels(context, context.input(1), rank));
  return context.setResults(
      math.add(value, asChannels(context, context.input(2), rank)));
}

/// (x - mean) / (deviation + 1e-9) along `axes`.
static LogicalResult importMeanVarianceNormalization(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0);
  SmallVector<int64_t> axes;
  for (int64_t given :
       context.getInts("axes").value_or(SmallVector<int64_t>{0, 2, 3})) {
    auto axis = context.normalizeAxis(given, NodeContext::rank(x));
    if (!axis)
      return failure();
    axes.push_back(*axis);
  }
  Value centered = math.sub(x, math.mean(x, axes, /*keepDims=*/true));
  Value deviation =
      math.sqrt(math.mean(math.square(centered), axes, /*keepDims=*/true));
  return context.setResults(math.div(centered, math.add(deviation, 1e-9)));
}

Value frontend::normalizeGroups(NodeContext &context, Value x, int64_t groups,
                                double epsilon) {
  if (!x)
    return x;
  Exprs dims = NodeContext::dims(x);
  int64_t rank = dims.size();
  auto channels =
      rank < 2 ? AffineConstantExpr() : dyn_cast<AffineConstantExpr>(dims[1]);
  if (!channels || groups < 1 || channels.getValue() % groups) {
    (void)context.invalid("its channels cannot be divided into " +
                          Twine(groups) + " groups");
    return Value();
  }
  Exprs grouped = {dims[0], context.constantExpr(groups),
                   context.constantExpr(channels.getValue() / groups)};
  grouped.append(dims.begin() + 2, dims.end());
  Value value = context.reshape(x, grouped);
  return normalize(context, value, range(2, rank + 1), epsilon).value;
}

/// Over groups of channels; scale and bias are per channel, before version 21
/// per group.
static LogicalResult importGroupNormalization(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0), scale = context.input(1), bias = context.input(2);
  Type type = NodeContext::elementType(x);
  Exprs dims = NodeContext::dims(x);
  int64_t rank = dims.size();
  Value value = context.cast(
      normalizeGroups(
          context, context.cast(x, getStatisticsType(context, type)),
          context.getInt("num_groups", 0), context.getFloat("epsilon", 1e-5f)),
      type);
  bool perGroup = context.opset < 21;
  int64_t parameterRank = perGroup ? rank + 1 : rank;
  if (!perGroup)
    value = context.reshape(value, dims);
  value = math.add(math.mul(value, asChannels(context, scale, parameterRank)),
                   asChannels(context, bias, parameterRank));
  return context.setResults(context.reshape(value, dims));
}

/// x / norm along an axis; zero where the norm is zero.
static LogicalResult importLpNormalization(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0);
  auto axis =
      context.normalizeAxis(context.getInt("axis", -1), NodeContext::rank(x));
  int64_t p = context.getInt("p", 2);
  if (!axis)
    return failure();
  if (p != 1 && p != 2)
    return context.invalid("p is " + Twine(p) + ", expected 1 or 2");
  Value norm =
      math.reduce(ReduceKind::Sum, p == 1 ? math.abs(x) : math.square(x), *axis,
                  /*keepDims=*/true);
  if (p == 2)
    norm = math.sqrt(norm);
  return context.setResults(math.select(math.compare(Predicate::Eq, norm, 0.0),
                                        0.0, math.div(x, norm)));
}

/// Of one sum: sizes beyond are mistakes.
static constexpr int64_t kMaxChannels = int64_t(1) << 20;

/// x / (bias + alpha / size * s)^beta, s the sum of the squares of `size`
/// channels around each.
static LogicalResult importLRN(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0);
  int64_t rank = NodeContext::rank(x), size = context.getInt("size", 0);
  if (rank < 2 || size < 1 || size > kMaxChannels)
    return context.invalid("its size is " + Twine(size) +
                           " and its input has rank " + Twine(rank));
  int64_t before = (size - 1) / 2;
  Exprs low(rank, context.constantExpr(0)), dims = NodeContext::dims(x);
  low[1] = context.constantExpr(before);
  dims[1] = simplify(dims[1] + (size - 1));
  Type type = NodeContext::elementType(x);
  Value squares = math.square(x);
  if (size > 1)
    squares =
        context.create<PadOp>(getTensorType(dims, type), PadMode::Constant,
                              squares, context.splat(0, type),
                              getSymbolMap(low, context.builder.getContext()));
  SmallVector<int64_t> window(rank - 1, 1), ones(rank - 1, 1);
  window.front() = size;
  Value sums = context.create<WindowReduceOp>(ReduceKind::Sum, squares, window,
                                              ones, ones);
  double alpha = context.getFloat("alpha", 1e-4f);
  Value base = math.add(math.mul(sums, alpha / static_cast<double>(size)),
                        context.getFloat("bias", 1));
  return context.setResults(
      math.div(x, math.pow(base, context.getFloat("beta", 0.75f))));
}

void frontend::addNormalizationRules(RuleTable &table) {
  const std::pair<StringRef, ImportRule> rules[] = {
      {"BatchNormalization", importBatchNormalization},
      {"GroupNormalization", importGroupNormalization},
      {"InstanceNormalization", importInstanceNormalization},
      {"LRN", importLRN},
      {"LayerNormalization", importLayerNormalization},
      {"LpNormalization", importLpNormalization},
      {"MeanVarianceNormalization", importMeanVarianceNormalization},
      {"RMSNormalization", importRMSNormalization},
  };
  for (auto [op, rule] : rules)
    table.add(op, rule);
  addContribNormalizationRules(table);
}
