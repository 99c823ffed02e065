// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Gradients of loops that end by what they compute: the states before each
// iteration are kept in sequences, whose elements may have different sizes, and
// the iterations are counted. Slices that iterations add to the end of a
// sequence get the elements of the sequence's gradient.

#include "ir/dialect/Dims.h"
#include "passes/differentiate/ControlGradients.h"
#include "passes/differentiate/Gradients.h"

using namespace mlir;
using namespace mlir::dl;

namespace dl {

namespace {

class LoopGradient {
public:
  LoopGradient(LoopOp loop, const GradientContext &context)
      : loop(loop), context(context), loc(context.loc),
        captured(getWanted(loop, context)) {
    for (auto [i, state] : llvm::enumerate(loop.getStates())) {
      if (isa<RankedTensorType>(state.getType()))
        tensors.push_back(i);
      if (isFloat(state))
        floats.push_back(i);
    }
  }

  LogicalResult run() {
    if (failed(findSlices()))
      return failure();
    storeStates();
    OpBuilder &builder = context.builder;
    SmallVector<Value> states;
    SmallVector<Type> types;
    SmallVector<int64_t> symbols;
    for (size_t i : floats) {
      Value gradient = context.getGradient(i);
      if (!gradient)
        gradient = context.zeros(Calculus::type(wider.getResult(i)));
      states.push_back(gradient);
      types.push_back(makeType(i, symbols));
    }
    for (Value value : captured) {
      states.push_back(context.zeros(Calculus::type(value)));
      types.push_back(value.getType());
    }
    SmallVector<int64_t> bodySymbols;
    SmallVector<Type> carried;
    for (size_t i : floats)
      carried.push_back(makeType(i, bodySymbols));
    llvm::append_range(carried, ArrayRef(types).drop_front(floats.size()));
    auto backward =
        LoopOp::create(builder, loc, types, count, makeTrue(builder), states,
                       symbols, bodySymbols);
    if (failed(fill(backward, carried)))
      return failure();
    for (auto [i, number] : llvm::enumerate(floats)) {
      Value state = loop.getStates()[number];
      if (context.wants(state))
        context.addTo(state, context.reshape(backward.getResult(i),
                                             getDims(Calculus::type(state))));
    }
    for (auto [i, value] : llvm::enumerate(captured))
      context.addTo(value, backward.getResult(floats.size() + i));
    return success();
  }

private:
  /// A sequence that each iteration adds one element to the end of.
  struct Slices {
    size_t state;
    Value gradient; ///< of the sequence; null where nothing depends on it
  };

  static bool isFloat(Value value) {
    return isa<RankedTensorType>(value.getType()) && Calculus::isFloat(value);
  }

  Value makeTrue(OpBuilder &builder) {
    auto type = RankedTensorType::get({}, builder.getI1Type());
    return ConstantOp::create(builder, loc, DenseElementsAttr::get(type, true));
  }

  /// Says why the loop has no gradient.
  LogicalResult refuse(StringRef why) {
    emitError(loc) << "'dl.loop' has no gradient: " << why;
    context.hasReported = true;
    return failure();
  }

  /// Finds the sequences among the states.
  LogicalResult findSlices() {
    Block &body = loop.getBody().front();
    for (auto [i, state] : llvm::enumerate(loop.getStates())) {
      if (isa<RankedTensorType>(state.getType()))
        continue;
      if (!isa<SequenceType>(state.getType()))
        return refuse("a state is an optional");
      Value gradient = context.getGradient(i);
      BlockArgument argument = body.getArgument(1 + i);
      auto insert = body.getTerminator()
                        ->getOperand(1 + i)
                        .getDefiningOp<SequenceInsertOp>();
      bool isAppended = insert && insert.getSequence() == argument &&
                        !insert.getPosition() && argument.hasOneUse() &&
                        insert.getResult().hasOneUse();
      if (!isAppended)
        return refuse("a state is a sequence that iterations do more with than "
                      "add one element to its end");
      if (context.wants(state))
        return refuse("it adds to a sequence whose elements are trained");
      slices.push_back({i, gradient});
    }
    return success();
  }

