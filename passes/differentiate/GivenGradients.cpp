// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Gradients that the program gives itself.

#include "ir/dialect/DerivativeOps.h"
#include "mlir/IR/IRMapping.h"
#include "passes/differentiate/Rules.h"

using namespace mlir;
using namespace mlir::dl;

namespace dl {

/// The body, with the gradients of the results as its arguments.
static LogicalResult differentiate(WithGradientOp op,
                                   const GradientContext &context) {
  Block &body = op.getBody().front();
  IRMapping mapping;
  for (auto [i, argument] : llvm::enumerate(body.getArguments())) {
    Value gradient = context.getGradient(i);
    mapping.map(argument,
                gradient ? gradient : context.zeros(Calculus::type(argument)));
  }
  for (Operation &inner : body.without_terminator())
    context.builder.clone(inner, mapping);
  for (auto [input, gradient] :
       llvm::zip(op.getInputs(), body.getTerminator()->getOperands()))
    context.addTo(input, mapping.lookupOrDefault(gradient));
  return success();
}

void addGivenGradients(GradientRules &rules) {
  rules.add<WithGradientOp>(differentiate);
}

} // namespace dl
