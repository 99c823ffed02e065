// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// LSTM, GRU and RNN: one matrix product of the whole sequence with the input
// weights, then a scan over time with one product of the state.

#include "frontend/import/Activations.h"
#include "frontend/import/Arithmetic.h"
#include "llvm/ADT/StringExtras.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

using Exprs = SmallVector<AffineExpr>;

namespace {

/// What the operators have in common. Sizes: T steps, B batches, I inputs, H
/// hidden, D directions, G gates.
struct Recurrence {
  NodeContext &context;
  Arithmetic math;
  int64_t numGates;
  AffineExpr steps, batch;
  int64_t hidden = 0;
  /// [T, B, I].
  Value sequence;
  /// i64 [B, 1], or null for all steps.
  Value lengths;
  std::optional<double> clip;

  Recurrence(NodeContext &context, int64_t numGates)
      : context(context), math(context), numGates(numGates) {}
};

/// One direction's operands: matrices ready for products with rows on the left.
struct Direction {
  /// [I, G * H], [H, G * H].
  Value inputWeights, stateWeights;
  /// [G * H] each, or null.
  Value inputBias, stateBias;
  /// [B, H]; the cell's for LSTM alone.
  Value hidden, cell;
  /// [3 * H] or null.
  Value peepholes;
  SmallVector<Activation> activations;
  bool reverse = false;
};

/// What one direction gives: [T, B, H], [B, H] and [B, H].
struct Outcome {
  Value stacked, hidden, cell;
};

using BuildCell = Outcome (*)(Recurrence &, const Direction &);

} // namespace

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

/// Columns [begin, end) of the last dimension, in units of the hidden size.
static Value getGates(Recurrence &of, Value value, int64_t begin, int64_t end) {
  if (!value)
    return value;
  NodeContext &context = of.context;
  Exprs dims = NodeContext::dims(value);
  Exprs offsets(dims.size(), context.constantExpr(0));
  offsets.back() = context.constantExpr(begin * of.hidden);
  dims.back() = context.constantExpr((end - begin) * of.hidden);
  return context.create<SliceOp>(
      getTensorType(dims, NodeContext::elementType(value)), value,
      getSymbolMap(offsets, context.builder.getContext()),
      SmallVector<int64_t>(dims.size(), 1));
}

static Value getGate(Recurrence &of, Value value, int64_t gate) {
  return getGates(of, value, gate, gate + 1);
}

/// Entry `i` of dimension `axis`, which is dropped.
static Value pick(NodeContext &context, Value value, int64_t i,
                  int64_t axis = 0) {
  if (!value)
    return value;
  Exprs dims = NodeContext::dims(value);
  Exprs offsets(dims.size(), context.constantExpr(0));
  offsets[axis] = context.constantExpr(i);
  dims[axis] = context.constantExpr(1);
  Value slice = context.create<SliceOp>(
      getTensorType(dims, NodeContext::elementType(value)), value,
      getSymbolMap(offsets, context.builder.getContext()),
      SmallVector<int64_t>(dims.size(), 1));
  dims.erase(dims.begin() + axis);
  return context.reshape(slice, dims);
}

static bool takesAlpha(StringRef name) {
  return name != "sigmoid" && name != "tanh" && name != "relu" &&
         name != "softsign" && name != "softplus";
}
static bool takesBeta(StringRef name) {
  return name == "affine" || name == "scaledtanh" || name == "hardsigmoid";
}

