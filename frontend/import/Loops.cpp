// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Loop and Scan. A loop whose number of iterations is known before it begins,
// and whose states keep their shapes, is a dl.scan; any other one a dl.loop.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/GraphImporter.h"
#include "frontend/import/LateSizes.h"
#include "frontend/import/LoopBody.h"
#include "frontend/import/Sizes.h"
#include "frontend/import/Values.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "onnx/onnx_pb.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using llvm::StringRef;
using Exprs = SmallVector<AffineExpr>;

/// A loop while it is imported.
struct GraphImporter::LoopForm {
  LoopForm(const onnx::GraphProto *graph, bool hasCondition,
           ArrayRef<Value> states, ArrayRef<Value> scanned = {})
      : graph(graph), hasCondition(hasCondition), states(states),
        scanned(scanned) {}

  const onnx::GraphProto *graph;
  bool hasCondition;          ///< of Loop: the body takes and gives one
  SmallVector<Value> states;  ///< before the first iteration
  SmallVector<Value> scanned; ///< what slices along dimension 0 are taken of
  Value always;               ///< true

  /// Takes the number of the iteration, the states, and slices of `scanned`;
  /// results are new states, then slices.
  std::unique_ptr<Body> body;
  Value goesOn;                     ///< the condition that the body gives
  SmallVector<MergedType> merged;   ///< the states' types
  SmallVector<int64_t> bodySymbols; ///< sizes of the states in the body

  size_t numStates() const { return states.size(); }
  ArrayRef<Value> slices() const {
    return ArrayRef(body->results).drop_front(numStates());
  }

  bool isLocal(AffineExpr size) const {
    bool found = isLocalTo(body->region, size);
    size.walk([&](AffineExpr part) {
      auto symbol = dyn_cast<AffineSymbolExpr>(part);
      found |= symbol && llvm::is_contained(bodySymbols, symbol.getPosition());
    });
    return found;
  }

  /// Whether one kernel after the other computes an iteration: nothing in it
  /// depends on what it computes.
  bool isPlain(NodeContext &node) const {
    auto known = node.intValues(goesOn);
    return known && known->size() == 1 && known->front() &&
           !needsRegion(body->region) &&
           llvm::all_of(merged, [](const MergedType &type) {
             return isa<RankedTensorType>(type.type) &&
                    !llvm::is_contained(type.dims, AffineExpr());
           });
  }
};

//===----------------------------------------------------------------------===//
// Bodies
//===----------------------------------------------------------------------===//

static RankedTensorType getIndexType(OpBuilder &builder) {
  return RankedTensorType::get({}, builder.getI64Type());
}

Type frontend::getSliceType(Value tensor) {
  return mlir::dl::getTensorType(
      ArrayRef(NodeContext::dims(tensor)).drop_front(),
      NodeContext::elementType(tensor));
}

LogicalResult GraphImporter::importLoopPass(NodeContext &node, LoopForm &form,
                                            bool isFirst) {
  form.body = std::make_unique<Body>();
  form.bodySymbols.clear();
  SmallVector<Type> types{getIndexType(builder)};
  for (const MergedType &state : form.merged)
    types.push_back(state.create(node, form.bodySymbols));
  for (Value scanned : form.scanned)
    types.push_back(getSliceType(scanned));
  auto getArguments = [&](ValueRange taken) {
    SmallVector<Value> given;
    if (form.hasCondition)
      given.append({taken.front(), form.always});
    for (auto [state, argument] : llvm::zip(form.states, taken.drop_front()))
      given.push_back(isFirst && isEmptySequence(state) ? state : argument);
    llvm::append_range(given, taken.drop_front(form.numStates() + 1));
    return given;
  };
  ++loopDepth;
  LogicalResult result =
      importRegion(node, *form.graph, types, *form.body, getArguments);
  --loopDepth;
  if (failed(result))
    return failure();
  SmallVector<Value> &results = form.body->results;
  form.goesOn = form.hasCondition ? results.front() : form.always;
  if (form.hasCondition)
    results.erase(results.begin());
  return success();
}

bool GraphImporter::mergeStates(NodeContext &node, LoopForm &form, bool isFirst,
                                bool &changed) {
  auto isLocal = [&](AffineExpr size) { return form.isLocal(size); };
  for (auto [state, type, result] :
       llvm::zip(form.states, form.merged, form.body->results)) {
    MergedType before = type;
    // A sequence without elements is one of any kind.
    if (isFirst && isEmptySequence(state)) {
      type = MergedType(result.getType(), isLocal);
      changed = true;
    } else if (!isEmptySequence(result) &&
               !type.merge(result.getType(), isLocal)) {
      (void)node.unsupported("a state changes its type");
      return false;
    }
    changed |= !(type == before);
  }
  return true;
}

