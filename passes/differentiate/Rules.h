// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The table of gradient rules, one for each differentiable op. A family of ops
// is a source file that adds its rules.

#ifndef DL_PASSES_DIFFERENTIATE_RULES_H
#define DL_PASSES_DIFFERENTIATE_RULES_H

#include "passes/differentiate/Calculus.h"
#include "llvm/ADT/StringMap.h"

namespace dl {

/// What a rule sees of an op: the gradients of its results, and where those of
/// its operands go.
class GradientContext : public Calculus {
public:
  using Receive = llvm::function_ref<void(mlir::Value, mlir::Value)>;

  GradientContext(mlir::OpBuilder &builder, mlir::Location loc,
                  llvm::ArrayRef<mlir::Value> gradients,
                  llvm::function_ref<bool(mlir::Value)> isActive,
                  Receive receive)
      : Calculus(builder, loc), gradients(gradients), isActive(isActive),
        receive(receive) {}

  /// The gradient of result i; null where nothing depends on it.
  mlir::Value getGradient(size_t i = 0) const { return gradients[i]; }

  /// Whether anybody asks for the gradient of an operand.
  bool wants(mlir::Value operand) const { return isActive(operand); }

  /// Adds to the gradient of an operand, summed over what was broadcast.
  void addTo(mlir::Value operand, mlir::Value gradient) const {
    if (gradient && wants(operand))
      receive(operand, reduceTo(gradient, type(operand)));
  }

  /// Likewise for a sequence, whose gradient is a sequence of those of its
  /// elements. Only one op may give it.
  void addToSequence(mlir::Value operand, mlir::Value gradient) const {
    if (wants(operand))
      receive(operand, gradient);
  }

  /// Another op has taken this one's place, which is left without uses.
  mutable bool isReplaced = false;
  /// A rule that fails has told why.
  mutable bool hasReported = false;

private:
  llvm::ArrayRef<mlir::Value> gradients;
  llvm::function_ref<bool(mlir::Value)> isActive;
  Receive receive;
};

/// Adds to the gradients of an op's operands what its results' say. Fails,
/// silently unless it sets `hasReported`, for a form of the op that has no
/// gradient here.
using GradientRule = std::function<mlir::LogicalResult(
    mlir::Operation *op, const GradientContext &context)>;

class GradientRules {
public:
  template <typename Op>
  void add(mlir::LogicalResult (*rule)(Op, const GradientContext &)) {
    rules[Op::getOperationName()] = [rule](mlir::Operation *op,
                                           const GradientContext &context) {
      return rule(mlir::cast<Op>(op), context);
    };
  }

  /// The rule of an op of one operand and one result, y = f(x): dy/dx.
  template <typename Op>
  void addUnary(mlir::Value (*derivative)(const Calculus &, mlir::Value x,
                                          mlir::Value y)) {
    rules[Op::getOperationName()] =
        [derivative](mlir::Operation *op, const GradientContext &context) {
          mlir::Value x = op->getOperand(0);
          context.addTo(x,
                        context.mul(context.getGradient(),
                                    derivative(context, x, op->getResult(0))));
          return mlir::success();
        };
  }

  /// An op whose results are constant where they have a derivative.
  template <typename... Ops> void addConstant() {
    ((rules[Ops::getOperationName()] =
          [](mlir::Operation *, const GradientContext &) {
            return mlir::success();
          }),
     ...);
  }

  /// Null where there is none.
  const GradientRule *lookup(mlir::Operation *op) const {
    auto it = rules.find(op->getName().getStringRef());
    return it == rules.end() ? nullptr : &it->second;
  }

  bool contains(llvm::StringRef op) const { return rules.contains(op); }

private:
  llvm::StringMap<GradientRule> rules;
};

void addContractionGradients(GradientRules &rules);
void addControlGradients(GradientRules &rules);
void addElementwiseGradients(GradientRules &rules);
void addGivenGradients(GradientRules &rules);
void addIndexingGradients(GradientRules &rules);
void addMovementGradients(GradientRules &rules);
void addReductionGradients(GradientRules &rules);
void addSignalGradients(GradientRules &rules);

} // namespace dl

#endif // DL_PASSES_DIFFERENTIATE_RULES_H
