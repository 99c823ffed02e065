// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Gradients of control flow: the regions run again, with what follows from them
// backwards. Of a scan, the states before each iteration and the results of
// products are stored, all else is computed again.

#include "passes/differentiate/ControlGradients.h"
#include "ir/dialect/Dims.h"
#include "passes/differentiate/Gradients.h"
#include "passes/differentiate/ScanSums.h"

using namespace mlir;
using namespace mlir::dl;

namespace dl {

SmallVector<Value> getWanted(Operation *op, const GradientContext &context) {
  SmallVector<Value> wanted;
  for (Value value : getCaptured(op))
    if (context.wants(value))
      wanted.push_back(value);
  return wanted;
}

void copyOps(Block &from, IRMapping &mapping, OpBuilder &builder) {
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
      : scan(scan), context(context), loc(context.loc),
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
    Block &body = scan.getBody().front();
    bool findsSizes = llvm::any_of(body, llvm::IsaPred<BindingInterface>);
    for (Operation &op : body) {
      if (!op.hasTrait<OpTrait::FusionContraction>())
        continue;
      // Stacks have sizes that are known before the scan.
      if (findsSizes && !Calculus::type(op.getResult(0)).hasStaticShape())
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
    auto wider = ScanOp::create(builder, scan.getLoc(), types, scan.getStates(),
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
    context.isReplaced = true;
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
// If
//===----------------------------------------------------------------------===//

/// The region that was taken runs again.
static LogicalResult differentiateIf(IfOp op, const GradientContext &context) {
  SmallVector<Value> captured = getWanted(op, context);
  SmallVector<Type> types(ValueRange(captured).getTypes());
  auto backward = IfOp::create(context.builder, context.loc, types,
                               op.getCondition(), ArrayRef<int64_t>());
  for (auto [from, to] : llvm::zip(op->getRegions(), backward->getRegions())) {
    while (!to.empty())
      to.front().erase();
    auto *body = new Block;
    to.push_back(body);
    OpBuilder builder = OpBuilder::atBlockEnd(body);
    IRMapping mapping;
    copyOps(from.front(), mapping, builder);
    Calculus math(builder, context.loc);
    SmallVector<Seed> seeds;
    Operation *end = from.front().getTerminator();
    for (auto [i, value] : llvm::enumerate(end->getOperands()))
      if (Value gradient = context.getGradient(i)) {
        Value given = mapping.lookupOrDefault(value);
        // Its sizes are known better inside.
        seeds.push_back(
            {given, math.reshape(gradient, getDims(Calculus::type(given)))});
      }
    auto yield = YieldOp::create(builder, context.loc, ValueRange());
    auto found = buildGradients(yield, seeds, captured);
    if (failed(found)) {
      context.hasReported = true;
      return failure();
    }
    OpBuilder last(yield);
    Calculus ending(last, context.loc);
    for (auto [gradient, value] : llvm::zip(*found, captured))
      if (!gradient)
        gradient = ending.zeros(Calculus::type(value));
    yield.getOperation()->setOperands(*found);
  }
  for (auto [value, gradient] : llvm::zip(captured, backward.getResults()))
    context.addTo(value, gradient);
  return success();
}

//===----------------------------------------------------------------------===//
// Sequences
//===----------------------------------------------------------------------===//

/// The gradient of a sequence is one of gradients: slices of the tensor's.
static LogicalResult differentiate(SequenceConcatOp op,
                                   const GradientContext &context) {
  auto type = op.getSequence().getType();
  auto element = dyn_cast<RankedTensorType>(type.getElementType());
  auto axis = static_cast<int64_t>(op.getAxis());
  int64_t size = 1;
  if (!op.getStack())
    size = element ? element.getDimSize(axis) : ShapedType::kDynamic;
  if (ShapedType::isDynamic(size))
    return failure();
  Value sizes =
      context.number(static_cast<double>(size), context.builder.getI64Type());
  context.addToSequence(
      op.getSequence(),
      SequenceSplitOp::create(context.builder, context.loc, type,
                              context.getGradient(), sizes,
                              static_cast<uint64_t>(axis), op.getStack()));
  return success();
}

void addControlGradients(GradientRules &rules) {
  rules.add<IfOp>(differentiateIf);
  rules.add<LoopOp>(differentiateLoop);
  rules.add<ScanOp>(differentiateScan);
  rules.add<SequenceConcatOp>(differentiate);
}

} // namespace dl
