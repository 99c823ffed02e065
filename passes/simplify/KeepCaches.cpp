// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Keys and values of attention stay in states from run to run, where a model
// takes them as inputs and gives them, with new rows behind, as outputs.

#include "ir/dialect/Dims.h"
#include "ir/dialect/StateOps.h"
#include "passes/EntryLists.h"
#include "passes/Passes.h"
#include "passes/differentiate/Calculus.h"
#include "passes/differentiate/States.h"
#include "passes/simplify/CacheBytes.h"
#include "passes/simplify/CacheRows.h"
#include "passes/simplify/CacheScales.h"
#include "llvm/ADT/MapVector.h"

namespace dl {
#define GEN_PASS_DEF_KEEPCACHES
#include "passes/Passes.h.inc"
} // namespace dl

using namespace ::dl;
using namespace mlir;
using namespace mlir::dl;

namespace {

/// Puts the caches of one function into states.
class CacheKeeper {
public:
  CacheKeeper(func::FuncOp function, int64_t length, bool quantizes,
              SmallVector<State> &states)
      : function(function), length(length), quantizes(quantizes),
        states(states), builder(function.getContext()) {}

  LogicalResult run() {
    std::string reason;
    SmallVector<CachedInput> caches = findCachedInputs(function, reason);
    if (caches.empty())
      return function.emitError("--kv-cache: no input is a cache: ")
             << (reason.empty() ? "an output that is an input with new rows "
                                  "along a dimension of open size, or with "
                                  "elements replaced"
                                : reason);
    if (failed(addPositions(caches)))
      return failure();
    for (const CachedInput &cache : caches)
      if (cache.isWhole() && failed(keepWhole(cache)))
        return failure();
    for (CachedInput &cache : caches)
      for (auto [i, part] : llvm::enumerate(cache.parts))
        keep(cache, part,
             getName(cache) +
                 (cache.parts.size() > 1 ? "." + std::to_string(i) : ""));
    if (quantizes)
      moveScalesOutOfProducts(function);
    finish(caches);
    return success();
  }

private:
  std::string getName(const CachedInput &cache) const {
    auto names = function->getAttrOfType<ArrayAttr>(kInputNamesAttr);
    return names ? cast<StringAttr>(names[cache.argument]).str()
                 : "cache" + std::to_string(cache.argument);
  }

  /// A state with zeros at first, and the argument that it is.
  Value addState(std::string name, StringRef role, RankedTensorType type) {
    auto isTaken = [&](const State &state) { return state.name == name; };
    while (llvm::any_of(states, isTaken))
      name += "_";
    State state;
    state.name = name;
    state.role = role.str();
    state.initial = cast<ElementsAttr>(builder.getZeroAttr(type));
    states.push_back(state);
    arguments.push_back(states.size() - 1);
    return function.front().addArgument(
        type, NameLoc::get(builder.getStringAttr(name), function.getLoc()));
  }

  void setResult(Value value) {
    results.push_back(arguments.back());
    values.push_back(value);
  }

  /// What tells how many rows there are: one state for all caches of a size,
  /// which therefore grow together.
  LogicalResult addPositions(ArrayRef<CachedInput> caches) {
    llvm::MapVector<unsigned, const CachedInput *> sizes;
    llvm::SmallDenseSet<unsigned> cached;
    for (const CachedInput &cache : caches) {
      cached.insert(cache.argument);
      if (cache.isWhole())
        continue;
      auto [entry, isNew] = sizes.insert({cache.symbol, &cache});
      if (!isNew && !provablyEqual(cache.added, entry->second->added))
        return function.emitError("--kv-cache: inputs '")
               << getName(*entry->second) << "' and '" << getName(cache)
               << "' have the same size, but get different numbers of rows";
    }
    for (auto [i, argument] : llvm::enumerate(function.getArguments()))
      if (auto type = dyn_cast<RankedTensorType>(argument.getType());
          type && !cached.contains(i))
        for (AffineExpr dim : getDims(type))
          if (auto symbol = dyn_cast_or_null<AffineSymbolExpr>(dim);
              symbol && sizes.contains(symbol.getPosition()))
            return function.emitError("--kv-cache: input ")
                   << i << " has the size of cache '"
                   << getName(*sizes[symbol.getPosition()]) << "', too";
    for (auto [symbol, cache] : sizes)
      addPosition(symbol, *cache, sizes.size() > 1);
    return success();
  }

