// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/Activations.h"
#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
#include <cmath>

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using mlir::dl::Predicate;

//===----------------------------------------------------------------------===//
// Formulas
//===----------------------------------------------------------------------===//

static Value relu(Arithmetic &math, Value x) { return math.max(x, 0.0); }

static Value leakyRelu(Arithmetic &math, Value x, Operand slope) {
  Value below = math.mul(x, slope);
  return math.select(math.compare(Predicate::Lt, x, 0.0), below, x);
}

/// alpha * (exp(x) - 1) below zero, x above.
static Value elu(Arithmetic &math, Value x, double alpha) {
  Value below = math.sub(math.exp(x), 1.0);
  return math.select(math.compare(Predicate::Lt, x, 0.0),
                     alpha == 1 ? below : math.mul(below, alpha), x);
}

/// max(x, 0) + log(1 + exp(-|x|)), which cannot overflow.
static Value softplus(NodeContext &context, Arithmetic &math, Value x) {
  Value small = math.exp(context.create<mlir::dl::NegOp>(math.abs(x)));
  return math.add(math.max(x, 0.0), math.log(math.add(small, 1.0)));
}

static Value softsign(Arithmetic &math, Value x) {
  return math.div(x, math.add(math.abs(x), 1.0));
}

static Value hardSigmoid(Arithmetic &math, Value x, double alpha, double beta) {
  return math.clip(math.add(math.mul(x, alpha), beta), 0.0, 1.0);
}

Value frontend::buildSwish(NodeContext &context, Value x, double alpha) {
  Arithmetic math(context);
  return math.mul(x, math.sigmoid(alpha == 1 ? x : math.mul(x, alpha)));
}

Value frontend::buildGelu(NodeContext &context, Value x) {
  Arithmetic math(context);
  Value inner = context.create<mlir::dl::ErfOp>(math.mul(x, M_SQRT1_2));
  return math.mul(math.mul(x, 0.5), math.add(inner, 1.0));
}

Value frontend::buildGeluByTanh(NodeContext &context, Value x) {
  Arithmetic math(context);
  Value cube = math.mul(math.square(x), x);
  Value inner =
      math.mul(math.add(x, math.mul(cube, 0.044715)), std::sqrt(2 * M_1_PI));
  return math.mul(math.mul(x, 0.5), math.add(math.tanh(inner), 1.0));
}

//===----------------------------------------------------------------------===//
// Within recurrent operators
//===----------------------------------------------------------------------===//

Value frontend::applyActivation(NodeContext &context,
                                const Activation &activation, Value value) {
  Arithmetic math(context);
  if (!value)
    return value;
  double alpha = activation.alpha.value_or(0),
         beta = activation.beta.value_or(0);
  StringRef name = activation.name;
  if (name == "sigmoid")
    return math.sigmoid(value);
  if (name == "tanh")
    return math.tanh(value);
  if (name == "relu")
    return relu(math, value);
  if (name == "affine")
    return math.add(math.mul(value, activation.alpha.value_or(1)), beta);
  if (name == "leakyrelu")
    return leakyRelu(math, value, activation.alpha.value_or(0.01f));
  if (name == "thresholdedrelu")
    return math.select(
        math.compare(Predicate::Ge, value, activation.alpha.value_or(1)), value,
        0.0);
  if (name == "scaledtanh")
    return math.mul(math.tanh(math.mul(value, activation.beta.value_or(1))),
                    activation.alpha.value_or(1));
  if (name == "hardsigmoid")
    return hardSigmoid(math, value, activation.alpha.value_or(0.2f),
                       activation.beta.value_or(0.5f));
  if (name == "elu")
    return elu(math, value, activation.alpha ? alpha : 1);
  if (name == "softsign")
    return softsign(math, value);
  if (name == "softplus")
    return softplus(context, math, value);
  (void)context.unsupported("the activation '" + name + "' is not known");
  return Value();
}

//===----------------------------------------------------------------------===//
// Operators
//===----------------------------------------------------------------------===//

static LogicalResult importRelu(NodeContext &context) {
  Arithmetic math(context);
  return context.setResults(relu(math, context.input(0)));
}

static LogicalResult importLeakyRelu(NodeContext &context) {
  Arithmetic math(context);
  return context.setResults(
      leakyRelu(math, context.input(0), context.getFloat("alpha", 0.01f)));
}

