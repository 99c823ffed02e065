// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Initializers that outlast a run, because training changes them.

#include "frontend/import/ImportedStates.h"
#include "frontend/import/Constants.h"
#include "frontend/import/GraphImporter.h"
#include "ir/dialect/Locations.h"
#include "onnx/onnx_pb.h"

using namespace dl::frontend;
using namespace mlir;
using llvm::StringRef;

static constexpr llvm::StringLiteral kParameter = "parameter";

int64_t ImportedStates::add(StringRef name, ElementsAttr initial,
                            StringRef role) {
  for (auto [i, state] : llvm::enumerate(states))
    if (state.name == name) {
      if (role != kParameter)
        state.role = role.str();
      return static_cast<int64_t>(i);
    }
  states.push_back({name.str(), initial, role.str()});
  return static_cast<int64_t>(states.size()) - 1;
}

void ImportedStates::declare(ModuleOp module) const {
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  SmallVector<Type> types;
  SmallVector<Attribute> entries;
  for (const State &state : states) {
    types.push_back(state.initial.getType());
    entries.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr("name", builder.getStringAttr(state.name)),
         builder.getNamedAttr("role", builder.getStringAttr(state.role))}));
  }
  auto function =
      func::FuncOp::create(builder, module.getLoc(), mlir::dl::kStatesFunction,
                           builder.getFunctionType({}, types));
  function.setPrivate();
  function->setAttr(mlir::dl::kStatesAttr, builder.getArrayAttr(entries));
  builder.setInsertionPointToEnd(function.addEntryBlock());
  SmallVector<Value> values;
  for (const State &state : states)
    values.push_back(mlir::dl::ConstantOp::create(
        builder,
        NameLoc::get(builder.getStringAttr(state.name), module.getLoc()),
        state.initial));
  func::ReturnOp::create(builder, module.getLoc(), values);
}

//===----------------------------------------------------------------------===//
// In a graph
//===----------------------------------------------------------------------===//

Value GraphImporter::addState(StringRef name, const onnx::TensorProto &tensor) {
  if (mode == ImportMode::Inference)
    return {};
  // Those of nested graphs, whose names may be others', are constants.
  bool isOwn =
      llvm::any_of(graph.initializer(), [&](const onnx::TensorProto &other) {
        return &other == &tensor;
      });
  Type element = getElementType(tensor.data_type(), context);
  if (!isOwn || !(element.isF32() || element.isF64() || element.isF16() ||
                  element.isBF16()))
    return {};
  StateValue state;
  state.name = name.str();
  state.initial = getElements(model, tensor, context);
  state.argument = function.front().addArgument(
      state.initial.getType(),
      NameLoc::get(builder.getStringAttr(name),
                   mlir::dl::getFileLoc(model->path, context)));
  states.push_back(state);
  return states.back().argument;
}

Value GraphImporter::getCounter() {
  if (mode != ImportMode::Training)
    return {};
  for (const StateValue &state : states)
    if (state.role == "counter")
      return state.argument;
  StateValue state;
  state.name = "step";
  while (scope.initializers.contains(state.name))
    state.name += "_";
  state.role = "counter";
  auto type = RankedTensorType::get({}, builder.getI64Type());
  state.initial = DenseElementsAttr::get(type, builder.getI64IntegerAttr(0));
  state.argument = function.front().addArgument(
      type, NameLoc::get(builder.getStringAttr(state.name),
                         mlir::dl::getFileLoc(model->path, context)));
  states.push_back(state);
  return state.argument;
}

ElementsAttr GraphImporter::getInitialValue(Value value) const {
  for (const StateValue &state : states)
    if (state.argument == value)
      return state.initial;
  return {};
}

void GraphImporter::setStatistic(Value value, Value updated) {
  for (StateValue &state : states)
    if (state.argument == value) {
      state.role = "statistic";
      state.updated = updated;
    }
}

void GraphImporter::takeStates(StringRef name, ImportedStates &into) {
  SmallVector<int64_t> arguments, results;
  for (StateValue &state : states) {
    // A state that was read while the model was imported, and nowhere else.
    if (state.argument.use_empty() && !state.updated) {
      function.front().eraseArgument(state.argument.getArgNumber());
      continue;
    }
    int64_t number = into.add(state.name, state.initial, state.role);
    arguments.push_back(number);
    if (state.updated)
      results.push_back(number);
  }
  function.setSymName(name);
  if (!arguments.empty())
    function->setAttr(mlir::dl::kStateArgumentsAttr,
                      builder.getDenseI64ArrayAttr(arguments));
  if (!results.empty())
    function->setAttr(mlir::dl::kStateResultsAttr,
                      builder.getDenseI64ArrayAttr(results));
  updateFunctionType();
}

void GraphImporter::addStateResults() {
  Operation *end = function.front().getTerminator();
  for (const StateValue &state : states)
    if (state.updated)
      end->insertOperands(end->getNumOperands(), state.updated);
  updateFunctionType();
}

void GraphImporter::updateFunctionType() {
  function.setFunctionType(builder.getFunctionType(
      function.front().getArgumentTypes(),
      function.front().getTerminator()->getOperandTypes()));
}
