// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// ai.onnx.ml: linear models and support vector machines.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
#include "frontend/import/Scores.h"
#include "mlir/IR/Matchers.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

static SmallVector<double> getList(NodeContext &context, StringRef name) {
  auto floats = context.getFloats(name);
  return floats ? SmallVector<double>(floats->begin(), floats->end())
                : SmallVector<double>();
}

/// The input as rows [N, features] of f32; null where it has no such form,
/// which is reported.
static Value getRows(NodeContext &context) {
  Value x = context.input(0);
  if (NodeContext::rank(x) == 1)
    x = context.reshape(x, {context.constantExpr(1), NodeContext::dim(x, 0)});
  if (x && NodeContext::rank(x) != 2) {
    (void)context.invalid("its input has rank " + Twine(NodeContext::rank(x)) +
                          ", expected 1 or 2");
    return Value();
  }
  return x ? context.cast(x, context.builder.getF32Type()) : Value();
}

/// x * weights + bias, [N, targets]; `weights` is target by target.
static Value applyLinear(NodeContext &context, Value x,
                         ArrayRef<double> weights, ArrayRef<double> bias,
                         int64_t targets) {
  Arithmetic math(context);
  if (targets < 1 || weights.empty() || weights.size() % targets != 0) {
    (void)context.invalid("it has " + Twine(weights.size()) +
                          " coefficients for " + Twine(targets) + " targets");
    return Value();
  }
  int64_t features = weights.size() / targets;
  if (failed(context.requireEqual(NodeContext::dim(x, 1),
                                  context.constantExpr(features),
                                  "its rows have another number of features "
                                  "than its coefficients")))
    return Value();
  SmallVector<double> columns;
  for (int64_t f = 0; f < features; ++f)
    for (int64_t t = 0; t < targets; ++t)
      columns.push_back(weights[t * features + f]);
  Type f32 = context.builder.getF32Type();
  Value scores = context.create<MatmulOp>(
      x, math.constant(columns, {features, targets}, f32));
  return bias.empty()
             ? scores
             : math.add(scores,
                        math.constant(bias, {static_cast<int64_t>(bias.size())},
                                      f32));
}

static LogicalResult importLinearRegressor(NodeContext &context) {
  Value x = getRows(context);
  auto transform = getPostTransform(context);
  if (!x || !transform)
    return failure();
  int64_t targets = context.getInt("targets", 1);
  SmallVector<double> bias = getList(context, "intercepts");
  if (!bias.empty() && static_cast<int64_t>(bias.size()) != targets)
    return context.invalid("it has " + Twine(bias.size()) + " intercepts for " +
                           Twine(targets) + " targets");
  Value scores =
      applyLinear(context, x, getList(context, "coefficients"), bias, targets);
  return context.setResults(
      transformTargets(context, scores, *transform, targets));
}

static std::optional<SmallVector<int64_t>> getClassLabels(NodeContext &context,
                                                          StringRef name) {
  auto labels = context.getInts(name);
  if (labels && !labels->empty())
    return SmallVector<int64_t>(*labels);
  if (context.hasAttr("classlabels_strings"))
    (void)context.unsupported("labels that are strings are not supported");
  else
    (void)context.invalid("it has no class labels");
  return std::nullopt;
}

static LogicalResult importLinearClassifier(NodeContext &context) {
  Arithmetic math(context);
  Value x = getRows(context);
  auto transform = getPostTransform(context);
  if (!x || !transform)
    return failure();
  auto labels = getClassLabels(context, "classlabels_ints");
  if (!labels)
    return failure();
  SmallVector<double> bias = getList(context, "intercepts");
  SmallVector<double> weights = getList(context, "coefficients");
  int64_t targets = bias.size();
  if (targets == 0)
    return context.invalid("it has no intercepts");
  Value scores = applyLinear(context, x, weights, bias, targets);
  if (!scores)
    return failure();
  AffineExpr rows = NodeContext::dim(scores, 0);
  if (targets > 1) {
    if (static_cast<int64_t>(labels->size()) != targets)
      return context.invalid("it has " + Twine(labels->size()) +
                             " labels for " + Twine(targets) + " classes");
    Value winner = context.create<ArgReduceOp>(ReduceKind::Max, scores,
                                               int64_t(1), /*keepdims=*/false,
                                               /*select_last=*/false);
    return context.setResults({chooseLabels(context, winner, *labels),
                               transformScores(context, scores, *transform)});
  }
  // One score: the second of two classes where it is positive.
  Value number = context.cast(math.compare(Predicate::Gt, scores, 0.0),
                              context.builder.getI64Type());
  number = number ? context.reshape(number, {rows}) : Value();
  bool hasTwo = labels->size() == 2;
  SmallVector<int64_t> names{0, 1};
  if (hasTwo)
    names = *labels;
  Value label = number ? chooseLabels(context, number, names) : Value();
  if (*transform == PostTransform::Probit)
    return hasTwo ? context.unsupported("probit of one score of two classes")
                  : context.setResults(
                        {label, transformScores(context, scores, *transform)});
  if (!hasTwo)
    return context.setResults({label, scores});
  Value opposite, own = scores;
  if (*transform == PostTransform::Logistic) {
    opposite = computeLogistic(context, math.mul(scores, -1.0));
    own = computeLogistic(context, scores);
  } else {
    opposite = math.sub(1.0, scores);
  }
  return context.setResults(
      {label, context.create<ConcatOp>(SmallVector<Value>{opposite, own},
                                       int64_t(1))});
}