  /// The type of the gradient of state `i`, whose sizes are symbols where the
  /// loop changes them: new ones, which are added to `symbols`.
  RankedTensorType makeType(size_t i, SmallVectorImpl<int64_t> &symbols) {
    RankedTensorType type = Calculus::type(loop.getStates()[i]);
    auto own = cast<RankedTensorType>(
        loop.getBody().front().getArgument(1 + i).getType());
    auto last = Calculus::type(loop.getResult(i));
    SmallVector<AffineExpr> dims = getDims(type);
    for (auto [d, dim] : llvm::enumerate(dims)) {
      if (dim == getDim(own, d) && dim == getDim(last, d))
        continue;
      symbols.push_back(addSymbol());
      dim = getAffineSymbolExpr(symbols.back(), loop.getContext());
    }
    return getTensorType(dims, type.getElementType());
  }

  unsigned addSymbol() {
    auto function = loop->getParentOfType<FunctionOpInterface>();
    Builder builder(loop.getContext());
    SmallVector<Attribute> names;
    if (auto known = function->getAttrOfType<ArrayAttr>(kSymbolsAttr))
      llvm::append_range(names, known);
    names.push_back(builder.getStringAttr("gradient.size"));
    function->setAttr(kSymbolsAttr, builder.getArrayAttr(names));
    return names.size() - 1;
  }

  /// Another loop takes this one's place, which counts the iterations and keeps
  /// the tensors that they begin with.
  void storeStates() {
    OpBuilder builder(loop);
    Location loc = loop.getLoc(); // of the forward pass
    Calculus math(builder, loc);
    SmallVector<Value> states(loop.getStates());
    SmallVector<Type> types(loop->getResultTypes());
    auto add = [&](Value state) {
      states.push_back(state);
      types.push_back(state.getType());
    };
    size_t number = states.size();
    add(math.number(0, builder.getI64Type()));
    for (size_t i : tensors) {
      auto type = Calculus::type(loop.getResult(i));
      add(SequenceCreateOp::create(
          builder, loc,
          SequenceType::get(loop.getContext(), getElementTensorType(type)),
          ValueRange()));
    }
    wider = LoopOp::create(builder, loc, types, loop.getLimit(),
                           loop.getCondition(), states, loop.getSymbols(),
                           loop.getBodySymbols());
    while (!wider.getBody().empty())
      wider.getBody().front().erase();
    IRMapping mapping;
    loop.getBody().cloneInto(&wider.getBody(), mapping);
    Block &body = wider.getBody().front();
    Operation *end = body.getTerminator();
    OpBuilder inside(end);
    Calculus own(inside, loc);
    SmallVector<Value> more{own.add(body.addArgument(types[number], loc), 1)};
    for (auto [k, i] : llvm::enumerate(tensors)) {
      Value sequence = body.addArgument(types[number + 1 + k], loc);
      more.push_back(SequenceInsertOp::create(inside, loc, sequence.getType(),
                                              sequence, body.getArgument(1 + i),
                                              Value()));
    }
    end->insertOperands(end->getNumOperands(), more);
    loop->replaceAllUsesWith(wider.getResults().take_front(number));
    context.isReplaced = true;
    count = wider.getResult(number);
    stored =
        llvm::to_vector_of<Value>(wider.getResults().drop_front(number + 1));
  }

