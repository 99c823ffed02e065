// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Filters of a module that trains lie in memory as convolutions read them, and
// what an optimizer keeps for them as they do.

#include "ir/dialect/Dims.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "passes/Passes.h"
#include "passes/differentiate/States.h"

namespace dl {
#define GEN_PASS_DEF_PLACESTATES
#include "passes/Passes.h.inc"
} // namespace dl

using namespace ::dl;
using namespace mlir;
using namespace mlir::dl;

using Order = SmallVector<int64_t>;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

static RankedTensorType permute(RankedTensorType type,
                                ArrayRef<int64_t> order) {
  SmallVector<AffineExpr> dims = getDims(type);
  return getTensorType(applyPermutation(dims, order), type.getElementType());
}

/// The order in which a convolution reads a filter; empty where none does.
static Order findOrder(Value filter) {
  for (Operation *user : filter.getUsers()) {
    auto transpose = dyn_cast<TransposeOp>(user);
    if (!transpose)
      continue;
    for (Operation *reader : transpose.getResult().getUsers())
      if (auto conv = dyn_cast<ConvOp>(reader);
          conv && conv.getFilter() == transpose.getResult())
        return Order(transpose.getPermutation());
  }
  return {};
}

namespace {

/// Puts values into another order by moving permutations through elementwise
/// ops, to where they cancel.
class Permuter {
public:
  explicit Permuter(ArrayRef<int64_t> order) : order(order) {}

  Value permute(Value value) {
    if (typeOf(value).getRank() == 0)
      return value;
    Value &known = permuted[value];
    if (known)
      return known;
    Operation *op = value.getDefiningOp();
    if (auto transpose = dyn_cast_or_null<TransposeOp>(op);
        transpose && isIdentityPermutation(
                         applyPermutation(transpose.getPermutation(), order)))
      return known = transpose.getOperand();
    Value result = moveThrough(op, value);
    return permuted[value] = result;
  }

private:
  Value moveThrough(Operation *op, Value value) {
    bool isElementwise =
        op && op->hasTrait<OpTrait::FusionElementwise>() &&
        op->getNumResults() == 1 && op->getNumOperands() &&
        llvm::all_of(op->getOperands(), [&](Value operand) {
          return typeOf(operand).getRank() == 0 ||
                 getDims(typeOf(operand)) == getDims(typeOf(value));
        });
    OpBuilder builder(value.getContext());
    if (!isElementwise) {
      builder.setInsertionPointAfterValue(value);
      return TransposeOp::create(builder, value.getLoc(), value, order);
    }
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(permute(operand));
    builder.setInsertionPoint(op);
    Operation *moved = builder.clone(*op);
    moved->setOperands(operands);
    moved->getResult(0).setType(::permute(typeOf(value), order));
    return moved->getResult(0);
  }

  Order order;
  DenseMap<Value, Value> permuted;
};

class PlaceStates : public ::dl::impl::PlaceStatesBase<PlaceStates> {
  using PlaceStatesBase::PlaceStatesBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<State> states = readStates(module);
    if (states.empty())
      return;
    SmallVector<StateFunction> functions;
    for (auto function : module.getOps<func::FuncOp>())
      if (function->hasAttr(kStateArgumentsAttr))
        functions.emplace_back(function);
    for (auto [i, state] : llvm::enumerate(states))
      for (StateFunction &function : functions)
        if (Value argument = function.getArgument(i);
            argument && state.role == "parameter" && state.order.empty())
          state.order = findOrder(argument);
    for (State &state : states)
      if (state.parameter >= 0)
        state.order = states[state.parameter].order;
    for (StateFunction &function : functions)
      place(function, states);
    writeStates(module, states);
  }

  static void place(StateFunction &function, ArrayRef<State> states) {
    SmallVector<Value> results(function.end()->getOperands());
    size_t outputs = function.numOutputs();
    OpBuilder builder = OpBuilder::atBlockBegin(&function.body());
    for (int64_t number : function.arguments) {
      const State &state = states[number];
      if (state.order.empty())
        continue;
      Value argument = function.getArgument(number);
      RankedTensorType type = typeOf(argument);
      argument.setType(::permute(type, state.order));
      auto turned = TransposeOp::create(builder, argument.getLoc(), argument,
                                        invertPermutationVector(state.order));
      argument.replaceAllUsesExcept(turned.getResult(), turned);
    }
    results = SmallVector<Value>(function.end()->getOperands());
    // What one parameter's update shares is permuted once.
    std::map<Order, std::unique_ptr<Permuter>> permuters;
    for (auto [i, number] : llvm::enumerate(function.results)) {
      const Order &order = states[number].order;
      if (order.empty())
        continue;
      auto &permuter = permuters[order];
      if (!permuter)
        permuter = std::make_unique<Permuter>(order);
      results[outputs + i] = permuter->permute(results[outputs + i]);
    }
    function.setResults(results);
  }
};

} // namespace
