// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Gradients of control flow: the regions run again, with what follows from them
// backwards. Of a scan, the states before each iteration and the results of
// products are stored, all else is computed again.

#include "ir/dialect/Dims.h"
#include "mlir/IR/IRMapping.h"
#include "passes/differentiate/Gradients.h"
#include "passes/differentiate/Rules.h"
#include "passes/differentiate/ScanSums.h"

using namespace mlir;
using namespace mlir::dl;

namespace dl {

/// The values from around an op's regions whose gradients somebody asks for.
static SmallVector<Value> getWanted(Operation *op,
                                    const GradientContext &context) {
  SmallVector<Value> wanted;
  for (Value value : getCaptured(op))
    if (context.wants(value))
      wanted.push_back(value);
  return wanted;
}

/// Copies the ops of a block, but for the last.
static void copyOps(Block &from, IRMapping &mapping, OpBuilder &builder) {
  for (Operation &op : from.without_terminator())
    builder.clone(op, mapping);
}

//===----------------------------------------------------------------------===//
// Scan
//===----------------------------------------------------------------------===//

namespace {

class ScanGradient {
public:
  ScanGradient(ScanOp scan, const GradientContext &context)
      : scan(scan), context(context), loc(scan.getLoc()),
        numStates(scan.getStates().size()), captured(getWanted(scan, context)) {
  }

  LogicalResult run() {
    findProducts();
    storeStates();
    return build();
  }

private:
  /// Products are slow to compute again. Where a sum takes one alone, as with
  /// a bias, the sum is stored, whose gradient needs nothing else.
  void findProducts() {
    for (Operation &op : scan.getBody().front()) {
      if (!op.hasTrait<OpTrait::FusionContraction>())
        continue;
      Value value = op.getResult(0);
      while (value.hasOneUse())
        if (auto sum = dyn_cast<AddOp>(*value.getUsers().begin());
            sum && sum.getType() == value.getType())
          value = sum;
        else
          break;
      products.push_back(value);
    }
  }

  AffineExpr getCount() {
    return getDim(Calculus::type(scan.getInputs().front()), 0);
  }
  bool isFloatState(size_t i) { return Calculus::isFloat(scan.getStates()[i]); }
  RankedTensorType getStacked(Type type) {
    auto tensor = cast<RankedTensorType>(type);
    SmallVector<AffineExpr> dims = getDims(tensor);
    dims.insert(dims.begin(), getCount());
    return getTensorType(dims, tensor.getElementType());
  }

  /// Another scan takes this one's place, which also stacks the states that its
  /// iterations begin with, and results of products.
  void storeStates() {
    OpBuilder builder(scan);
    SmallVector<Type> types(scan->getResultTypes());
    for (Value state : scan.getStates())
      types.push_back(getStacked(state.getType()));
    for (Value product : products)
      types.push_back(getStacked(product.getType()));
    auto wider = ScanOp::create(builder, loc, types, scan.getStates(),
                                scan.getInputs(), scan.getReverse());
    IRMapping mapping;
    scan.getBody().cloneInto(&wider.getBody(), mapping);
    if (wider.getBody().getBlocks().size() > 1)
      wider.getBody().front().erase();
    Block &body = wider.getBody().front();
    Operation *end = body.getTerminator();
    end->insertOperands(end->getNumOperands(),
                        body.getArguments().take_front(numStates));
    for (Value product : products)
      end->insertOperands(end->getNumOperands(), mapping.lookup(product));
    size_t count = scan->getNumResults();
    scan->replaceAllUsesWith(wider.getResults().take_front(count));
    stored = llvm::to_vector_of<Value>(wider.getResults().drop_front(count));
  }

