// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Scan as its first version (opset 8) has it: dimension 0 of everything counts
// the sequences of a batch, dimension 1 of the scanned tensors their elements.
// A loop over the batch with a loop over one sequence in it.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/GraphImporter.h"
#include "frontend/import/LoopBody.h"
#include "onnx/onnx_pb.h"

using namespace dl::frontend;
using namespace mlir;
using mlir::dl::Predicate;

namespace {

/// One sequence, and how many of its elements count; null for all.
struct Sequence {
  SmallVector<Value> states, inputs;
  Value length; // a scalar of i64
};

} // namespace

/// The elements before `length` in the other order; what comes after them is
/// not looked at.
static Value reverseSome(NodeContext &node, Value x, Value length) {
  Arithmetic math(node);
  Value last = math.sub(length, 1.0);
  Value count =
      math.iota(NodeContext::dim(x, 0), 0, 1, node.builder.getI64Type());
  return node.create<mlir::dl::GatherOp>(
      x, math.max(math.sub(last, count), 0.0), int64_t(0));
}

/// Beyond the end of a sequence, states stay and slices are zero.
static bool stopAtEnd(NodeContext &node, SmallVectorImpl<Value> &results,
                      ValueRange states, Value position, Value length) {
  Arithmetic math(node);
  Value isActive = math.compare(Predicate::Lt, position, length);
  for (auto [i, result] : llvm::enumerate(results)) {
    result = i < states.size() ? math.select(isActive, result, states[i])
                               : math.select(isActive, result, 0.0);
    if (!result)
      return false;
  }
  return true;
}

/// Begins a body with these arguments, at which the builder then builds:
/// states, then slices of inputs.
static ValueRange beginBody(NodeContext &node, Region &region,
                            ArrayRef<Value> states, ArrayRef<Value> inputs) {
  SmallVector<Type> types(ValueRange(states).getTypes());
  for (Value input : inputs)
    types.push_back(getSliceType(input));
  Block *block = node.builder.createBlock(&region);
  block->addArguments(types, SmallVector<Location>(types.size(), node.loc));
  return block->getArguments();
}

/// Ends a body that gives new states, then slices, and makes the loop.
static FailureOr<SmallVector<Value>>
createScan(NodeContext &node, Region &region, SmallVector<Value> results,
           ArrayRef<Value> states, ArrayRef<Value> inputs) {
  SmallVector<Type> types;
  AffineExpr count = NodeContext::dim(inputs.front(), 0);
  {
    OpBuilder::InsertionGuard guard(node.builder);
    node.builder.setInsertionPointToEnd(&region.front());
    for (auto [i, value] : llvm::enumerate(results)) {
      if (i >= states.size()) {
        SmallVector<AffineExpr> dims = NodeContext::dims(value);
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
    mlir::dl::YieldOp::create(node.builder, node.loc, results);
  }
  auto scan = mlir::dl::ScanOp::create(node.builder, node.loc, types, states,
                                       inputs, /*reverse=*/false);
  scan.getBody().takeBody(region);
  return SmallVector<Value>(scan.getResults());
}

LogicalResult GraphImporter::importBatchScan(NodeContext &node) {
  const onnx::GraphProto *graph = node.getGraph("body");
  auto numInputs = static_cast<size_t>(node.getInt("num_scan_inputs", 0));
  // The first input is the sequences' lengths.
  size_t count = node.numInputs() - 1;
  if (!graph || numInputs < 1 || numInputs > count ||
      graph->input_size() != static_cast<int>(count) ||
      static_cast<size_t>(graph->output_size()) < count - numInputs ||
      static_cast<size_t>(graph->output_size()) < node.numOutputs())
    return node.invalid("its body's inputs and outputs do not fit its own");
  size_t numStates = count - numInputs;
  SmallVector<int64_t> directions =
      node.getInts("directions").value_or(SmallVector<int64_t>());
  directions.resize(numInputs);

  SmallVector<Value> batch;
  for (size_t i = 0; i < count; ++i) {
    batch.push_back(node.input(i + 1));
    if (!batch.back() ||
        NodeContext::rank(batch.back()) < (i < numStates ? 1 : 2))
      return node.invalid("one of its inputs is missing or has no sequences");
  }
  if (Value lengths = node.input(0)) {
    if (NodeContext::rank(lengths) != 1)
      return node.invalid("its sequences' lengths have rank " +
                          Twine(NodeContext::rank(lengths)) + ", expected 1");
    batch.push_back(lengths);
  }
  for (Value value : batch)
    if (failed(node.requireEqual(NodeContext::dim(value, 0),
                                 NodeContext::dim(batch.front(), 0),
                                 "its inputs differ in the batch's size")))
      return failure();

  Body outer;
  {
    OpBuilder::InsertionGuard guard(builder);
    ValueRange arguments = beginBody(node, outer.region, {}, batch);
    Sequence sequence;
    llvm::append_range(sequence.states, arguments.take_front(numStates));
    llvm::append_range(sequence.inputs, arguments.slice(numStates, numInputs));
    if (node.hasInput(0))
      sequence.length = arguments.back();
    for (auto [x, isReverse] : llvm::zip(sequence.inputs, directions)) {
      if (isReverse)
        x = sequence.length ? reverseSome(node, x, sequence.length)
                            : reverseFront(node, x);
      if (!x)
        return failure();
      if (failed(node.requireEqual(NodeContext::dim(x, 0),
                                   NodeContext::dim(sequence.inputs[0], 0),
                                   "its sequences differ in length")))
        return failure();
    }
    if (sequence.length)
      sequence.inputs.push_back(Arithmetic(node).iota(
          NodeContext::dim(sequence.inputs[0], 0), 0, 1, builder.getI64Type()));
    Body inner;
    {
      OpBuilder::InsertionGuard innerGuard(builder);
      ValueRange slices =
          beginBody(node, inner.region, sequence.states, sequence.inputs);
      ++loopDepth;
      auto results = importNested(node, *graph, slices.take_front(count));
      --loopDepth;
      if (failed(results))
        return failure();
      inner.results = *results;
      // What there is of the body goes with it.
      if (!inner.isWhole())
        return setNestedResults(node,
                                SmallVector<Value>(node.numOutputs(), Value()));
      bool givesTensors = llvm::all_of(inner.results, [](Value result) {
        return isa<RankedTensorType>(result.getType());
      });
      if (!givesTensors || needsRegion(inner.region))
        return node.unsupported(
            "its body finds sizes in data, or works on sequences");
      if (sequence.length &&
          !stopAtEnd(node, inner.results, slices.take_front(numStates),
                     slices.back(), sequence.length))
        return failure();
    }
    auto results = createScan(node, inner.region, inner.results,
                              sequence.states, sequence.inputs);
    if (failed(results))
      return failure();
    outer.results = *results;
  }
  auto results = createScan(node, outer.region, outer.results, {}, batch);
  return failed(results) ? failure() : setNestedResults(node, *results);
}
