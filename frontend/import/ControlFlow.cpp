// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Nested graphs, and the operators with some that are no loops: If and
// SequenceMap.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/GraphImporter.h"
#include "frontend/import/Values.h"
#include "onnx/onnx_pb.h"

using namespace dl::frontend;
using namespace mlir;

//===----------------------------------------------------------------------===//
// Nested graphs
//===----------------------------------------------------------------------===//

FailureOr<SmallVector<Value>>
GraphImporter::importNested(NodeContext &node, const onnx::GraphProto &nested,
                            ValueRange arguments) {
  // Another graph may use the same names.
  SmallVector<std::pair<std::string, Value>> hidden;
  SmallVector<std::string> names;
  auto outerMaps = scope.maps;
  auto define = [&](const std::string &name) {
    names.push_back(name);
    scope.maps.erase(name);
    auto found = scope.values.find(name);
    if (found == scope.values.end())
      return;
    hidden.push_back({name, found->second});
    scope.values.erase(found);
  };
  for (const onnx::TensorProto &tensor : nested.initializer()) {
    if (!node.getElementType(tensor.data_type()))
      return failure();
    define(tensor.name());
    scope.initializers[tensor.name()] = &tensor;
  }
  for (auto [i, argument] : llvm::enumerate(arguments)) {
    define(nested.input(static_cast<int>(i)).name());
    scope.values[names.back()] = argument;
  }
  bool failed = false;
  for (const onnx::NodeProto &inner : nested.node()) {
    for (const std::string &output : inner.output())
      if (!output.empty())
        define(output);
    importNode(inner, nested);
    failed |= outcome.has_value();
  }
  // What a node of the graph had to report, it has reported.
  outcome.reset();
  SmallVector<Value> results;
  bool hasMaps = false;
  for (const onnx::ValueInfoProto &output : nested.output()) {
    results.push_back(failed ? Value() : getValue(output.name()));
    hasMaps |= !failed && getMap(output.name());
  }
  for (const std::string &name : names) {
    scope.values.erase(name);
    scope.initializers.erase(name);
  }
  scope.maps = std::move(outerMaps);
  for (auto &[name, value] : llvm::reverse(hidden))
    scope.values[name] = value;
  if (hasMaps)
    return node.unsupported("its graph '" + nested.name() + "' gives a map");
  return results;
}

LogicalResult GraphImporter::setNestedResults(NodeContext &node,
                                              ValueRange values) {
  for (auto [i, value] : llvm::enumerate(values)) {
    if (!node.hasOutput(i))
      continue;
    if (!value)
      scope.values[node.node.output(static_cast<int>(i))] = Value();
    else if (failed(
                 setValue(node, node.node.output(static_cast<int>(i)), value)))
      return failure();
  }
  return success();
}

void GraphImporter::rollBack(const Checkpoint &to) {
  checks.truncate(to.checks);
  symbols.truncate(to.symbols);
}

LogicalResult GraphImporter::importRegion(
    NodeContext &node, const onnx::GraphProto &nested, TypeRange types,
    Body &body,
    llvm::function_ref<SmallVector<Value>(ValueRange)> getArguments) {
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.createBlock(&body.region);
  block->addArguments(types, SmallVector<Location>(types.size(), node.loc));
  // What the body binds is not known behind it.
  auto outer = boundSizes;
  auto results =
      importNested(node, nested, getArguments(block->getArguments()));
  boundSizes = std::move(outer);
  if (failed(results))
    return failure();
  body.results = *results;
  return success();
}

//===----------------------------------------------------------------------===//
// If
//===----------------------------------------------------------------------===//