  /// Gives the iteration's arguments the values that it has begun with. Sizes
  /// that the body knows by symbols are those of the tensors.
  void readStates(OpBuilder &builder, Value number, IRMapping &mapping) {
    Block &from = loop.getBody().front();
    mapping.map(from.getArgument(0), number);
    SmallVector<int64_t> unbound(loop.getBodySymbols());
    for (auto [k, i] : llvm::enumerate(tensors)) {
      BlockArgument argument = from.getArgument(1 + i);
      SmallVector<int64_t> symbols;
      for (AffineExpr dim : getDims(Calculus::type(argument)))
        if (auto symbol = dyn_cast<AffineSymbolExpr>(dim))
          if (auto *found = llvm::find(unbound, symbol.getPosition());
              found != unbound.end()) {
            symbols.push_back(*found);
            unbound.erase(found);
          }
      mapping.map(argument,
                  SequenceAtOp::create(builder, loc, argument.getType(),
                                       stored[k], number, symbols));
    }
    for (const Slices &added : slices)
      mapping.map(from.getArgument(1 + added.state),
                  SequenceCreateOp::create(
                      builder, loc, from.getArgument(1 + added.state).getType(),
                      ValueRange()));
  }

  /// The gradients of what an iteration has computed.
  SmallVector<Seed> getSeeds(const Calculus &math, Value number,
                             const IRMapping &mapping, ValueRange carried) {
    SmallVector<Seed> seeds;
    Operation *end = loop.getBody().front().getTerminator();
    auto add = [&](Value value, Value gradient) {
      Value given = mapping.lookupOrDefault(value);
      // Its sizes are known better inside.
      seeds.push_back(
          {given, math.reshape(gradient, getDims(Calculus::type(given)))});
    };
    for (auto [i, state] : llvm::enumerate(floats))
      add(end->getOperand(1 + state), carried[i]);
    for (const Slices &added : slices) {
      auto slice = end->getOperand(1 + added.state)
                       .getDefiningOp<SequenceInsertOp>()
                       .getElement();
      if (!added.gradient || !Calculus::isFloat(slice))
        continue;
      // The loop's own elements are the last ones.
      Value length = SequenceLengthOp::create(math.builder, loc,
                                              number.getType(), added.gradient);
      Value position = math.add(math.sub(length, count), number);
      SmallVector<int64_t> symbols;
      SmallVector<AffineExpr> dims;
      auto type = Calculus::type(slice);
      for (auto [d, size] : llvm::enumerate(type.getShape())) {
        dims.push_back(getDim(type, d));
        if (!ShapedType::isDynamic(size))
          continue;
        symbols.push_back(addSymbol());
        dims.back() = getAffineSymbolExpr(symbols.back(), loop.getContext());
      }
      add(slice,
          SequenceAtOp::create(math.builder, loc,
                               getTensorType(dims, type.getElementType()),
                               added.gradient, position, symbols));
    }
    return seeds;
  }

  LogicalResult fill(LoopOp backward, TypeRange types) {
    Region &region = backward.getBody();
    while (!region.empty())
      region.front().erase();
    auto *body = new Block;
    region.push_back(body);
    body->addArgument(count.getType(), loc);
    for (Type type : types)
      body->addArgument(type, loc);
    auto carried = body->getArguments().drop_front();
    OpBuilder builder = OpBuilder::atBlockEnd(body);
    Calculus math(builder, loc);
    Value number = math.sub(math.add(count, -1), body->getArgument(0));
    Block &from = loop.getBody().front();
    IRMapping mapping;
    readStates(builder, number, mapping);
    copyOps(from, mapping, builder);
    SmallVector<Seed> seeds = getSeeds(math, number, mapping, carried);
    SmallVector<Value> variables;
    for (size_t state : floats)
      variables.push_back(mapping.lookup(from.getArgument(1 + state)));
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

  LoopOp loop, wider;
  const GradientContext &context;
  Location loc;
  SmallVector<Value> captured, stored;
  Value count;
  SmallVector<size_t> tensors, floats; ///< states
  SmallVector<Slices> slices;
};

} // namespace

LogicalResult differentiateLoop(LoopOp op, const GradientContext &context) {
  return LoopGradient(op, context).run();
}

} // namespace dl
