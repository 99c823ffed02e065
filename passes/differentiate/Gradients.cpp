// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/differentiate/Gradients.h"
#include "ir/dialect/DerivativeOps.h"
#include "ir/dialect/Locations.h"
#include "ir/dialect/TrainingLocations.h"
#include "passes/differentiate/Rules.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::dl;

namespace dl {

static const GradientRules &getRules() {
  static const GradientRules rules = [] {
    GradientRules table;
    addContractionGradients(table);
    addControlGradients(table);
    addElementwiseGradients(table);
    addGivenGradients(table);
    addIndexingGradients(table);
    addMovementGradients(table);
    addReductionGradients(table);
    addSignalGradients(table);
    return table;
  }();
  return rules;
}

/// Whether an op's results do not change with small changes of its operands.
static bool isConstantAlmostEverywhere(Operation *op) {
  return isa<CeilOp, FloorOp, RoundOp, SignOp>(op);
}

/// Whether a value holds what may have a derivative. Sequences do, so that what
/// passes through them is found to have none.
static bool mayVary(Value value) {
  return isa<SequenceType, OptionalType>(value.getType()) ||
         Calculus::isFloat(value);
}

SmallVector<Value> getDerivedFrom(Operation *op) {
  if (isConstantAlmostEverywhere(op))
    return {};
  if (auto given = dyn_cast<WithGradientOp>(op))
    return given.getInputs();
  SmallVector<Value> values(op->getOperands());
  if (op->getNumRegions())
    op->walk([&](Operation *inner) {
      if (inner != op)
        llvm::append_range(values, inner->getOperands());
    });
  return values;
}

bool hasGradientRule(StringRef op) { return getRules().contains(op); }

DenseSet<Value> findDependents(Operation *end, ValueRange variables) {
  DenseSet<Value> dependents(variables.begin(), variables.end());
  for (Operation &op : *end->getBlock()) {
    if (&op == end)
      break;
    if (llvm::none_of(getDerivedFrom(&op),
                      [&](Value v) { return dependents.contains(v); }))
      continue;
    for (Value result : op.getResults())
      if (mayVary(result))
        dependents.insert(result);
  }
  return dependents;
}

namespace {

class Expansion {
public:
  Expansion(Operation *end, ValueRange variables)
      : end(end), variables(variables), builder(end),
        dependents(findDependents(end, variables)) {}

  FailureOr<SmallVector<Value>> run(ArrayRef<Seed> seeds) {
    for (const Seed &seed : seeds) {
      if (!dependents.contains(seed.value))
        continue;
      Value &sum = gradients[seed.value];
      sum = sum ? Calculus(builder, end->getLoc()).add(sum, seed.gradient)
                : seed.gradient;
    }
    for (Operation *at = end->getPrevNode(); at; at = at->getPrevNode())
      if (failed(visit(at)))
        return failure();
    // Until here, gradients are looked up by what these ops have computed.
    for (Operation *op : replaced)
      op->erase();
    return llvm::map_to_vector(
        variables, [&](Value variable) { return gradients.lookup(variable); });
  }

private:
  /// Adds to the gradients of an op's operands, where its results have some.
  LogicalResult visit(Operation *at) {
    SmallVector<Value> given;
    for (Value result : at->getResults())
      given.push_back(gradients.lookup(result));
    if (llvm::none_of(given, [](Value v) { return bool(v); }) ||
        llvm::none_of(getDerivedFrom(at),
                      [&](Value v) { return dependents.contains(v); }))
      return success();
    // What it is the gradient of tells where its time goes.
    Location loc = markPass(at->getLoc(), TrainingPass::Backward);
    auto isActive = [&](Value operand) { return dependents.contains(operand); };
    bool isAmbiguous = false;
    auto receive = [&](Value operand, Value gradient) {
      Value &sum = gradients[operand];
      if (sum && isa<SequenceType>(operand.getType())) {
        isAmbiguous = true;
        return;
      }
      sum = sum ? Calculus(builder, loc).add(sum, gradient) : gradient;
      reachedBy.try_emplace(operand, at);
    };
    GradientContext context(builder, loc, given, isActive, receive);
    const GradientRule *rule = getRules().lookup(at);
    if (rule && succeeded((*rule)(at, context)) && !isAmbiguous) {
      if (context.isReplaced)
        replaced.push_back(at);
      return success();
    }
    return context.hasReported ? failure() : report(at);
  }

  /// Where an op stands in the model, in few words.
  static std::string describe(Operation *at) {
    if (auto name = at->getLoc()->findInstanceOf<NameLoc>())
      return "'" + name.getName().str() + "'";
    std::string where = describeLocation(at->getLoc());
    return where.empty() ? at->getName().getStringRef().str() : where;
  }

  /// Says that an op has no gradient, with the ops from the value down to a
  /// variable.
  LogicalResult report(Operation *at) {
    SmallVector<std::string> path;
    for (Operation *next = at; next;) {
      Operation *user = nullptr;
      for (Value result : next->getResults())
        if (Operation *by = reachedBy.lookup(result))
          user = by;
      if (user)
        path.insert(path.begin(), describe(user));
      next = user;
    }
    for (Operation *next = at; next;) {
      path.push_back(describe(next));
      Value from;
      for (Value value : getDerivedFrom(next))
        if (dependents.contains(value))
          from = value;
      next = from && !llvm::is_contained(variables, from) ? from.getDefiningOp()
                                                          : nullptr;
      if (from && !next)
        path.push_back(describeVariable(from));
    }
    // A node may have become several ops.
    path.erase(llvm::unique(path), path.end());
    InFlightDiagnostic diagnostic = emitError(at->getLoc());
    diagnostic << "'" << at->getName() << "' has no gradient; the way to it: ";
    llvm::interleave(
        path, [&](const std::string &step) { diagnostic << step; },
        [&] { diagnostic << " <- "; });
    return diagnostic;
  }

  static std::string describeVariable(Value variable) {
    if (auto name = variable.getLoc()->findInstanceOf<NameLoc>())
      return "'" + name.getName().str() + "'";
    return "the variable";
  }

  Operation *end;
  ValueRange variables;
  OpBuilder builder;
  DenseSet<Value> dependents;
  DenseMap<Value, Value> gradients;
  SmallVector<Operation *> replaced;      // by ops that also store something
  DenseMap<Value, Operation *> reachedBy; // the op that a gradient came from
};

} // namespace

FailureOr<SmallVector<Value>>
buildGradients(Operation *end, ArrayRef<Seed> seeds, ValueRange variables) {
  return Expansion(end, variables).run(seeds);
}

SmallVector<Value> getCaptured(Operation *op) {
  llvm::SetVector<Value> captured;
  op->walk([&](Operation *inner) {
    for (Value value : inner->getOperands())
      if (inner != op && !llvm::any_of(op->getRegions(), [&](Region &region) {
            return region.isAncestor(value.getParentRegion());
          }))
        captured.insert(value);
  });
  return captured.takeVector();
}

LogicalResult expandGradient(GradientOp op) {
  OpBuilder builder(op);
  Calculus math(builder, markPass(op.getLoc(), TrainingPass::Backward));
  Value value = op.getValue();
  SmallVector<Value> variables(op.getVariables());
  auto found = buildGradients(
      op, {{value, math.splat(1, Calculus::type(value))}}, variables);
  if (failed(found))
    return failure();
  for (auto [gradient, result] : llvm::zip(*found, op.getResults()))
    if (!gradient)
      gradient = math.zeros(Calculus::type(result));
  op->replaceAllUsesWith(*found);
  op->erase();
  return success();
}

} // namespace dl