/// Whether a region holds what only a region that runs by itself may hold.
bool GraphImporter::needsRegion(Region &region) {
  return region
      .walk([](Operation *op) {
        return isa<mlir::dl::BindingInterface>(op) ||
                       mlir::dl::isRuntimeStep(op)
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

bool GraphImporter::isLocalTo(Region &region, AffineExpr size) {
  llvm::SmallDenseSet<unsigned> local;
  for (Operation &op : region.getOps())
    for (unsigned symbol : mlir::dl::getBoundSymbols(&op))
      local.insert(symbol);
  bool found = false;
  size.walk([&](AffineExpr part) {
    auto symbol = dyn_cast<AffineSymbolExpr>(part);
    found |= symbol && local.contains(symbol.getPosition());
  });
  return found;
}

LogicalResult GraphImporter::importBranch(NodeContext &node) {
  const onnx::GraphProto *branches[] = {node.getGraph("then_branch"),
                                        node.getGraph("else_branch")};
  for (const onnx::GraphProto *branch : branches)
    if (!branch || branch->output_size() < node.node.output_size())
      return node.invalid(
          "it has no branch with an output for each of its own");
  std::optional<SmallVector<int64_t>> known = node.intValues(node.input(0));
  if (!known || known->size() != 1)
    return importBranches(node, *branches[0], *branches[1]);
  auto results = importNested(node, *branches[known->front() ? 0 : 1], {});
  return failed(results) ? failure() : setNestedResults(node, *results);
}

/// The types of what two branches give; nothing, with the node reported, where
/// there are none for both.
static std::optional<SmallVector<MergedType>>
mergeBranches(NodeContext &node, ArrayRef<Value> first, ArrayRef<Value> second,
              MergedType::IsLocal isLocal) {
  SmallVector<MergedType> merged;
  for (auto [a, b] : llvm::zip(first, second)) {
    // A sequence without elements is one of any kind.
    bool isOpen = isEmptySequence(a);
    merged.emplace_back((isOpen ? b : a).getType(), isLocal);
    if (isEmptySequence(b) || isOpen ||
        merged.back().merge(b.getType(), isLocal))
      continue;
    (void)node.unsupported("its branches have results of different types");
    return std::nullopt;
  }
  return merged;
}

/// A scalar and a vector of one element broadcast alike: the first branch says
/// of which rank such a result is.
LogicalResult GraphImporter::matchSingles(NodeContext &node,
                                          ArrayRef<Value> first, Body &second) {
  auto isSingle = [](Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    return type && type.hasStaticShape() && type.getNumElements() == 1;
  };
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(&second.block());
  for (auto [a, b] : llvm::zip(first, second.results))
    if (isSingle(a) && isSingle(b) &&
        !(b = node.reshape(b, NodeContext::dims(a))))
      return failure();
  return success();
}

LogicalResult GraphImporter::importBranches(NodeContext &node,
                                            const onnx::GraphProto &onTrue,
                                            const onnx::GraphProto &onFalse) {
  Value condition = node.reshape(node.input(0), {});
  if (!condition)
    return failure();
  Body bodies[2];
  const onnx::GraphProto *branches[] = {&onTrue, &onFalse};
  for (auto [body, branch] : llvm::zip(bodies, branches)) {
    if (failed(importRegion(node, *branch, {}, body,
                            [](ValueRange) { return SmallVector<Value>(); })))
      return failure();
    // Those that the node does not name are of no use.
    body.results.resize(node.node.output_size());
  }
  if (!bodies[0].isWhole() || !bodies[1].isWhole())
    return setNestedResults(
        node, SmallVector<Value>(node.node.output_size(), Value()));
  if (failed(matchSingles(node, bodies[0].results, bodies[1])))
    return failure();
  auto isLocal = [&](AffineExpr size) {
    return isLocalTo(bodies[0].region, size) ||
           isLocalTo(bodies[1].region, size);
  };
  auto merged =
      mergeBranches(node, bodies[0].results, bodies[1].results, isLocal);
  if (!merged)
    return failure();
  bool isPlain = llvm::all_of(*merged, [](const MergedType &type) {
    return isa<RankedTensorType>(type.type) &&
           !llvm::is_contained(type.dims, AffineExpr());
  });
  if (loopDepth && isPlain && !needsRegion(bodies[0].region) &&
      !needsRegion(bodies[1].region))
    return selectBranch(node, condition, bodies[0], bodies[1]);

  SmallVector<int64_t> bound;
  SmallVector<Type> types;
  for (const MergedType &type : *merged)
    types.push_back(type.create(node, bound));
  for (auto [i, body] : llvm::enumerate(bodies))
    if (failed(closeBody(node, body, types)))
      return failure();
  auto op = mlir::dl::IfOp::create(builder, node.loc, types, condition, bound);
  op.getOnTrue().takeBody(bodies[0].region);
  op.getOnFalse().takeBody(bodies[1].region);
  return setNestedResults(node, op.getResults());
}

LogicalResult GraphImporter::closeBody(NodeContext &node, Body &body,
                                       TypeRange types) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(&body.block());
  for (auto [value, type] : llvm::zip(body.results, types)) {
    // Tensors may have other sizes each time.
    if (!isa<RankedTensorType>(type) || !isa<RankedTensorType>(value.getType()))
      value = convertValue(node, value, type);
    if (!value)
      return failure();
  }
  mlir::dl::YieldOp::create(builder, node.loc, body.results);
  return success();
}

/// In a loop that is one kernel after the other, both branches are computed.
LogicalResult GraphImporter::selectBranch(NodeContext &node, Value condition,
                                          Body &first, Body &second) {
  Arithmetic math(node);
  for (Body *body : {&first, &second})
    builder.getInsertionBlock()->getOperations().splice(
        builder.getInsertionPoint(), body->block().getOperations());
  SmallVector<Value> results;
  for (auto [a, b] : llvm::zip(first.results, second.results))
    results.push_back(
        math.select(condition, a, node.reshape(b, NodeContext::dims(a))));
  return setNestedResults(node, results);
}

//===----------------------------------------------------------------------===//
// SequenceMap
//===----------------------------------------------------------------------===//

LogicalResult GraphImporter::importSequenceMap(NodeContext &node) {
  const onnx::GraphProto *graph = node.getGraph("body");
  if (!graph || graph->input_size() != static_cast<int>(node.numInputs()) ||
      graph->output_size() < node.node.output_size())
    return node.invalid(
        "its body's inputs and outputs do not fit those of its own");
  auto first = getKnownElements(node.input(0));
  if (!first)
    return importBody(node);
  SmallVector<SmallVector<Value>> inputs;
  for (size_t i = 0; i < node.numInputs(); ++i) {
    Value input = node.input(i);
    auto elements = getKnownElements(input);
    if (!elements && !isa<RankedTensorType>(input.getType()))
      return importBody(node);
    inputs.push_back(
        elements.value_or(SmallVector<Value>(first->size(), input)));
    if (inputs.back().size() != first->size())
      return node.invalid("its sequences differ in length");
  }
  SmallVector<SmallVector<Value>> outputs(node.node.output_size());
  for (size_t i = 0; i < first->size(); ++i) {
    SmallVector<Value> arguments;
    for (ArrayRef<Value> input : inputs)
      arguments.push_back(input[i]);
    auto results = importNested(node, *graph, arguments);
    if (failed(results))
      return failure();
    for (auto [output, value] : llvm::zip(outputs, *results))
      output.push_back(value);
  }
  SmallVector<Value> results;
  for (auto [i, output] : llvm::enumerate(outputs)) {
    const onnx::TypeProto &type = graph->output(static_cast<int>(i)).type();
    Type elementType = node.getElementType(type.tensor_type().elem_type());
    bool isWhole = elementType && !llvm::is_contained(output, Value());
    results.push_back(isWhole ? createSequence(node, output, elementType)
                              : Value());
  }
  return setNestedResults(node, results);
}