/// The activations of all directions. Parameters are used up in their order.
static FailureOr<SmallVector<Activation>>
getActivations(NodeContext &context, ArrayRef<StringRef> defaults,
               int64_t numDirections) {
  SmallVector<std::string> names;
  for (int64_t d = 0; d < numDirections; ++d)
    for (StringRef name : defaults)
      names.push_back(name.str());
  if (auto given = context.getStrings("activations")) {
    if (given->size() != names.size())
      return context.invalid("it has " + Twine(given->size()) +
                             " activations, expected " + Twine(names.size()));
    names = *given;
  }
  auto alphas =
      context.getFloats("activation_alpha").value_or(SmallVector<float>());
  auto betas =
      context.getFloats("activation_beta").value_or(SmallVector<float>());
  size_t alpha = 0, beta = 0;
  SmallVector<Activation> activations;
  for (const std::string &name : names) {
    Activation activation{StringRef(name).lower(), {}, {}};
    if (takesAlpha(activation.name) && alpha < alphas.size())
      activation.alpha = alphas[alpha++];
    if (takesBeta(activation.name) && beta < betas.size())
      activation.beta = betas[beta++];
    activations.push_back(activation);
  }
  return activations;
}

/// The initial state of a direction: an input [D, B, H] ([B, D, H] with layout
/// 1), or zeros.
static Value getInitialState(Recurrence &of, size_t input, int64_t direction,
                             bool batchFirst) {
  NodeContext &context = of.context;
  Exprs dims = {of.batch, context.constantExpr(of.hidden)};
  if (Value state = context.input(input))
    return context.reshape(pick(context, state, direction, batchFirst ? 1 : 0),
                           dims);
  return context.broadcast(
      context.splat(0, NodeContext::elementType(of.sequence)), dims);
}