LogicalResult GraphImporter::importLoopBody(NodeContext &node, LoopForm &form) {
  form.always = node.splat(1, builder.getI1Type());
  for (Value state : form.states)
    form.merged.emplace_back(state.getType(), [](AffineExpr) { return false; });
  // Each pass allows more than the one before.
  for (bool isFirst = true;; isFirst = false) {
    Checkpoint start = mark();
    if (failed(importLoopPass(node, form, isFirst)))
      return failure();
    if (!form.body->isWhole() || !form.goesOn)
      return success();
    auto condition = dyn_cast<RankedTensorType>(form.goesOn.getType());
    if (!condition || !condition.getElementType().isInteger(1))
      return node.invalid("its body's condition is no tensor of bools");
    for (Value slice : form.slices())
      if (!isa<RankedTensorType>(slice.getType()))
        return node.unsupported("it stacks what are no tensors");
    bool changed = false;
    if (!mergeStates(node, form, isFirst, changed))
      return failure();
    if (!changed)
      return success();
    form.body.reset();
    rollBack(start);
  }
}

//===----------------------------------------------------------------------===//
// dl.scan
//===----------------------------------------------------------------------===//

FailureOr<SmallVector<Value>>
GraphImporter::closeScan(NodeContext &node, LoopForm &form, AffineExpr count) {
  Block &block = form.body->block();
  SmallVector<Value> inputs = form.scanned;
  // The number of the iteration is one more slice, or none.
  Value number = block.getArgument(0);
  SmallVector<Value> &bodyResults = form.body->results;
  if (inputs.empty() || !number.use_empty() ||
      llvm::is_contained(bodyResults, number)) {
    inputs.push_back(Arithmetic(node).iota(count, 0, 1, builder.getI64Type()));
    if (!inputs.back())
      return failure();
    Value slice = block.addArgument(number.getType(), node.loc);
    number.replaceAllUsesWith(slice);
    llvm::replace(bodyResults, number, slice);
  }
  block.eraseArgument(0);
  SmallVector<Type> types;
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToEnd(&block);
    for (auto [i, value] : llvm::enumerate(bodyResults)) {
      if (i < form.numStates()) {
        types.push_back(form.states[i].getType());
        value = node.reshape(value, NodeContext::dims(form.states[i]));
        if (!value)
          return failure();
        continue;
      }
      Exprs dims = NodeContext::dims(value);
      dims.insert(dims.begin(), count);
      types.push_back(
          mlir::dl::getTensorType(dims, NodeContext::elementType(value)));
    }
    mlir::dl::YieldOp::create(builder, node.loc, bodyResults);
  }
  auto scan = mlir::dl::ScanOp::create(builder, node.loc, types, form.states,
                                       inputs, /*reverse=*/false);
  scan.getBody().takeBody(form.body->region);
  return SmallVector<Value>(scan.getResults());
}

//===----------------------------------------------------------------------===//
// dl.loop
//===----------------------------------------------------------------------===//

/// Takes the slices in the body itself, of which some may be its results.
static LogicalResult takeSlices(NodeContext &node, Block &block,
                                ArrayRef<Value> scanned, size_t first,
                                MutableArrayRef<Value> results) {
  OpBuilder::InsertionGuard guard(node.builder);
  node.builder.setInsertionPointToStart(&block);
  for (Value whole : scanned) {
    BlockArgument argument = block.getArgument(first);
    Value slice = node.reshape(node.create<mlir::dl::GatherOp>(
                                   whole, block.getArgument(0), int64_t(0)),
                               NodeContext::dims(argument));
    if (!slice)
      return failure();
    argument.replaceAllUsesWith(slice);
    llvm::replace(results, Value(argument), slice);
    block.eraseArgument(first);
  }
  return success();
}

/// The slices of all iterations, along a new dimension 0.
static Value stack(NodeContext &node, Value sequence, ArrayRef<AffineExpr> dims,
                   Type elementType) {
  SmallVector<int64_t> bound;
  Exprs sizes(dims);
  sizes.insert(sizes.begin(), AffineExpr());
  for (AffineExpr &size : sizes)
    if (!size) {
      size = node.createSize();
      bound.push_back(cast<AffineSymbolExpr>(size).getPosition());
    }
  return node.create<mlir::dl::SequenceConcatOp>(
      mlir::dl::getTensorType(sizes, elementType), sequence, uint64_t(0),
      /*stack=*/true, bound);
}