//===----------------------------------------------------------------------===//
// Support vector machines
//===----------------------------------------------------------------------===//

/// The kernel of each row with each support vector, [N, vectors].
static Value computeKernel(NodeContext &context, Value x,
                           ArrayRef<double> vectors, int64_t count) {
  Arithmetic math(context);
  Type f32 = context.builder.getF32Type();
  std::string kind = context.getString("kernel_type", "LINEAR");
  SmallVector<double> parameters = getList(context, "kernel_params");
  parameters.resize(3, 0.0);
  double gamma = parameters[0], offset = parameters[1], degree = parameters[2];
  if (kind == "RBF") {
    int64_t features = vectors.size() / count;
    if (failed(context.requireEqual(NodeContext::dim(x, 1),
                                    context.constantExpr(features),
                                    "its rows have another number of features "
                                    "than its vectors")))
      return Value();
    Value wide =
        context.reshape(x, {NodeContext::dim(x, 0), context.constantExpr(1),
                            context.constantExpr(features)});
    Value difference =
        math.sub(wide, math.constant(vectors, {count, features}, f32));
    Value distance = math.reduce(ReduceKind::Sum, math.square(difference), {2},
                                 /*keepDims=*/false);
    return math.exp(math.mul(distance, -gamma));
  }
  Value product = applyLinear(context, x, vectors, {}, count);
  if (kind == "LINEAR")
    return product;
  Value inner = math.add(math.mul(product, gamma), offset);
  if (kind == "SIGMOID")
    return math.tanh(inner);
  if (kind == "POLY") {
    // Whole degrees of negative numbers, too, without a logarithm.
    if (degree == static_cast<int64_t>(degree) && degree >= 1 && degree <= 8) {
      Value power = inner;
      for (int64_t i = 1; i < static_cast<int64_t>(degree); ++i)
        power = math.mul(power, inner);
      return power;
    }
    return math.pow(inner, degree);
  }
  (void)context.invalid("kernel_type is " + kind);
  return Value();
}

static LogicalResult importSvmRegressor(NodeContext &context) {
  Arithmetic math(context);
  Value x = getRows(context);
  auto transform = getPostTransform(context);
  if (!x || !transform)
    return failure();
  int64_t count = context.getInt("n_supports", 0);
  SmallVector<double> rho = getList(context, "rho"),
                      coefficients = getList(context, "coefficients"),
                      vectors = getList(context, "support_vectors");
  if (rho.empty())
    return context.invalid("it has no rho");
  Value scores;
  if (count > 0) {
    if (static_cast<int64_t>(coefficients.size()) != count || vectors.empty() ||
        vectors.size() % count != 0)
      return context.invalid("it has " + Twine(count) + " vectors, " +
                             Twine(coefficients.size()) + " coefficients and " +
                             Twine(vectors.size()) + " numbers");
    Value kernel = computeKernel(context, x, vectors, count);
    scores =
        kernel ? applyLinear(context, kernel, coefficients, {}, 1) : Value();
  } else {
    scores = applyLinear(context, x, coefficients, {}, 1);
  }
  scores = math.add(scores, rho.front());
  if (context.getInt("one_class", 0))
    scores =
        math.sub(math.mul(context.cast(math.compare(Predicate::Gt, scores, 0.0),
                                       context.builder.getF32Type()),
                          2.0),
                 1.0);
  return context.setResults(transformTargets(context, scores, *transform, 1));
}

void frontend::addLinearRules(RuleTable &table) {
  constexpr const char *kDomain = "ai.onnx.ml";
  table.add(kDomain, "LinearClassifier", 1, importLinearClassifier);
  table.add(kDomain, "LinearRegressor", 1, importLinearRegressor);
  table.add(kDomain, "SVMRegressor", 1, importSvmRegressor);
}