static Direction getDirection(Recurrence &of, int64_t i, bool reverse,
                              bool batchFirst, bool hasCell,
                              ArrayRef<Activation> activations) {
  NodeContext &context = of.context;
  Direction direction;
  direction.reverse = reverse;
  direction.inputWeights =
      context.transpose(pick(context, context.input(1), i), {1, 0});
  direction.stateWeights =
      context.transpose(pick(context, context.input(2), i), {1, 0});
  if (Value bias = pick(context, context.input(3), i)) {
    direction.inputBias = getGates(of, bias, 0, of.numGates);
    direction.stateBias = getGates(of, bias, of.numGates, 2 * of.numGates);
  }
  direction.hidden = getInitialState(of, 5, i, batchFirst);
  if (hasCell) {
    direction.cell = getInitialState(of, 6, i, batchFirst);
    direction.peepholes = pick(context, context.input(7), i);
  }
  direction.activations.assign(activations.begin(), activations.end());
  return direction;
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

/// The input projection of all steps, [T, B, G * H].
static Value projectInput(Recurrence &of, const Direction &direction,
                          Value bias) {
  Value product =
      of.context.create<MatmulOp>(of.sequence, direction.inputWeights);
  return bias ? of.math.add(product, bias) : product;
}

/// Both biases in one; null where there are none.
static Value joinBiases(Recurrence &of, const Direction &direction) {
  return direction.inputBias
             ? of.math.add(direction.inputBias, direction.stateBias)
             : Value();
}

static Value activate(Recurrence &of, const Activation &activation,
                      Value value) {
  if (of.clip)
    value = of.math.clip(value, -*of.clip, *of.clip);
  return applyActivation(of.context, activation, value);
}

/// Scans over `projected`. `step` maps the states and a step's projection to
/// the new states, of which the first is the output. Steps at and after a
/// batch's length leave the states and give zeros.
static SmallVector<Value>
buildScan(Recurrence &of, const Direction &direction, Value projected,
          ArrayRef<Value> initial,
          function_ref<SmallVector<Value>(ArrayRef<Value>, Value)> step) {
  NodeContext &context = of.context;
  OpBuilder &builder = context.builder;
  if (!projected || llvm::is_contained(initial, Value()))
    return {};
  SmallVector<Value> inputs = {projected};
  if (of.lengths)
    inputs.push_back(of.math.iota(of.steps, 0, 1, builder.getI64Type()));
  SmallVector<Type> types;
  for (Value state : initial)
    types.push_back(state.getType());
  Exprs stacked = {of.steps, of.batch, context.constantExpr(of.hidden)};
  types.push_back(getTensorType(stacked, NodeContext::elementType(projected)));
  auto scan = ScanOp::create(builder, context.loc, types, initial, inputs,
                             direction.reverse);

  OpBuilder::InsertionGuard guard(builder);
  Block *body = builder.createBlock(&scan.getBody());
  SmallVector<Value> states, slices;
  for (Value state : initial)
    states.push_back(body->addArgument(state.getType(), context.loc));
  for (Value input : inputs) {
    Exprs dims = NodeContext::dims(input);
    dims.erase(dims.begin());
    slices.push_back(body->addArgument(
        getTensorType(dims, NodeContext::elementType(input)), context.loc));
  }
  SmallVector<Value> results = step(states, slices.front());
  if (results.empty() || llvm::is_contained(results, Value())) {
    (void)context.unsupported("its step cannot be built");
    return {};
  }
  Value output = results.front();
  if (of.lengths) {
    Value isActive = of.math.compare(Predicate::Gt, of.lengths, slices.back());
    for (auto [state, result] : llvm::zip(states, results))
      result = of.math.select(isActive, result, state);
    output = of.math.select(isActive, output, 0.0);
  }
  results.push_back(output);
  YieldOp::create(builder, context.loc, results);
  return SmallVector<Value>(scan.getResults());
}

static Outcome buildLstm(Recurrence &of, const Direction &direction) {
  Arithmetic &math = of.math;
  bool coupled = of.context.getInt("input_forget", 0) != 0;
  Value projected = projectInput(of, direction, joinBiases(of, direction));
  auto step = [&](ArrayRef<Value> states, Value x) -> SmallVector<Value> {
    Value hidden = states[0], cell = states[1];
    Value gates = math.add(
        x, of.context.create<MatmulOp>(hidden, direction.stateWeights));
    auto peep = [&](Value gate, int64_t peephole, Value at) {
      if (!direction.peepholes)
        return gate;
      return math.add(gate,
                      math.mul(getGate(of, direction.peepholes, peephole), at));
    };
    ArrayRef<Activation> f = direction.activations;
    // In the order input, output, forget, cell.
    Value input = activate(of, f[0], peep(getGate(of, gates, 0), 0, cell));
    Value forget =
        coupled ? math.sub(1.0, input)
                : activate(of, f[0], peep(getGate(of, gates, 2), 2, cell));
    Value fresh = activate(of, f[1], getGate(of, gates, 3));
    Value next = math.add(math.mul(forget, cell), math.mul(input, fresh));
    Value output = activate(of, f[0], peep(getGate(of, gates, 1), 1, next));
    return {math.mul(output, applyActivation(of.context, f[2], next)), next};
  };
  auto results = buildScan(of, direction, projected,
                           {direction.hidden, direction.cell}, step);
  return results.empty() ? Outcome()
                         : Outcome{results[2], results[0], results[1]};
}

static Outcome buildGru(Recurrence &of, const Direction &direction) {
  Arithmetic &math = of.math;
  bool linearFirst = of.context.getInt("linear_before_reset", 0) != 0;
  // The hidden gate's state bias stands within the product with the reset gate.
  Value bias = direction.inputBias, hiddenBias;
  if (bias) {
    Value onGates = getGates(of, direction.stateBias, 0, 2);
    hiddenBias = getGate(of, direction.stateBias, 2);
    bias = of.context.create<ConcatOp>(
        SmallVector<Value>{math.add(getGates(of, bias, 0, 2), onGates),
                           linearFirst
                               ? getGate(of, bias, 2)
                               : math.add(getGate(of, bias, 2), hiddenBias)},
        0);
  }
  Value projected = projectInput(of, direction, bias);
  Value onGates = getGates(of, direction.stateWeights, 0, 2);
  Value onHidden = getGate(of, direction.stateWeights, 2);
  auto step = [&](ArrayRef<Value> states, Value x) -> SmallVector<Value> {
    Value hidden = states[0];
    Value product = of.context.create<MatmulOp>(
        hidden, linearFirst ? direction.stateWeights : onGates);
    ArrayRef<Activation> f = direction.activations;
    // In the order update, reset, hidden.
    Value gates = activate(
        of, f[0], math.add(getGates(of, x, 0, 2), getGates(of, product, 0, 2)));
    Value update = getGate(of, gates, 0), reset = getGate(of, gates, 1);
    Value inner;
    if (linearFirst) {
      inner = getGate(of, product, 2);
      if (hiddenBias)
        inner = math.add(inner, hiddenBias);
      inner = math.mul(reset, inner);
    } else {
      inner = of.context.create<MatmulOp>(math.mul(reset, hidden), onHidden);
    }
    Value fresh = activate(of, f[1], math.add(getGate(of, x, 2), inner));
    return {math.add(math.mul(math.sub(1.0, update), fresh),
                     math.mul(update, hidden))};
  };
  auto results = buildScan(of, direction, projected, {direction.hidden}, step);
  return results.empty() ? Outcome() : Outcome{results[1], results[0], Value()};
}

static Outcome buildRnn(Recurrence &of, const Direction &direction) {
  Value projected = projectInput(of, direction, joinBiases(of, direction));
  auto step = [&](ArrayRef<Value> states, Value x) -> SmallVector<Value> {
    Value sum = of.math.add(
        x, of.context.create<MatmulOp>(states[0], direction.stateWeights));
    return {activate(of, direction.activations[0], sum)};
  };
  auto results = buildScan(of, direction, projected, {direction.hidden}, step);
  return results.empty() ? Outcome() : Outcome{results[1], results[0], Value()};
}

//===----------------------------------------------------------------------===//
// Operators
//===----------------------------------------------------------------------===//

/// The results of all directions in a new dimension `axis`.
static Value joinDirections(NodeContext &context, ArrayRef<Value> values,
                            int64_t axis) {
  SmallVector<Value> apart;
  for (Value value : values) {
    if (!value)
      return Value();
    Exprs dims = NodeContext::dims(value);
    dims.insert(dims.begin() + axis, context.constantExpr(1));
    apart.push_back(context.reshape(value, dims));
  }
  return apart.size() == 1 ? apart.front()
                           : context.create<ConcatOp>(apart, axis);
}

/// Whether input `i`, if there is one, has these dimensions.
static LogicalResult requireShape(NodeContext &context, size_t i,
                                  ArrayRef<AffineExpr> dims) {
  Value value = context.input(i);
  if (!value)
    return success();
  if (NodeContext::rank(value) != static_cast<int64_t>(dims.size()))
    return context.invalid("its input " + Twine(i) + " has rank " +
                           Twine(NodeContext::rank(value)) + ", expected " +
                           Twine(dims.size()));
  for (auto [axis, dim] : llvm::enumerate(dims))
    if (failed(context.requireEqual(NodeContext::dim(value, axis), dim,
                                    "dimension " + Twine(axis) +
                                        " of its input " + Twine(i) +
                                        " does not fit")))
      return failure();
  return success();
}

/// Reads the sizes from X and R; failure, with the node reported, where they do
/// not fit the rest.
static LogicalResult readSequence(Recurrence &of, int64_t numDirections,
                                  bool batchFirst) {
  NodeContext &context = of.context;
  Value x = context.input(0), weights = context.input(1),
        recurrence = context.input(2);
  if (NodeContext::rank(x) != 3 || NodeContext::rank(weights) != 3 ||
      NodeContext::rank(recurrence) != 3)
    return context.invalid("X, W and R must have rank 3");
  auto hidden = dyn_cast<AffineConstantExpr>(NodeContext::dim(recurrence, 2));
  if (!hidden)
    return context.unsupported("its hidden size is not constant");
  of.hidden = hidden.getValue();
  AffineExpr rows = context.constantExpr(of.numGates * of.hidden);
  AffineExpr directions = context.constantExpr(numDirections);
  for (Value matrix : {weights, recurrence})
    if (failed(context.requireEqual(NodeContext::dim(matrix, 0), directions,
                                    "weights are for another number of "
                                    "directions")) ||
        failed(context.requireEqual(NodeContext::dim(matrix, 1), rows,
                                    "weights are for another number of gates")))
      return failure();
  of.sequence = batchFirst ? context.transpose(x, {1, 0, 2}) : x;
  if (!of.sequence)
    return failure();
  of.steps = NodeContext::dim(of.sequence, 0);
  of.batch = NodeContext::dim(of.sequence, 1);
  if (failed(context.requireEqual(NodeContext::dim(x, 2),
                                  NodeContext::dim(weights, 2),
                                  "its weights are for another input size")))
    return failure();
  if (Value lengths = context.input(4)) {
    lengths = context.cast(lengths, context.builder.getI64Type());
    of.lengths = context.reshape(lengths, {of.batch, context.constantExpr(1)});
  }
  AffineExpr width = context.constantExpr(of.hidden);
  SmallVector<AffineExpr, 3> state = {directions, of.batch, width};
  if (batchFirst)
    std::swap(state[0], state[1]);
  const std::pair<size_t, SmallVector<AffineExpr, 3>> optional[] = {
      {3, {directions, rows * 2}},
      {5, state},
      {6, state},
      {7, {directions, width * 3}}};
  for (auto &[i, dims] : optional)
    if (failed(requireShape(context, i, dims)))
      return failure();
  if (context.hasAttr("clip"))
    of.clip = context.getFloat("clip", 0);
  return success();
}

static LogicalResult importRecurrent(NodeContext &context, int64_t numGates,
                                     ArrayRef<StringRef> activationNames,
                                     bool hasCell, BuildCell build) {
  std::string direction = context.getString("direction", "forward");
  if (direction != "forward" && direction != "reverse" &&
      direction != "bidirectional")
    return context.invalid("direction is '" + Twine(direction) +
                           "', expected forward, reverse or bidirectional");
  int64_t numDirections = direction == "bidirectional" ? 2 : 1;
  bool batchFirst = context.getInt("layout", 0) != 0;
  Recurrence of(context, numGates);
  auto activations = getActivations(context, activationNames, numDirections);
  if (failed(activations) ||
      failed(readSequence(of, numDirections, batchFirst)))
    return failure();

  SmallVector<Value> stacked, hidden, cells;
  for (int64_t i = 0; i < numDirections; ++i) {
    bool reverse = direction == "reverse" || i == 1;
    Outcome outcome =
        build(of, getDirection(of, i, reverse, batchFirst, hasCell,
                               ArrayRef(*activations)
                                   .slice(i * activationNames.size(),
                                          activationNames.size())));
    stacked.push_back(outcome.stacked);
    hidden.push_back(outcome.hidden);
    cells.push_back(outcome.cell);
  }
  Value all = joinDirections(context, stacked, 1);
  if (batchFirst)
    all = context.transpose(all, {2, 0, 1, 3});
  int64_t axis = batchFirst ? 1 : 0;
  SmallVector<Value> results = {all, joinDirections(context, hidden, axis)};
  if (hasCell)
    results.push_back(joinDirections(context, cells, axis));
  return context.setResults(results);
}

static LogicalResult importLSTM(NodeContext &context) {
  return importRecurrent(context, 4, {"sigmoid", "tanh", "tanh"},
                         /*hasCell=*/true, buildLstm);
}
static LogicalResult importGRU(NodeContext &context) {
  return importRecurrent(context, 3, {"sigmoid", "tanh"}, /*hasCell=*/false,
                         buildGru);
}
static LogicalResult importRNN(NodeContext &context) {
  return importRecurrent(context, 1, {"tanh"}, /*hasCell=*/false, buildRnn);
}

void frontend::addRecurrentRules(RuleTable &table) {
  table.add("GRU", importGRU);
  table.add("LSTM", importLSTM);
  table.add("RNN", importRNN);
}
