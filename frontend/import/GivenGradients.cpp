// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Derivatives that do not follow from a node's computation: those of functions
// that the model or the user gives, and of values that are constants to
// training.

#include "frontend/import/GraphImporter.h"
#include "ir/dialect/DerivativeOps.h"
#include "onnx/onnx_pb.h"

using namespace dl::frontend;
using namespace mlir;
using llvm::StringRef;
using llvm::Twine;
using mlir::dl::WithGradientOp;

static bool isFloat(Value value) {
  auto type =
      value ? dyn_cast<RankedTensorType>(value.getType()) : RankedTensorType();
  return type && isa<FloatType>(type.getElementType());
}

/// An op on some values, with an empty body.
static WithGradientOp createOp(OpBuilder &builder, Location loc,
                               ValueRange values, ValueRange inputs) {
  auto op =
      WithGradientOp::create(builder, loc, values.getTypes(), values, inputs);
  Region &body = op.getBody();
  body.takeBody(*std::make_unique<Region>());
  Block &block = body.emplaceBlock();
  block.addArguments(values.getTypes(),
                     SmallVector<Location>(values.size(), loc));
  return op;
}

Value GraphImporter::withGradient(
    Location loc, Value value, Value input,
    llvm::function_ref<Value(OpBuilder &, Value)> build) {
  auto op = createOp(builder, loc, value, input);
  OpBuilder inside = OpBuilder::atBlockEnd(&op.getBody().front());
  Value gradient = build(inside, op.getBody().front().getArgument(0));
  mlir::dl::YieldGradientOp::create(inside, loc, gradient);
  return op.getResult(0);
}

/// Whether the node is what a gradient has been noted for: sibling graphs may
/// have the same names.
static bool isOf(const GivenGradient &gradient, const onnx::NodeProto &node) {
  return gradient.isCall || llvm::equal(gradient.inputs, node.input());
}

void GraphImporter::setGradients(const onnx::NodeProto &node, Location loc) {
  for (const GivenGradient &gradient : model->gradients) {
    bool ends = isOf(gradient, node) &&
                llvm::any_of(node.output(), [&](const std::string &output) {
                  return !output.empty() &&
                         llvm::is_contained(gradient.outputs, output);
                });
    bool isWhole = llvm::all_of(gradient.outputs, [&](StringRef output) {
      return output.empty() || scope.values.contains(output);
    });
    if (!ends || !isWhole || succeeded(setGradient(gradient, loc)))
      continue;
    hasErrors = true;
    emitError(loc) << "function '" << gradient.function->name()
                   << "': " << (outcome ? outcome->reason : "");
    outcome.reset();
  }
}

LogicalResult GraphImporter::setGradient(const GivenGradient &gradient,
                                         Location loc) {
  const onnx::FunctionProto &function = *gradient.function;
  Scope inner;
  inner.body = &function;
  inner.hasOwnOpsets = true;
  inner.depth = scope.depth + 1;
  int next = 0;
  auto bind = [&](Value value) {
    StringRef name = function.input(next++);
    if (value)
      inner.values[name] = value;
  };
  auto find = [&](const std::string &name) {
    return name.empty() ? Value() : getValue(name);
  };
  SmallVector<Value> values, inputs;
  SmallVector<StringRef> names;
  SmallVector<int> numbers; // of the gradients that are asked for
  for (auto [i, name] : llvm::enumerate(gradient.inputs)) {
    Value input = find(name);
    bind(input);
    if (isFloat(input) && static_cast<int>(i) < function.output_size()) {
      inputs.push_back(input);
      numbers.push_back(static_cast<int>(i));
    }
  }
  for (const std::string &name : gradient.outputs) {
    bind(find(name));
    if (isFloat(find(name))) {
      values.push_back(find(name));
      names.push_back(name);
    }
  }
  if (values.empty())
    return success();
  WithGradientOp op = createOp(builder, loc, values, inputs);
  Block &body = op.getBody().front();
  unsigned argument = 0;
  for (const std::string &name : gradient.outputs)
    bind(isFloat(find(name)) ? Value(body.getArgument(argument++)) : Value());

  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(&body);
  auto outer = boundSizes; // what the body binds is not known behind it
  std::swap(scope, inner);
  LogicalResult result = importBodyNodes(loc);
  SmallVector<Value> given;
  for (int number : numbers)
    given.push_back(succeeded(result) ? getValue(function.output(number))
                                      : Value());
  std::swap(scope, inner);
  boundSizes = std::move(outer);
  // Without an end, nothing may look at the body.
  mlir::dl::YieldGradientOp::create(
      builder, loc, llvm::is_contained(given, Value()) ? inputs : given);
  if (failed(result))
    return failure();
  for (auto [number, value, input] : llvm::zip(numbers, given, inputs)) {
    if (!value)
      return fail(/*isInvalid=*/true, "its output '" + function.output(number) +
                                          "' is not defined");
    std::string types;
    llvm::raw_string_ostream text(types);
    text << value.getType() << ", but the input is " << input.getType();
    if (!mlir::dl::areCompatible(value.getType(), input.getType()))
      return fail(/*isInvalid=*/true,
                  "its output '" + function.output(number) + "' is " + types);
  }
  for (auto [name, value] : llvm::zip(names, op.getResults()))
    scope.values[name] = value;
  return success();
}

void GraphImporter::stopGradients(const onnx::NodeProto &node, Location loc) {
  bool hasName = stops->match(getNodeName(node));
  for (const std::string &name : node.output()) {
    Value value = name.empty() ? Value() : scope.values.lookup(name);
    if (!isFloat(value) || !(hasName || stops->match(name)))
      continue;
    ++stopped;
    WithGradientOp op = createOp(builder, loc, value, {});
    OpBuilder inside = OpBuilder::atBlockEnd(&op.getBody().front());
    mlir::dl::YieldGradientOp::create(inside, loc, ValueRange());
    scope.values[name] = op.getResult(0);
  }
}
