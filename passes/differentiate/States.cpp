// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/differentiate/States.h"
#include "ir/dialect/Dims.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/Matchers.h"
#include "passes/EntryLists.h"

using namespace mlir;
using namespace mlir::dl;

namespace dl {

SmallVector<State> readStates(ModuleOp module) {
  SmallVector<State> states;
  auto function = module.lookupSymbol<func::FuncOp>(kStatesFunction);
  auto list =
      function ? function->getAttrOfType<ArrayAttr>(kStatesAttr) : ArrayAttr();
  if (!list)
    return states;
  Operation *end = function.front().getTerminator();
  for (auto [attribute, value] : llvm::zip(list, end->getOperands())) {
    auto entry = cast<DictionaryAttr>(attribute);
    State state;
    state.name = entry.getAs<StringAttr>("name").str();
    state.role = entry.getAs<StringAttr>("role").str();
    if (auto parameter = entry.getAs<IntegerAttr>("parameter"))
      state.parameter = parameter.getInt();
    if (auto order = entry.getAs<DenseI64ArrayAttr>("order"))
      state.order = llvm::to_vector(order.asArrayRef());
    Value stored = value;
    while (auto transpose = stored.getDefiningOp<TransposeOp>())
      stored = transpose.getOperand();
    matchPattern(stored, m_Constant(&state.initial));
    states.push_back(std::move(state));
  }
  return states;
}

void writeStates(ModuleOp module, ArrayRef<State> states) {
  if (auto old = module.lookupSymbol<func::FuncOp>(kStatesFunction))
    old.erase();
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  SmallVector<Type> types;
  SmallVector<Attribute> entries;
  for (const State &state : states) {
    types.push_back(
        state.order.empty()
            ? state.getType()
            : getTensorType(
                  applyPermutation(getDims(state.getType()), state.order),
                  state.getType().getElementType()));
    NamedAttrList entry;
    entry.append("name", builder.getStringAttr(state.name));
    entry.append("role", builder.getStringAttr(state.role));
    if (state.parameter >= 0)
      entry.append("parameter", builder.getI64IntegerAttr(state.parameter));
    if (!state.order.empty())
      entry.append("order", builder.getDenseI64ArrayAttr(state.order));
    entries.push_back(entry.getDictionary(builder.getContext()));
  }
  auto function =
      func::FuncOp::create(builder, module.getLoc(), kStatesFunction,
                           builder.getFunctionType({}, types));
  function.setPrivate();
  function->setAttr(kStatesAttr, builder.getArrayAttr(entries));
  builder.setInsertionPointToEnd(function.addEntryBlock());
  SmallVector<Value> values;
  for (const State &state : states) {
    Location loc =
        NameLoc::get(builder.getStringAttr(state.name), module.getLoc());
    values.push_back(ConstantOp::create(builder, loc, state.initial));
    if (!state.order.empty())
      values.back() =
          TransposeOp::create(builder, loc, values.back(), state.order);
  }
  func::ReturnOp::create(builder, module.getLoc(), values);
}

static SmallVector<int64_t> getNumbers(Operation *function, StringRef name) {
  auto numbers = function->getAttrOfType<DenseI64ArrayAttr>(name);
  return numbers ? SmallVector<int64_t>(numbers.asArrayRef())
                 : SmallVector<int64_t>();
}

StateFunction::StateFunction(func::FuncOp function)
    : function(function), arguments(getNumbers(function, kStateArgumentsAttr)),
      results(getNumbers(function, kStateResultsAttr)) {}

size_t StateFunction::numInputs() const {
  return function.getNumArguments() - arguments.size();
}

size_t StateFunction::numOutputs() const {
  return end()->getNumOperands() - results.size();
}

Value StateFunction::getArgument(int64_t state) const {
  for (auto [i, number] : llvm::enumerate(arguments))
    if (number == state)
      return function.getArgument(numInputs() + i);
  return {};
}

Value StateFunction::addArgument(int64_t state, RankedTensorType type,
                                 Location loc) {
  if (Value known = getArgument(state))
    return known;
  Value argument = body().addArgument(type, loc);
  arguments.push_back(state);
  update();
  return argument;
}

void StateFunction::renumber(ArrayRef<int64_t> numbers,
                             ArrayRef<ElementsAttr> constants) {
  SmallVector<int64_t> kept;
  size_t first = numInputs();
  for (int64_t state : arguments) {
    BlockArgument argument = body().getArgument(first + kept.size());
    if (numbers[state] >= 0) {
      kept.push_back(numbers[state]);
      continue;
    }
    if (!argument.use_empty()) {
      OpBuilder builder = OpBuilder::atBlockBegin(&body());
      argument.replaceAllUsesWith(
          ConstantOp::create(builder, argument.getLoc(), constants[state]));
    }
    body().eraseArgument(argument.getArgNumber());
  }
  arguments = kept;
  for (int64_t &state : results)
    state = numbers[state];
  update();
}

Value StateFunction::addInput(StringRef name, RankedTensorType type) {
  SmallVector<Attribute> names;
  if (auto known = function->getAttrOfType<ArrayAttr>(kInputNamesAttr))
    llvm::append_range(names, known);
  std::string unique = name.str();
  MLIRContext *context = function.getContext();
  while (llvm::is_contained(names, StringAttr::get(context, unique)))
    unique += "_";
  size_t position = numInputs();
  if (auto types = function->getAttrOfType<ArrayAttr>(kInputTypesAttr)) {
    SmallVector<Attribute> all(types.begin(), types.end());
    all.push_back(TypeAttr::get(type));
    function->setAttr(kInputTypesAttr, ArrayAttr::get(context, all));
  }
  Value argument = body().insertArgument(
      position, type,
      NameLoc::get(StringAttr::get(context, unique), function.getLoc()));
  names.resize(position, StringAttr::get(context, ""));
  names.push_back(StringAttr::get(context, unique));
  function->setAttr(kInputNamesAttr, ArrayAttr::get(context, names));
  update();
  return argument;
}

void StateFunction::eraseInputs(const llvm::BitVector &inputs) {
  dropInputEntries(function, inputs);
  llvm::BitVector arguments = inputs;
  arguments.resize(body().getNumArguments());
  body().eraseArguments(arguments);
  update();
}

void StateFunction::eraseOutput(size_t output) {
  llvm::BitVector dropped(numOutputs());
  dropped.set(output);
  dropOutputEntries(function, dropped);
  end()->eraseOperand(output);
  update();
}

void StateFunction::setResults(ValueRange outputs, ArrayRef<StringRef> names,
                               ArrayRef<int64_t> states, ValueRange values) {
  SmallVector<Value> all(outputs);
  llvm::append_range(all, values);
  end()->setOperands(all);
  results.assign(states.begin(), states.end());
  Builder builder(function.getContext());
  function->setAttr(kOutputNamesAttr, builder.getStrArrayAttr(names));
  update();
}

void StateFunction::setResults(ValueRange values) {
  end()->setOperands(values);
  update();
}

unsigned StateFunction::addSymbol(StringRef name) {
  Builder builder(function.getContext());
  SmallVector<Attribute> names;
  if (auto known = function->getAttrOfType<ArrayAttr>(kSymbolsAttr))
    llvm::append_range(names, known);
  names.push_back(builder.getStringAttr(name));
  function->setAttr(kSymbolsAttr, builder.getArrayAttr(names));
  return names.size() - 1;
}

SmallVector<StringRef> StateFunction::getOutputNames() const {
  SmallVector<StringRef> names;
  if (auto known = function->getAttrOfType<ArrayAttr>(kOutputNamesAttr))
    for (Attribute name : known)
      names.push_back(cast<StringAttr>(name).getValue());
  names.resize(numOutputs(), "");
  return names;
}

void StateFunction::update() {
  Builder builder(function.getContext());
  auto set = [&](StringRef name, ArrayRef<int64_t> numbers) {
    if (numbers.empty())
      function->removeAttr(name);
    else
      function->setAttr(name, builder.getDenseI64ArrayAttr(numbers));
  };
  set(kStateArgumentsAttr, arguments);
  set(kStateResultsAttr, results);
  function.setFunctionType(builder.getFunctionType(body().getArgumentTypes(),
                                                   end()->getOperandTypes()));
}

} // namespace dl