/// A slope of one number for each channel may stand without the dimensions
/// after it, as the operator's first version had it.
static LogicalResult importPRelu(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0), slope = context.input(1);
  int64_t rank = NodeContext::rank(x);
  if (NodeContext::rank(slope) == 1 && rank > 2) {
    AffineExpr size = NodeContext::dim(slope, 0);
    if (size != 1 && size != NodeContext::dim(x, rank - 1) &&
        size == NodeContext::dim(x, 1)) {
      SmallVector<AffineExpr> dims(rank - 1, context.constantExpr(1));
      dims.front() = size;
      slope = context.reshape(slope, dims);
    }
  }
  return context.setResults(leakyRelu(math, x, slope));
}

static LogicalResult importElu(NodeContext &context) {
  Arithmetic math(context);
  return context.setResults(
      elu(math, context.input(0), context.getFloat("alpha", 1)));
}

static LogicalResult importSelu(NodeContext &context) {
  Arithmetic math(context);
  double alpha = context.getFloat("alpha", 1.67326319217681884765625f);
  double gamma = context.getFloat("gamma", 1.05070102214813232421875f);
  return context.setResults(
      math.mul(elu(math, context.input(0), alpha), gamma));
}

/// max(0, x) + min(0, alpha * (exp(x / alpha) - 1))
static LogicalResult importCelu(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0);
  double alpha = context.getFloat("alpha", 1);
  Value below = math.mul(math.sub(math.exp(math.div(x, alpha)), 1.0), alpha);
  return context.setResults(math.add(math.max(x, 0.0), math.min(below, 0.0)));
}

static LogicalResult importThresholdedRelu(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0);
  return context.setResults(math.select(
      math.compare(Predicate::Gt, x, context.getFloat("alpha", 1)), x, 0.0));
}

static LogicalResult importHardSigmoid(NodeContext &context) {
  Arithmetic math(context);
  return context.setResults(hardSigmoid(math, context.input(0),
                                        context.getFloat("alpha", 0.2f),
                                        context.getFloat("beta", 0.5f)));
}

static LogicalResult importHardSwish(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0);
  return context.setResults(math.mul(x, hardSigmoid(math, x, 1.0 / 6, 0.5)));
}

static LogicalResult importSoftplus(NodeContext &context) {
  Arithmetic math(context);
  return context.setResults(softplus(context, math, context.input(0)));
}

static LogicalResult importSoftsign(NodeContext &context) {
  Arithmetic math(context);
  return context.setResults(softsign(math, context.input(0)));
}

static LogicalResult importGelu(NodeContext &context) {
  std::string approximation = context.getString("approximate", "none");
  if (approximation != "none" && approximation != "tanh")
    return context.invalid("approximate is '" + Twine(approximation) +
                           "', expected none or tanh");
  Value x = context.input(0);
  return context.setResults(approximation == "none"
                                ? buildGelu(context, x)
                                : buildGeluByTanh(context, x));
}

static LogicalResult importMish(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0);
  return context.setResults(math.mul(x, math.tanh(softplus(context, math, x))));
}

static LogicalResult importSwish(NodeContext &context) {
  return context.setResults(
      buildSwish(context, context.input(0), context.getFloat("alpha", 1)));
}

static LogicalResult importClip(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0);
  if (Value low = context.input(1))
    x = math.max(x, low);
  if (Value high = context.input(2))
    x = math.min(x, high);
  return context.setResults(x);
}

/// x + bias below -lambd, x - bias above lambd, zero between.
static LogicalResult importShrink(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0);
  Type type = NodeContext::elementType(x);
  if (!isa<FloatType>(type))
    x = context.cast(x, context.builder.getF32Type());
  double bias = context.getFloat("bias", 0);
  double lambda = context.getFloat("lambd", 0.5);
  Value inner = math.select(math.compare(Predicate::Gt, x, lambda),
                            math.sub(x, bias), 0.0);
  Value result = math.select(math.compare(Predicate::Lt, x, -lambda),
                             math.add(x, bias), inner);
  return context.setResults(context.cast(result, type));
}

void frontend::addActivationRules(RuleTable &table) {
  const std::pair<StringRef, ImportRule> rules[] = {
      {"Celu", importCelu},
      {"Clip", importClip},
      {"Elu", importElu},
      {"Gelu", importGelu},
      {"HardSigmoid", importHardSigmoid},
      {"HardSwish", importHardSwish},
      {"LeakyRelu", importLeakyRelu},
      {"Mish", importMish},
      {"PRelu", importPRelu},
      {"Relu", importRelu},
      {"Selu", importSelu},
      {"Shrink", importShrink},
      {"Softplus", importSoftplus},
      {"Softsign", importSoftsign},
      {"Swish", importSwish},
      {"ThresholdedRelu", importThresholdedRelu},
  };
  for (auto [op, rule] : rules)
    table.add(op, rule);
}