FailureOr<SmallVector<Value>> GraphImporter::closeLoop(NodeContext &node,
                                                       LoopForm &form,
                                                       Value limit,
                                                       Value condition) {
  Body &body = *form.body;
  Block &block = body.block();
  if (!limit || !condition ||
      failed(takeSlices(node, block, form.scanned, form.numStates() + 1,
                        body.results)))
    return failure();
  SmallVector<int64_t> bound;
  SmallVector<Type> types;
  SmallVector<Value> states;
  for (auto [state, merged] : llvm::zip(form.states, form.merged)) {
    types.push_back(merged.create(node, bound));
    states.push_back(isa<RankedTensorType>(types.back())
                         ? state
                         : convertValue(node, state, types.back()));
    if (!states.back())
      return failure();
  }
  // Slices go to the end of a sequence, which the loop carries.
  SmallVector<MergedType> slices;
  SmallVector<bool> wasOptional;
  for (Value result : ArrayRef(body.results).take_front(form.numStates()))
    wasOptional.push_back(isa<mlir::dl::OptionalType>(result.getType()));
  for (Value &slice :
       MutableArrayRef<Value>(body.results).drop_front(form.numStates())) {
    slices.emplace_back(slice.getType(),
                        [&](AffineExpr size) { return form.isLocal(size); });
    Type type = mlir::dl::SequenceType::get(
        context, mlir::dl::getElementTensorType(NodeContext::type(slice)));
    states.push_back(
        node.create<mlir::dl::SequenceCreateOp>(type, ValueRange()));
    types.push_back(type);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToEnd(&block);
    slice = mlir::dl::SequenceInsertOp::create(
        builder, node.loc, type, block.addArgument(type, node.loc), slice,
        Value());
  }
  SmallVector<Type> yielded(types);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToEnd(&block);
    body.results.insert(body.results.begin(), node.reshape(form.goesOn, {}));
    yielded.insert(yielded.begin(),
                   RankedTensorType::get({}, builder.getI1Type()));
  }
  if (!body.isWhole() || failed(closeBody(node, body, yielded)))
    return failure();
  auto loop =
      mlir::dl::LoopOp::create(builder, node.loc, types, limit, condition,
                               states, bound, form.bodySymbols);
  loop.getBody().takeBody(body.region);
  SmallVector<Value> results(loop.getResults());
  for (auto [result, optional] : llvm::zip(results, wasOptional))
    if (!optional && !(result = getHeldValue(node, result)))
      return failure();
  for (auto [result, slice] :
       llvm::zip(MutableArrayRef<Value>(results).drop_front(form.numStates()),
                 slices)) {
    result = stack(node, result, slice.dims,
                   cast<RankedTensorType>(slice.type).getElementType());
    if (!result)
      return failure();
  }
  return results;
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
  for (size_t i = 0; i < numStates; ++i) {
    states.push_back(node.input(i));
    if (!states.back())
      return node.invalid("a state has no first value");
  }
  for (size_t i = 0; i < numInputs; ++i) {
    Value x = node.input(numStates + i);
    if (!x)
      return node.invalid("one of its sequences is missing");
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
  LoopForm form(graph, /*hasCondition=*/false, states, inputs);
  if (failed(importLoopBody(node, form)))
    return failure();
  // What there is of the body goes with it.
  if (!form.body->isWhole())
    return setNestedResults(node,
                            SmallVector<Value>(node.numOutputs(), Value()));
  AffineExpr count = NodeContext::dim(inputs.front(), 0);
  auto results =
      form.isPlain(node)
          ? closeScan(node, form, count)
          : closeLoop(node, form, node.sizeScalar(count), form.always);
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
  LoopForm form(graph, /*hasCondition=*/true, states);
  if (failed(importLoopBody(node, form)))
    return failure();
  if (!form.body->isWhole() || !form.goesOn)
    return setNestedResults(node,
                            SmallVector<Value>(node.numOutputs(), Value()));
  if (node.input(0) && form.isPlain(node)) {
    auto count = getTripCount(node);
    auto results = count ? closeScan(node, form, *count)
                         : FailureOr<SmallVector<Value>>(failure());
    return failed(results) ? failure() : setNestedResults(node, *results);
  }
  Value limit = node.input(0), condition = node.input(1);
  limit = limit ? node.cast(limit, builder.getI64Type())
                : node.intConstant({std::numeric_limits<int64_t>::max()});
  condition = condition ? condition : form.always;
  auto results = closeLoop(node, form, node.reshape(limit, {}),
                           node.reshape(condition, {}));
  return failed(results) ? failure() : setNestedResults(node, *results);
}