  /// The scan over the iterations from the last to the first. It carries the
  /// gradients of states and sums of those of captured values.
  LogicalResult build() {
    OpBuilder &builder = context.builder;
    SmallVector<Value> states, slices(ArrayRef(stored).take_front(numStates));
    for (size_t i = 0; i < numStates; ++i) {
      if (!isFloatState(i))
        continue;
      Value gradient = context.getGradient(i);
      floats.push_back(i);
      states.push_back(
          gradient ? gradient
                   : context.zeros(Calculus::type(scan.getStates()[i])));
    }
    for (Value value : captured)
      states.push_back(context.zeros(Calculus::type(value)));
    llvm::append_range(slices, scan.getInputs());
    for (size_t i = numStates; i < scan->getNumResults(); ++i)
      if (Value gradient = context.getGradient(i)) {
        stacked.push_back(i);
        slices.push_back(gradient);
      }
    llvm::append_range(slices, ArrayRef(stored).drop_front(numStates));
    SmallVector<Type> types(ValueRange(states).getTypes());
    for (auto [i, input] : llvm::enumerate(scan.getInputs()))
      if (context.wants(input)) {
        wanted.push_back(i);
        types.push_back(input.getType());
      }
    auto backward =
        ScanOp::create(builder, loc, types, states, slices, !scan.getReverse());
    if (failed(fill(backward, states, slices)))
      return failure();
    SmallVector<Value> results = moveProductsOutOfScan(backward, floats.size());
    for (auto [i, state] : llvm::enumerate(floats))
      context.addTo(scan.getStates()[state], results[i]);
    for (auto [i, value] : llvm::enumerate(captured))
      context.addTo(value, results[floats.size() + i]);
    for (auto [i, input] : llvm::enumerate(wanted))
      context.addTo(scan.getInputs()[input], results[states.size() + i]);
    return success();
  }

  LogicalResult fill(ScanOp backward, ValueRange states, ValueRange slices) {
    Region &region = backward.getBody();
    while (!region.empty())
      region.front().erase();
    auto *body = new Block;
    region.push_back(body);
    Block &from = scan.getBody().front();
    for (Value state : states)
      body->addArgument(state.getType(), loc);
    for (Value slice : slices) {
      SmallVector<AffineExpr> dims = getDims(Calculus::type(slice));
      body->addArgument(
          getTensorType(ArrayRef(dims).drop_front(), Calculus::element(slice)),
          loc);
    }
    // The iteration again, from what is stored.
    auto own = body->getArguments().drop_front(states.size());
    IRMapping mapping;
    for (auto [i, argument] : llvm::enumerate(from.getArguments()))
      mapping.map(argument, own[i]);
    OpBuilder builder = OpBuilder::atBlockEnd(body);
    copyOps(from, mapping, builder);
    Operation *end = from.getTerminator();
    SmallVector<Seed> seeds;
    for (auto [i, state] : llvm::enumerate(floats))
      seeds.push_back({mapping.lookupOrDefault(end->getOperand(state)),
                       body->getArgument(i)});
    size_t firstGradient = from.getNumArguments();
    for (auto [i, result] : llvm::enumerate(stacked))
      seeds.push_back({mapping.lookupOrDefault(end->getOperand(result)),
                       own[firstGradient + i]});
    SmallVector<Value> variables;
    for (size_t state : floats)
      variables.push_back(own[state]);
    llvm::append_range(variables, captured);
    for (size_t input : wanted)
      variables.push_back(own[numStates + input]);
    auto yield = YieldOp::create(builder, loc, ValueRange());
    auto found = buildGradients(yield, seeds, variables);
    if (failed(found)) {
      context.hasReported = true;
      return failure();
    }
    for (auto [product, slice] :
         llvm::zip(products, own.take_back(products.size())))
      mapping.lookup(product).replaceAllUsesWith(slice);
    OpBuilder last(yield);
    Calculus math(last, loc);
    for (auto [i, gradient] : llvm::enumerate(*found)) {
      bool isSum = i >= floats.size() && i < floats.size() + captured.size();
      if (isSum)
        gradient = gradient ? math.add(body->getArgument(i), gradient)
                            : Value(body->getArgument(i));
      else if (!gradient)
        gradient = math.zeros(Calculus::type(variables[i]));
    }
    yield.getOperation()->setOperands(*found);
    return success();
  }

