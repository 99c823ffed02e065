// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Operators of the domain com.microsoft that stand for several of ONNX's:
// activations with a bias, products and convolutions with what follows them.

#include "frontend/import/Activations.h"
#include "frontend/import/Arithmetic.h"
#include "frontend/import/Contrib.h"
#include "frontend/import/Families.h"
#include "frontend/import/Matmul.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

/// Input 0 plus input 1, if it is there.
static Value addBias(NodeContext &context) {
  Value x = context.input(0);
  return context.hasInput(1) ? Arithmetic(context).add(x, context.input(1)) : x;
}

static LogicalResult importGelu(NodeContext &context) {
  context.computeInSingle();
  if (failed(requireFloats(context, {0})))
    return failure();
  return context.setResults(buildGelu(context, addBias(context)));
}

static LogicalResult importFastGelu(NodeContext &context) {
  context.computeInSingle();
  if (failed(requireFloats(context, {0})))
    return failure();
  return context.setResults(buildGeluByTanh(context, addBias(context)));
}

static LogicalResult importQuickGelu(NodeContext &context) {
  context.computeInSingle();
  if (failed(requireFloats(context, {0})))
    return failure();
  return context.setResults(
      buildSwish(context, context.input(0), context.getFloat("alpha", 1.702f)));
}

/// Of x + bias, the first half of the last dimension times gelu of the second.
static LogicalResult importBiasSplitGelu(NodeContext &context) {
  context.computeInSingle();
  if (failed(requireFloats(context, {0, 1})))
    return failure();
  Value sum = addBias(context);
  if (!sum)
    return failure();
  int64_t last = NodeContext::rank(sum) - 1;
  auto width = last < 0
                   ? AffineConstantExpr()
                   : dyn_cast<AffineConstantExpr>(NodeContext::dim(sum, last));
  if (!width || width.getValue() % 2)
    return context.invalid("its last dimension is not known to be even");
  AffineExpr half = context.constantExpr(width.getValue() / 2);
  Value left = sliceAlong(context, sum, last, context.constantExpr(0), half),
        right = sliceAlong(context, sum, last, half, half);
  return context.setResults(
      Arithmetic(context).mul(left, buildGelu(context, right)));
}

static LogicalResult importBiasAdd(NodeContext &context) {
  context.computeInSingle();
  if (failed(requireFloats(context, {0, 1, 2})))
    return failure();
  return context.setResults(
      Arithmetic(context).add(addBias(context), context.input(2)));
}

//===----------------------------------------------------------------------===//
// Products and convolutions
//===----------------------------------------------------------------------===//

/// An operand with the matrices that `trans` and `transBatch` say: the first
/// dimension goes behind the others but the last, then the last two change
/// places. Of a vector, neither does anything.
static Value getFactor(NodeContext &context, size_t input, bool trans,
                       bool transBatch) {
  Value value = context.input(input);
  int64_t rank = NodeContext::rank(value);
  if (rank < 2)
    return value;
  SmallVector<int64_t> order = range(0, rank);
  if (transBatch)
    std::rotate(order.begin(), order.begin() + 1, order.end() - 1);
  if (trans)
    std::swap(order[rank - 1], order[rank - 2]);
  return context.transpose(value, order);
}

static LogicalResult importFusedMatMul(NodeContext &context) {
  if (failed(requireFloats(context, {0, 1})))
    return failure();
  auto isSet = [&](StringRef name) { return context.getInt(name, 0) != 0; };
  Value product = buildMatmul(
      context, getFactor(context, 0, isSet("transA"), isSet("transBatchA")),
      getFactor(context, 1, isSet("transB"), isSet("transBatchB")));
  float alpha = context.getFloat("alpha", 1);
  return context.setResults(
      alpha == 1 ? product : Arithmetic(context).mul(product, alpha));
}

static LogicalResult importFusedGemm(NodeContext &context) {
  if (failed(requireFloats(context, {0, 1})))
    return failure();
  SmallVector<float> parameters;
  for (StringRef name :
       {"activation_alpha", "activation_beta", "activation_gamma"})
    if (context.hasAttr(name))
      parameters.push_back(context.getFloat(name, 0));
  if (parameters.empty() && context.hasAttr("leaky_relu_alpha"))
    parameters.push_back(context.getFloat("leaky_relu_alpha", 0));
  return context.setResults(
      applyFusedActivation(context, buildGemm(context), parameters));
}

/// activation(X * W + B + Z)
static LogicalResult importFusedConv(NodeContext &context) {
  if (failed(requireFloats(context, {0, 1})))
    return failure();
  Value result = addChannelBias(
      context, buildConvolution(context, context.input(0), context.input(1)),
      context.input(2));
  if (Value added = context.input(3))
    result = Arithmetic(context).add(result, added);
  return context.setResults(applyFusedActivation(
      context, result,
      context.getFloats("activation_params").value_or(SmallVector<float>())));
}

void frontend::addContribFusedRules(RuleTable &table) {
  const std::pair<StringRef, ImportRule> rules[] = {
      {"BiasAdd", importBiasAdd},
      {"BiasGelu", importGelu},
      {"BiasSplitGelu", importBiasSplitGelu},
      {"FastGelu", importFastGelu},
      {"FusedConv", importFusedConv},
      {"FusedGemm", importFusedGemm},
      {"FusedMatMul", importFusedMatMul},
      {"Gelu", importGelu},
      {"QuickGelu", importQuickGelu},
      {"TransposeMatMul", importFusedMatMul},
  };
  for (auto [op, rule] : rules)
    table.add("com.microsoft", op, 1, rule);
  addContribAttentionRules(table);
  addContribExpertRules(table);
  addContribLayerRules(table);
  addContribWeightRules(table);
}