  void addPosition(unsigned symbol, const CachedInput &cache,
                   bool isOneOfMany) {
    MLIRContext *context = function.getContext();
    Location loc = function.getLoc();
    auto scalar = RankedTensorType::get({}, builder.getI64Type());
    auto one = RankedTensorType::get({1}, builder.getI64Type());
    Value position =
        addState(isOneOfMany ? "position." + getName(cache) : "position",
                 "position", scalar);
    builder.setInsertionPointToStart(&function.front());
    Value size = ReshapeOp::create(builder, loc, one, position);
    BindOp::create(builder, loc, size, ArrayRef<int64_t>{int64_t(symbol)},
                   "the position of the caches is no number of rows");
    AffineExpr next =
        simplify(builder.getAffineSymbolExpr(symbol) + cache.added);
    builder.setInsertionPoint(function.front().getTerminator());
    Value sizes = SizesOp::create(
        builder, loc, one,
        SizeValuesAttr::get(context, getSymbolMap({next}, context)));
    Value stored = CastOp::create(builder, loc, one, sizes);
    setResult(ReshapeOp::create(builder, loc, scalar, stored));
    addCheck(next, "the cache '" + getName(cache) + "' is full: it has " +
                       std::to_string(length) + " rows");
  }

  /// A run for which `rows` do not fit ends before it changes a state.
  void addCheck(AffineExpr rows, StringRef message) {
    SmallVector<Attribute> checks;
    if (auto known = function->getAttrOfType<ArrayAttr>(kChecksAttr))
      llvm::append_range(checks, known);
    AffineMap sizes = getSymbolMap(
        {rows, builder.getAffineConstantExpr(length)}, function.getContext());
    checks.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr("relation", builder.getStringAttr("le")),
         builder.getNamedAttr("sizes", AffineMapAttr::get(sizes)),
         builder.getNamedAttr("message", builder.getStringAttr(message))}));
    function->setAttr(kChecksAttr, builder.getArrayAttr(checks));
  }

  /// Of fewer dimensions, numbers are no keys or values of heads.
  bool keepsBytes(RankedTensorType type) const {
    constexpr int64_t kLeastRank = 3;
    return quantizes && isa<FloatType>(type.getElementType()) &&
           type.getRank() >= kLeastRank;
  }

  /// The state is what the output was in the last run.
  LogicalResult keepWhole(const CachedInput &cache) {
    Value argument = function.getArgument(cache.argument),
          output = function.front().getTerminator()->getOperand(cache.output);
    auto type = cast<RankedTensorType>(argument.getType());
    if (keepsBytes(type))
      return keepWholeBytes(cache, argument, output);
    argument.replaceAllUsesWith(addState(getName(cache), "cache", type));
    setResult(output);
    return success();
  }

  /// The same as bytes: scatters replace these and their scales.
  LogicalResult keepWholeBytes(const CachedInput &cache, Value argument,
                               Value output) {
    SmallVector<Operation *> scatters;
    for (Value value = output; value != argument;
         value = value.getDefiningOp()->getOperand(0))
      scatters.push_back(value.getDefiningOp());
    std::optional<int64_t> dimension =
        scatters.empty() ? std::nullopt : findScaledDimension(scatters[0]);
    for (Operation *scatter : scatters)
      if (findScaledDimension(scatter) != dimension)
        dimension.reset();
    if (!dimension)
      return function.emitError("--quantize-kv-cache: input '")
             << getName(cache)
             << "': what the model replaces is not known to be whole rows, "
                "which have a scale each";

    RankedTensorType type = Calculus::type(argument);
    SmallVector<int64_t> shape(type.getShape());
    ByteRows rows;
    rows.bytes = addState(getName(cache), "cache",
                          RankedTensorType::get(shape, builder.getI8Type()));
    unsigned bytes = arguments.back();
    shape[*dimension] = 1;
    rows.scales = addState(getName(cache) + ".scale", "cache",
                           RankedTensorType::get(shape, builder.getF32Type()));
    unsigned scales = arguments.back();
    builder.setInsertionPointToStart(&function.front());
    Value before =
        readBytes({builder, function.getLoc()}, rows, type.getElementType());
    argument.replaceAllUsesWith(before);
    for (Operation *scatter : llvm::reverse(scatters)) {
      builder.setInsertionPoint(scatter);
      Calculus math{builder, scatter->getLoc()};
      rows = scatterBytes(math, scatter, rows, *dimension);
      scatter->getResult(0).replaceAllUsesWith(
          readBytes(math, rows, type.getElementType()));
    }
    results.append({bytes, scales});
    values.append({rows.bytes, rows.scales});
    return success();
  }

  /// Replaces a concatenation with the rows by what a state then has.
  void keep(const CachedInput &cache, CachePart part, const std::string &name) {
    builder.setInsertionPoint(part.concat);
    Value rows = part.concat.getInputs()[1], whole = part.concat.getResult(),
          kept;
    Calculus math{builder, part.concat.getLoc()};
    if (keepsBytes(Calculus::type(rows))) {
      // The rows' own dimension has a scale for each, the last one of others
      // has one in common.
      int64_t last = Calculus::rank(rows) - 1;
      ByteRows made =
          makeBytes(math, rows, last == part.axis ? last - 1 : last);
      Value bytes = store(cache, part, name, made.bytes),
            scales = store(cache, part, name + ".scale", made.scales);
      kept = readBytes(math, {bytes, scales}, Calculus::element(rows));
    } else {
      kept = store(cache, part, name, rows);
    }
    whole.replaceAllUsesWith(kept);
    part.concat.erase();
  }

  /// Adds rows to a state of their own; gives all rows that it then has.
  Value store(const CachedInput &cache, CachePart part, const std::string &name,
              Value rows) {
    Calculus math{builder, part.concat.getLoc()};
    MLIRContext *context = function.getContext();
    RankedTensorType type = Calculus::type(rows);
    SmallVector<AffineExpr> dims = getDims(type);
    AffineExpr position = builder.getAffineSymbolExpr(cache.symbol),
               count = simplify(position + dims[part.axis]);
    dims[part.axis] = math.constant(length);
    Value state = addState(
        name, "cache",
        RankedTensorType::get(
            cast<RankedTensorType>(getTensorType(dims, type.getElementType()))
                .getShape(),
            type.getElementType()));
    Value next =
        InsertOp::create(builder, math.loc, state.getType(), state, rows,
                         builder.getI64IntegerAttr(part.axis),
                         AffineMapAttr::get(getSymbolMap({position}, context)));
    setResult(next);
    dims[part.axis] = count;
    SmallVector<AffineExpr> zeros(dims.size(), math.constant(0));
    return math.slice(next, zeros, SmallVector<int64_t>(dims.size(), 1),
                      getTensorType(dims, type.getElementType()));
  }

  /// Gives the function its new arguments and results.
  void finish(ArrayRef<CachedInput> caches) {
    Operation *end = function.front().getTerminator();
    llvm::BitVector inputs(function.getNumArguments()),
        outputs(end->getNumOperands());
    for (const CachedInput &cache : caches) {
      inputs.set(cache.argument);
      outputs.set(cache.output);
    }
    SmallVector<Value> kept;
    for (auto [i, value] : llvm::enumerate(end->getOperands()))
      if (!outputs[i])
        kept.push_back(value);
    llvm::append_range(kept, values);
    end->setOperands(kept);
    eraseUnused();
    inputs.resize(function.front().getNumArguments());
    dropInputEntries(function, inputs);
    dropOutputEntries(function, outputs);
    function.front().eraseArguments(inputs);
    function->setAttr(kStateArgumentsAttr,
                      builder.getDenseI64ArrayAttr(arguments));
    function->setAttr(kStateResultsAttr, builder.getDenseI64ArrayAttr(results));
    function.setFunctionType(builder.getFunctionType(
        function.front().getArgumentTypes(), end->getOperandTypes()));
  }

  /// Erases what only fed the outputs that are gone.
  void eraseUnused() {
    for (Operation &op :
         llvm::make_early_inc_range(llvm::reverse(function.front())))
      if (isOpTriviallyDead(&op))
        op.erase();
  }

  func::FuncOp function;
  int64_t length;
  bool quantizes;
  SmallVector<State> &states;
  OpBuilder builder;
  SmallVector<int64_t> arguments, results; // numbers of states
  SmallVector<Value> values;               // of the results
};

class KeepCaches : public ::dl::impl::KeepCachesBase<KeepCaches> {
  using KeepCachesBase::KeepCachesBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<State> states = readStates(module);
    if (!states.empty()) {
      module.emitError("--kv-cache: the module has states of its own");
      return signalPassFailure();
    }
    for (auto function : module.getOps<func::FuncOp>())
      if (function.isPublic() && !function.isExternal() &&
          failed(CacheKeeper(function, length, quantizes, states).run()))
        return signalPassFailure();
    writeStates(module, states);
  }
};

} // namespace
