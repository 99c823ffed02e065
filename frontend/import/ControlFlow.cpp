// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Operators with nested graphs: If, Loop and Scan. Loops become dl.scan, and so
// do branches: one that is not taken is a loop of no iterations.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/GraphImporter.h"
#include "frontend/import/LateSizes.h"
#include "frontend/import/LoopBody.h"
#include "frontend/import/Sizes.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "onnx/onnx_pb.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using llvm::StringRef;
using Exprs = SmallVector<AffineExpr>;

//===----------------------------------------------------------------------===//
// Nested graphs
//===----------------------------------------------------------------------===//

FailureOr<SmallVector<Value>>
GraphImporter::importNested(NodeContext &node, const onnx::GraphProto &nested,
                            ValueRange arguments) {
  // Another graph may use the same names.
  SmallVector<std::pair<std::string, Value>> hidden;
  SmallVector<std::string> names;
  auto define = [&](const std::string &name) {
    names.push_back(name);
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
  for (const onnx::ValueInfoProto &output : nested.output())
    results.push_back(failed ? Value() : getValue(output.name()));
  for (const std::string &name : names) {
    scope.values.erase(name);
    scope.initializers.erase(name);
  }
  for (auto &[name, value] : llvm::reverse(hidden))
    scope.values[name] = value;
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

ValueRange frontend::beginBody(OpBuilder &builder, Location loc, Body &body,
                               TypeRange types) {
  Block *block = builder.createBlock(&body.region);
  block->addArguments(types, SmallVector<Location>(types.size(), loc));
  return block->getArguments();
}

/// Whether ops that are built now run once.
static bool runsOnce(OpBuilder &builder) {
  return isa_and_nonnull<func::FuncOp>(
      builder.getInsertionBlock()->getParentOp());
}

/// A dl.scan with this body, whose results are there.
static mlir::dl::ScanOp createScan(NodeContext &node, Body &body,
                                   TypeRange types, ValueRange states,
                                   ValueRange inputs) {
  OpBuilder &builder = node.builder;
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToEnd(&body.block());
    mlir::dl::YieldOp::create(builder, node.loc, body.results);
  }
  auto scan = mlir::dl::ScanOp::create(builder, node.loc, types, states, inputs,
                                       /*reverse=*/false);
  scan.getBody().takeBody(body.region);
  return scan;
}

//===----------------------------------------------------------------------===//
// If
//===----------------------------------------------------------------------===//

/// Demands that results of two branches have one type; gives the second the
/// dimensions of the first.
static Value matchBranch(NodeContext &node, Value second, Type firstType) {
  auto first = cast<RankedTensorType>(firstType);
  RankedTensorType type = NodeContext::type(second);
  const char *message = "its branches have results of different shapes";
  auto isSingle = [](RankedTensorType of) {
    return of.hasStaticShape() && of.getNumElements() == 1;
  };
  // A scalar and a vector of one element broadcast alike.
  if (type.getElementType() == first.getElementType() && isSingle(type) &&
      isSingle(first))
    return node.reshape(second, mlir::dl::getDims(first));
  if (type.getElementType() != first.getElementType() ||
      type.getRank() != first.getRank()) {
    (void)node.unsupported(message);
    return Value();
  }
  for (int64_t i = 0; i < type.getRank(); ++i) {
    AffineExpr a = mlir::dl::getDim(first, i), b = mlir::dl::getDim(type, i);
    auto difference = dyn_cast<AffineConstantExpr>(mlir::dl::simplify(a - b));
    if (difference && difference.getValue() != 0) {
      (void)node.unsupported(message);
      return Value();
    }
    if (failed(node.requireEqual(a, b, message)))
      return Value();
  }
  return node.reshape(second, mlir::dl::getDims(first));
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

LogicalResult GraphImporter::importBranches(NodeContext &node,
                                            const onnx::GraphProto &onTrue,
                                            const onnx::GraphProto &onFalse) {
  Value condition = node.reshape(node.input(0), {});
  auto import = [&](const onnx::GraphProto &branch, SmallVector<Value> &into) {
    auto results = importNested(node, branch, {});
    if (failed(results))
      return failure();
    into = *results;
    // Those that the node does not name are of no use.
    into.resize(node.node.output_size());
    return success(llvm::all_of(into, [](Value value) { return value; }));
  };
  auto poison = [&] {
    outcome.reset();
    return setNestedResults(
        node, SmallVector<Value>(node.node.output_size(), Value()));
  };
  if (!runsOnce(builder)) {
    // In a loop, both are computed.
    Arithmetic math(node);
    SmallVector<Value> first, second;
    if (failed(import(onTrue, first)) || failed(import(onFalse, second)))
      return outcome ? failure() : poison();
    for (auto [a, b] : llvm::zip(first, second)) {
      b = matchBranch(node, b, a.getType());
      a = b ? math.select(condition, a, b) : Value();
      if (!a)
        return failure();
    }
    return setNestedResults(node, first);
  }
  Type i64 = builder.getI64Type();
  auto taken = getSize(
      node, node.reshape(node.cast(condition, i64), node.constantExpr(1)),
      "the condition");
  if (!taken)
    return failure();
  Arithmetic math(node);
  SmallVector<Value> results;
  for (const onnx::GraphProto *branch : {&onTrue, &onFalse}) {
    Body body;
    bool isFirst = branch == &onTrue;
    SmallVector<Type> types(ValueRange(results).getTypes());
    {
      OpBuilder::InsertionGuard guard(builder);
      beginBody(builder, node.loc, body, {});
      if (failed(import(*branch, body.results)))
        return outcome ? failure() : poison();
      if (isFirst)
        types.assign(ValueRange(body.results).getTypes().begin(),
                     ValueRange(body.results).getTypes().end());
      else
        for (auto [value, type] : llvm::zip(body.results, types))
          if (!(value = matchBranch(node, value, type)))
            return failure();
    }
    // What the other branch gives goes through the one that is not taken.
    if (isFirst)
      for (Type type : types) {
        auto tensor = cast<RankedTensorType>(type);
        results.push_back(node.broadcast(node.splat(0, tensor.getElementType()),
                                         mlir::dl::getDims(tensor)));
        if (!results.back())
          return failure();
      }
    body.block().addArguments(types,
                              SmallVector<Location>(types.size(), node.loc));
    body.block().addArgument(RankedTensorType::get({}, i64), node.loc);
    AffineExpr times = isFirst ? *taken : mlir::dl::simplify(1 - *taken);
    Value turns = math.iota(times, 0, 1, i64);
    if (!turns)
      return failure();
    auto scan = createScan(node, body, types, results, turns);
    results.assign(scan.getResults().begin(), scan.getResults().end());
  }
  return setNestedResults(node, results);
}

//===----------------------------------------------------------------------===//
// Scan
//===----------------------------------------------------------------------===//

Value frontend::reverseFront(NodeContext &node, Value x) {
  Exprs offsets(NodeContext::rank(x), node.constantExpr(0));
  offsets[0] = mlir::dl::simplify(NodeContext::dim(x, 0) - 1);
  SmallVector<int64_t> strides(offsets.size(), 1);
  strides[0] = -1;
  return node.create<mlir::dl::SliceOp>(
      x.getType(), x,
      mlir::dl::getSymbolMap(offsets, node.builder.getContext()), strides);
}

/// The permutation that brings dimension `axis` to the front.
static SmallVector<int64_t> getToFront(int64_t axis, int64_t rank) {
  SmallVector<int64_t> permutation = range(0, rank);
  permutation.erase(permutation.begin() + axis);
  permutation.insert(permutation.begin(), axis);
  return permutation;
}

SmallVector<Type> frontend::getBodyTypes(ArrayRef<Value> states,
                                         ArrayRef<Value> inputs) {
  SmallVector<Type> types(ValueRange(states).getTypes());
  for (Value input : inputs)
    types.push_back(
        mlir::dl::getTensorType(ArrayRef(NodeContext::dims(input)).drop_front(),
                                NodeContext::elementType(input)));
  return types;
}

FailureOr<SmallVector<Value>> frontend::closeLoop(NodeContext &node, Body &body,
                                                  ArrayRef<Value> states,
                                                  ArrayRef<Value> inputs) {
  SmallVector<Type> types;
  AffineExpr count = NodeContext::dim(inputs.front(), 0);
  {
    OpBuilder::InsertionGuard guard(node.builder);
    node.builder.setInsertionPointToEnd(&body.block());
    for (auto [i, value] : llvm::enumerate(body.results)) {
      if (i >= states.size()) {
        Exprs dims = NodeContext::dims(value);
        dims.insert(dims.begin(), count);
        types.push_back(
            mlir::dl::getTensorType(dims, NodeContext::elementType(value)));
        continue;
      }
      RankedTensorType type = NodeContext::type(states[i]);
      if (NodeContext::elementType(value) != type.getElementType() ||
          NodeContext::rank(value) != type.getRank())
        return node.unsupported("a state changes its type");
      for (int64_t d = 0; d < type.getRank(); ++d) {
        AffineExpr a = mlir::dl::getDim(type, d);
        AffineExpr b = NodeContext::dim(value, d);
        auto difference =
            dyn_cast<AffineConstantExpr>(mlir::dl::simplify(a - b));
        if (difference && difference.getValue() != 0)
          return node.unsupported("a state changes its shape");
        if (failed(node.requireEqual(a, b, "a state changes its shape")))
          return failure();
      }
      value = node.reshape(value, mlir::dl::getDims(type));
      if (!value)
        return failure();
      types.push_back(type);
    }
  }
  auto scan = createScan(node, body, types, states, inputs);
  return SmallVector<Value>(scan.getResults());
}

LogicalResult GraphImporter::importScan(NodeContext &node) {
  const onnx::GraphProto *graph = node.getGraph("body");
  if (node.opset < 9)
    return importBatchScan(node);
  auto numInputs = static_cast<size_t>(node.getInt("num_scan_inputs", 0));
  if (!graph || numInputs < 1 || numInputs > node.numInputs() ||
      graph->input_size() != static_cast<int>(node.numInputs()))
    return node.invalid("its body does not have an input for each of its own");
  size_t numStates = node.numInputs() - numInputs;
  if (static_cast<size_t>(graph->output_size()) < numStates ||
      static_cast<size_t>(graph->output_size()) < node.numOutputs())
    return node.invalid("its body has too few outputs");
  size_t numOutputs = graph->output_size() - numStates;
  auto getList = [&](StringRef name, size_t size) {
    auto list = node.getInts(name);
    SmallVector<int64_t> result = list.value_or(SmallVector<int64_t>());
    result.resize(size);
    return result;
  };
  auto inAxes = getList("scan_input_axes", numInputs);
  auto inReversed = getList("scan_input_directions", numInputs);
  auto outAxes = getList("scan_output_axes", numOutputs);
  auto outReversed = getList("scan_output_directions", numOutputs);

  SmallVector<Value> states, inputs;
  for (size_t i = 0; i < numStates; ++i)
    states.push_back(node.input(i));
  for (size_t i = 0; i < numInputs; ++i) {
    Value x = node.input(numStates + i);
    auto axis = node.normalizeAxis(inAxes[i], NodeContext::rank(x));
    if (!axis)
      return failure();
    x = node.transpose(x, getToFront(*axis, NodeContext::rank(x)));
    if (x && inReversed[i])
      x = reverseFront(node, x);
    if (!x)
      return failure();
    inputs.push_back(x);
    if (failed(node.requireEqual(NodeContext::dim(x, 0),
                                 NodeContext::dim(inputs.front(), 0),
                                 "its sequences differ in length")))
      return failure();
  }
  Body body;
  {
    OpBuilder::InsertionGuard guard(builder);
    auto results = importNested(
        node, *graph,
        beginBody(builder, node.loc, body, getBodyTypes(states, inputs)));
    if (failed(results))
      return failure();
    body.results = *results;
  }
  if (!body.isWhole())
    return setNestedResults(node, body.results);
  auto results = closeLoop(node, body, states, inputs);
  if (failed(results))
    return failure();
  for (size_t i = 0; i < numOutputs; ++i) {
    Value &result = (*results)[numStates + i];
    if (outReversed[i])
      result = reverseFront(node, result);
    if (!result)
      return failure();
    auto axis = node.normalizeAxis(outAxes[i], NodeContext::rank(result));
    if (!axis)
      return failure();
    result = node.transpose(result, invertPermutationVector(getToFront(
                                        *axis, NodeContext::rank(result))));
  }
  return setNestedResults(node, *results);
}

//===----------------------------------------------------------------------===//
// Loop
//===----------------------------------------------------------------------===//

/// How often a loop runs whose condition never changes.
static std::optional<AffineExpr> getTripCount(NodeContext &node) {
  Value limit = node.input(0), condition = node.input(1);
  if (!limit) {
    (void)node.unsupported("it has no limit");
    return std::nullopt;
  }
  auto known = node.intValues(condition);
  if (known && known->size() == 1 && !known->front())
    return node.constantExpr(0);
  LateSizes late(node);
  Value count = late.math.max(late.toVector(limit, "the limit"), 0.0);
  if (condition && !known)
    count = late.math.select(node.reshape(condition, {}), count, 0.0);
  return count ? getSize(node, count, "the number of iterations")
               : std::nullopt;
}

LogicalResult GraphImporter::importLoop(NodeContext &node) {
  const onnx::GraphProto *graph = node.getGraph("body");
  size_t numStates = node.numInputs() < 2 ? 0 : node.numInputs() - 2;
  if (!graph || graph->input_size() != static_cast<int>(numStates) + 2 ||
      static_cast<size_t>(graph->output_size()) < numStates + 1 ||
      static_cast<size_t>(graph->output_size()) < node.numOutputs() + 1)
    return node.invalid(
        "its body's inputs and outputs do not fit those of its own");
  SmallVector<Value> states;
  for (size_t i = 0; i < numStates; ++i) {
    states.push_back(node.input(i + 2));
    if (!states.back())
      return node.invalid("a state has no first value");
  }
  auto count = getTripCount(node);
  if (!count)
    return failure();
  Type i64 = builder.getI64Type();
  SmallVector<Value> inputs{Arithmetic(node).iota(*count, 0, 1, i64)};
  if (!inputs.front())
    return failure();
  // The condition holds wherever the body runs.
  Value always = node.splat(1, builder.getI1Type());
  Body body;
  {
    OpBuilder::InsertionGuard guard(builder);
    SmallVector<Value> arguments(
        beginBody(builder, node.loc, body, getBodyTypes(states, inputs)));
    SmallVector<Value> given{arguments.back(), always};
    llvm::append_range(given, ArrayRef(arguments).drop_back());
    auto results = importNested(node, *graph, given);
    if (failed(results))
      return failure();
    body.results = *results;
  }
  if (!body.isWhole())
    return setNestedResults(node, ArrayRef(body.results).drop_front());
  auto goesOn = node.intValues(body.results.front());
  if (!goesOn || goesOn->size() != 1 || !goesOn->front())
    return node.unsupported(
        "its number of iterations depends on what they compute");
  body.results.erase(body.results.begin());
  auto results = closeLoop(node, body, states, inputs);
  return failed(results) ? failure() : setNestedResults(node, *results);
}