  ScanOp scan;
  const GradientContext &context;
  Location loc;
  size_t numStates;
  /// What is stored is states, then products.
  SmallVector<Value> captured, products, stored;
  /// States of floats, inputs that want gradients, stacked results with some.
  SmallVector<size_t> floats, wanted, stacked;
};

} // namespace

static LogicalResult differentiateScan(ScanOp op,
                                       const GradientContext &context) {
  return ScanGradient(op, context).run();
}

//===----------------------------------------------------------------------===//
// Loop
//===----------------------------------------------------------------------===//

namespace {

/// Of a loop that ends by what it computes: the states before each iteration
/// are kept in sequences, and their number is counted.
class LoopGradient {
public:
  LoopGradient(LoopOp loop, const GradientContext &context)
      : loop(loop), context(context), loc(loop.getLoc()),
        captured(getWanted(loop, context)) {
    for (auto [i, state] : llvm::enumerate(loop.getStates()))
      if (Calculus::isFloat(state))
        floats.push_back(i);
  }

  /// Whether no state changes its size, and all are tensors.
  bool isPossible() {
    return loop.getSymbols().empty() && loop.getBodySymbols().empty() &&
           llvm::all_of(loop->getResultTypes(),
                        llvm::IsaPred<RankedTensorType>) &&
           llvm::equal(loop.getStates().getTypes(), loop->getResultTypes());
  }

  LogicalResult run() {
    storeStates();
    OpBuilder &builder = context.builder;
    SmallVector<Value> states;
    for (size_t i : floats) {
      Value gradient = context.getGradient(i);
      states.push_back(
          gradient ? gradient
                   : context.zeros(Calculus::type(loop.getStates()[i])));
    }
    for (Value value : captured)
      states.push_back(context.zeros(Calculus::type(value)));
    auto backward = LoopOp::create(builder, loc, ValueRange(states).getTypes(),
                                   count, makeTrue(builder), states,
                                   ArrayRef<int64_t>(), ArrayRef<int64_t>());
    if (failed(fill(backward, states)))
      return failure();
    for (auto [i, state] : llvm::enumerate(floats))
      context.addTo(loop.getStates()[state], backward.getResult(i));
    for (auto [i, value] : llvm::enumerate(captured))
      context.addTo(value, backward.getResult(floats.size() + i));
    return success();
  }

private:
  Value makeTrue(OpBuilder &builder) {
    auto type = RankedTensorType::get({}, builder.getI1Type());
    return ConstantOp::create(builder, loc, DenseElementsAttr::get(type, true));
  }

  void storeStates() {
    OpBuilder builder(loop);
    Calculus math(builder, loc);
    SmallVector<Value> states(loop.getStates());
    states.push_back(math.number(0, builder.getI64Type()));
    for (Value state : loop.getStates()) {
      Type type = SequenceType::get(
          loop.getContext(), getElementTensorType(Calculus::type(state)));
      states.push_back(
          SequenceCreateOp::create(builder, loc, type, ValueRange()));
    }
    auto wider = LoopOp::create(builder, loc, ValueRange(states).getTypes(),
                                loop.getLimit(), loop.getCondition(), states,
                                ArrayRef<int64_t>(), ArrayRef<int64_t>());
    while (!wider.getBody().empty())
      wider.getBody().front().erase();
    IRMapping mapping;
    loop.getBody().cloneInto(&wider.getBody(), mapping);
    Block &body = wider.getBody().front();
    Operation *end = body.getTerminator();
    OpBuilder inside(end);
    Calculus own(inside, loc);
    size_t number = loop.getStates().size();
    SmallVector<Value> more{
        own.add(body.addArgument(states[number].getType(), loc), 1)};
    for (size_t i = 0; i < number; ++i) {
      Value sequence = body.addArgument(states[number + 1 + i].getType(), loc);
      more.push_back(SequenceInsertOp::create(inside, loc, sequence.getType(),
                                              sequence, body.getArgument(1 + i),
                                              Value()));
    }
    end->insertOperands(end->getNumOperands(), more);
    loop->replaceAllUsesWith(wider.getResults().take_front(number));
    count = wider.getResult(number);
    stored =
        llvm::to_vector_of<Value>(wider.getResults().drop_front(number + 1));
  }

