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
        op &&
        (op->hasTrait<OpTrait::FusionElementwise>() || isa<AllReduceOp>(op)) &&
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

/// Sums over the parts of a batch, which a scan carries, lie in memory as what
/// is added to them does.
class ScanPlacer {
public:
  explicit ScanPlacer(ScanOp scan) : scan(scan) {}

  void run() {
    for (auto [i, state] : llvm::enumerate(scan.getStates()))
      if (Order order = findOrder(i); !order.empty())
        place(i, order);
  }

private:
  Value getArgument(size_t i) { return scan.getBody().getArgument(i); }
  Operation *getYield() { return scan.getBody().front().getTerminator(); }

  /// The order in which all but the state itself come to an elementwise op that
  /// gives the new state; empty where there is none.
  Order findOrder(size_t i) {
    Value next = getYield()->getOperand(i), state = getArgument(i);
    Operation *op = next.getDefiningOp();
    if (!op || !op->hasTrait<OpTrait::FusionElementwise>() ||
        !state.hasOneUse() || *state.getUsers().begin() != op)
      return {};
    for (Value operand : op->getOperands())
      if (auto transpose = operand.getDefiningOp<TransposeOp>())
        return invertPermutationVector(transpose.getPermutation());
    return {};
  }

  void place(size_t i, const Order &order) {
    Order back = invertPermutationVector(order);
    OpBuilder before(scan),
        inside = OpBuilder::atBlockBegin(&scan.getBody().front()),
        after(scan->getContext());
    after.setInsertionPointAfter(scan);
    Location loc = scan.getLoc();
    Value first = scan.getStates()[i], state = getArgument(i),
          last = scan.getResult(i);
    RankedTensorType type = ::permute(typeOf(state), order);
    scan->setOperand(i, TransposeOp::create(before, loc, first, order));
    auto turn = [&](OpBuilder &builder, Value value) {
      value.setType(type);
      auto turned = TransposeOp::create(builder, loc, value, back);
      value.replaceAllUsesExcept(turned.getResult(), turned);
    };
    turn(inside, state);
    turn(after, last);
    Operation *yield = getYield();
    yield->setOperand(i, Permuter(order).permute(yield->getOperand(i)));
  }

  ScanOp scan;
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
      function.function.walk([](ScanOp scan) { ScanPlacer(scan).run(); });
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
      // What a loop reads in the other order is made in it, for as long as it
      // is read.
      Order back = invertPermutationVector(state.order);
      SmallPtrSet<Operation *, 4> made;
      function.function.walk([&](ScanOp scan) {
        Block &body = scan.getBody().front();
        OpBuilder inside = OpBuilder::atBlockBegin(&body);
        auto turned =
            TransposeOp::create(inside, argument.getLoc(), argument, back);
        argument.replaceUsesWithIf(turned, [&](OpOperand &use) {
          return use.getOwner() != turned &&
                 body.findAncestorOpInBlock(*use.getOwner());
        });
        made.insert(turned);
      });
      auto turned =
          TransposeOp::create(builder, argument.getLoc(), argument, back);
      made.insert(turned);
      argument.replaceUsesWithIf(turned, [&](OpOperand &use) {
        return !made.contains(use.getOwner());
      });
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
