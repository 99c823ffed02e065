// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// ai.onnx.ml: linear models.

#include "frontend/import/Linear.h"
#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
#include "frontend/import/Scores.h"
#include "mlir/IR/Matchers.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

SmallVector<double> frontend::getFloatList(NodeContext &context,
                                           StringRef name) {
  auto floats = context.getFloats(name);
  return floats ? SmallVector<double>(floats->begin(), floats->end())
                : SmallVector<double>();
}

Value frontend::getFeatureRows(NodeContext &context) {
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

Value frontend::applyLinear(NodeContext &context, Value x,
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
  Value x = getFeatureRows(context);
  auto transform = getPostTransform(context);
  if (!x || !transform)
    return failure();
  int64_t targets = context.getInt("targets", 1);
  SmallVector<double> bias = getFloatList(context, "intercepts");
  if (!bias.empty() && static_cast<int64_t>(bias.size()) != targets)
    return context.invalid("it has " + Twine(bias.size()) + " intercepts for " +
                           Twine(targets) + " targets");
  Value scores = applyLinear(context, x, getFloatList(context, "coefficients"),
                             bias, targets);
  return context.setResults(
      transformTargets(context, scores, *transform, targets));
}

static LogicalResult importLinearClassifier(NodeContext &context) {
  Arithmetic math(context);
  Value x = getFeatureRows(context);
  auto transform = getPostTransform(context);
  if (!x || !transform)
    return failure();
  auto labels = getClassLabels(context, "classlabels_ints");
  if (!labels)
    return failure();
  SmallVector<double> bias = getFloatList(context, "intercepts");
  SmallVector<double> weights = getFloatList(context, "coefficients");
  int64_t targets = bias.size();
  if (targets == 0)
    return context.invalid("it has no intercepts");
  Value scores = applyLinear(context, x, weights, bias, targets);
  if (!scores)
    return failure();
  AffineExpr rows = NodeContext::dim(scores, 0);
  if (targets > 1) {
    if (labels->size() != targets)
      return context.invalid("it has " + Twine(labels->size()) +
                             " labels for " + Twine(targets) + " classes");
    Value winner = context.create<ArgReduceOp>(ReduceKind::Max, scores,
                                               int64_t(1), /*keepdims=*/false,
                                               /*select_last=*/false);
    return context.setResults(
        {chooseLabels(context, winner, labels->numbers, *labels),
         transformScores(context, scores, *transform)});
  }
  // One score: the second of two classes where it is positive.
  Value number = context.cast(math.compare(Predicate::Gt, scores, 0.0),
                              context.builder.getI64Type());
  number = number ? context.reshape(number, {rows}) : Value();
  bool hasTwo = labels->size() == 2;
  SmallVector<int64_t> names{0, 1};
  if (hasTwo)
    names = labels->numbers;
  Value label =
      number ? chooseLabels(context, number, names, *labels) : Value();
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

void frontend::addLinearRules(RuleTable &table) {
  constexpr const char *kDomain = "ai.onnx.ml";
  table.add(kDomain, "LinearClassifier", 1, importLinearClassifier);
  table.add(kDomain, "LinearRegressor", 1, importLinearRegressor);
}
