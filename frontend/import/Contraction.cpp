// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Matrix products; convolutions and Einsum have files of their own.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
#include "frontend/import/Matmul.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

Value frontend::buildMatmul(NodeContext &context, Value a, Value b) {
  if (!a || !b)
    return Value();
  SmallVector<AffineExpr> left = NodeContext::dims(a),
                          right = NodeContext::dims(b);
  if (left.empty() || right.empty()) {
    (void)context.invalid("an operand is a scalar");
    return Value();
  }
  AffineExpr one = context.constantExpr(1);
  bool isRow = left.size() == 1, isColumn = right.size() == 1;
  if (isRow)
    left.insert(left.begin(), one);
  if (isColumn)
    right.push_back(one);
  if (failed(context.requireEqual(left.back(), right[right.size() - 2],
                                  "its matrices do not fit together")))
    return Value();
  // The leading dimensions are broadcast.
  for (size_t i = 3; i <= std::min(left.size(), right.size()); ++i) {
    AffineExpr l = left[left.size() - i], r = right[right.size() - i];
    if (l != 1 && r != 1 &&
        failed(context.requireEqual(l, r,
                                    "its leading dimensions do not broadcast")))
      return Value();
  }
  Value product = context.create<MatmulOp>(context.reshape(a, left),
                                           context.reshape(b, right));
  if (!product || (!isRow && !isColumn))
    return product;
  SmallVector<AffineExpr> dims = NodeContext::dims(product);
  if (isColumn)
    dims.pop_back();
  if (isRow)
    dims.erase(dims.end() - (isColumn ? 1 : 2));
  return context.reshape(product, dims);
}

static LogicalResult importMatMul(NodeContext &context) {
  return context.setResults(
      buildMatmul(context, context.input(0), context.input(1)));
}

Value frontend::buildGemm(NodeContext &context) {
  Arithmetic math(context);
  Value a = context.input(0), b = context.input(1), c = context.input(2);
  for (Value operand : {a, b})
    if (NodeContext::rank(operand) != 2) {
      (void)context.invalid("an operand has rank " +
                            Twine(NodeContext::rank(operand)) + ", expected 2");
      return Value();
    }
  if (context.getInt("transA", 0))
    a = context.transpose(a, {1, 0});
  if (context.getInt("transB", 0))
    b = context.transpose(b, {1, 0});
  float alpha = context.getFloat("alpha", 1),
        beta = context.getFloat("beta", 1);
  Value result = buildMatmul(context, a, b);
  if (alpha != 1)
    result = math.mul(result, alpha);
  if (c && beta != 0)
    result = math.add(result, beta == 1 ? c : math.mul(c, beta));
  return result;
}

static LogicalResult importGemm(NodeContext &context) {
  return context.setResults(buildGemm(context));
}

void frontend::addContractionRules(RuleTable &table) {
  table.add("Gemm", importGemm);
  table.add("MatMul", importMatMul);
  addConvolutionRules(table);
  addEinsumRules(table);
  addQuantizationRules(table);
  addDeterminantRules(table);
  addMelWeightRules(table);
  addWindowFunctionRules(table);
  addSignalRules(table);
  addContribFusedRules(table);
}