  LogicalResult fill(LoopOp backward, ValueRange states) {
    Region &region = backward.getBody();
    while (!region.empty())
      region.front().erase();
    auto *body = new Block;
    region.push_back(body);
    body->addArgument(count.getType(), loc);
    for (Value state : states)
      body->addArgument(state.getType(), loc);
    auto carried = body->getArguments().drop_front();
    OpBuilder builder = OpBuilder::atBlockEnd(body);
    Calculus math(builder, loc);
    Value number = math.sub(math.add(count, -1), body->getArgument(0));
    Block &from = loop.getBody().front();
    IRMapping mapping;
    mapping.map(from.getArgument(0), number);
    for (auto [i, sequence] : llvm::enumerate(stored))
      mapping.map(from.getArgument(1 + i),
                  SequenceAtOp::create(builder, loc,
                                       loop.getStates()[i].getType(), sequence,
                                       number, ArrayRef<int64_t>()));
    copyOps(from, mapping, builder);
    Operation *end = from.getTerminator();
    SmallVector<Seed> seeds;
    SmallVector<Value> variables;
    for (auto [i, state] : llvm::enumerate(floats)) {
      seeds.push_back(
          {mapping.lookupOrDefault(end->getOperand(1 + state)), carried[i]});
      variables.push_back(mapping.lookup(from.getArgument(1 + state)));
    }
    llvm::append_range(variables, captured);
    auto yield = YieldOp::create(builder, loc, ValueRange());
    auto found = buildGradients(yield, seeds, variables);
    if (failed(found)) {
      context.hasReported = true;
      return failure();
    }
    OpBuilder last(yield);
    Calculus ending(last, loc);
    SmallVector<Value> next{makeTrue(last)};
    for (auto [i, gradient] : llvm::enumerate(*found)) {
      if (i >= floats.size())
        gradient =
            gradient ? ending.add(carried[i], gradient) : Value(carried[i]);
      next.push_back(gradient ? gradient
                              : ending.zeros(Calculus::type(variables[i])));
    }
    yield.getOperation()->setOperands(next);
    return success();
  }

  LoopOp loop;
  const GradientContext &context;
  Location loc;
  SmallVector<Value> captured, stored;
  Value count;
  SmallVector<size_t> floats; ///< states
};

} // namespace

static LogicalResult differentiateLoop(LoopOp op,
                                       const GradientContext &context) {
  LoopGradient gradient(op, context);
  return gradient.isPossible() ? gradient.run() : failure();
}

//===----------------------------------------------------------------------===//
// If
//===----------------------------------------------------------------------===//

/// The region that was taken runs again.
static LogicalResult differentiateIf(IfOp op, const GradientContext &context) {
  SmallVector<Value> captured = getWanted(op, context);
  SmallVector<Type> types(ValueRange(captured).getTypes());
  auto backward = IfOp::create(context.builder, op.getLoc(), types,
                               op.getCondition(), ArrayRef<int64_t>());
  for (auto [from, to] : llvm::zip(op->getRegions(), backward->getRegions())) {
    while (!to.empty())
      to.front().erase();
    auto *body = new Block;
    to.push_back(body);
    OpBuilder builder = OpBuilder::atBlockEnd(body);
    IRMapping mapping;
    copyOps(from.front(), mapping, builder);
    Calculus math(builder, op.getLoc());
    SmallVector<Seed> seeds;
    Operation *end = from.front().getTerminator();
    for (auto [i, value] : llvm::enumerate(end->getOperands()))
      if (Value gradient = context.getGradient(i)) {
        Value given = mapping.lookupOrDefault(value);
        // Its sizes are known better inside.
        seeds.push_back(
            {given, math.reshape(gradient, getDims(Calculus::type(given)))});
      }
    auto yield = YieldOp::create(builder, op.getLoc(), ValueRange());
    auto found = buildGradients(yield, seeds, captured);
    if (failed(found)) {
      context.hasReported = true;
      return failure();
    }
    OpBuilder last(yield);
    Calculus ending(last, op.getLoc());
    for (auto [gradient, value] : llvm::zip(*found, captured))
      if (!gradient)
        gradient = ending.zeros(Calculus::type(value));
    yield.getOperation()->setOperands(*found);
  }
  for (auto [value, gradient] : llvm::zip(captured, backward.getResults()))
    context.addTo(value, gradient);
  return success();
}

void addControlGradients(GradientRules &rules) {
  rules.add<IfOp>(differentiateIf);
  rules.add<LoopOp>(differentiateLoop);
  rules.add<ScanOp>(differentiateScan);
}

} // namespace dl
