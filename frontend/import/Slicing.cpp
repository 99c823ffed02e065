// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Parts of tensors, and borders around them.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
#include "frontend/import/Sizes.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

using Exprs = SmallVector<AffineExpr>;

/// A box of a tensor with strides of 1.
static Value buildSlice(NodeContext &context, Value x, ArrayRef<AffineExpr> low,
                        ArrayRef<AffineExpr> sizes, ArrayRef<int64_t> strides) {
  return context.create<SliceOp>(
      getTensorType(sizes, NodeContext::elementType(x)), x,
      getSymbolMap(low, context.builder.getContext()), strides);
}

//===----------------------------------------------------------------------===//
// Slice
//===----------------------------------------------------------------------===//

/// A position, which counts from the end if it is negative, clamped to [low,
/// high]. What cannot be seen from the expression is demanded when the model
/// runs; of a position that may be negative or not, nothing can be said.
static AffineExpr clampPosition(NodeContext &context, AffineExpr position,
                                AffineExpr size, AffineExpr low,
                                AffineExpr high) {
  AffineExpr zero = context.constantExpr(0);
  auto number = dyn_cast<AffineConstantExpr>(position);
  // Farther than any dimension: the usual way to write "to the end".
  constexpr int64_t kFar = int64_t(1) << 30;
  if (number && number.getValue() >= kFar)
    return high;
  if (number && number.getValue() <= -kFar)
    return low;
  if (!provablyLessEqual(zero, position)) {
    if (!provablyLessEqual(position, context.constantExpr(-1))) {
      (void)context.unsupported(
          "it cannot be known whether a position is negative");
      return AffineExpr();
    }
    position = simplify(position + size);
  }
  if (provablyLessEqual(high, position))
    return high;
  if (provablyLessEqual(position, low))
    return low;
  if (failed(context.requireLessEqual(low, position,
                                      "a slice begins before the tensor")) ||
      failed(context.requireLessEqual(position, high,
                                      "a slice ends after the tensor")))
    return AffineExpr();
  return position;
}

static LogicalResult importSlice(NodeContext &context) {
  Value x = context.input(0);
  auto starts = getKnownSizes(context, context.input(1), "the start");
  auto ends = getKnownSizes(context, context.input(2), "the end");
  if (!starts || !ends)
    return failure();
  int64_t rank = NodeContext::rank(x);
  SmallVector<int64_t> axes = range(0, starts->size());
  SmallVector<int64_t> steps(starts->size(), 1);
  if (Value input = context.input(3)) {
    auto given = getKnownInts(context, input, "the list of axes");
    if (!given)
      return failure();
    axes = *given;
  }
  if (Value input = context.input(4)) {
    auto given = getKnownInts(context, input, "the step");
    if (!given)
      return failure();
    steps = *given;
  }
  if (ends->size() != starts->size() || axes.size() != starts->size() ||
      steps.size() != starts->size())
    return context.invalid("its starts, ends, axes and steps differ in number");

  Exprs offsets(rank, context.constantExpr(0)), sizes = NodeContext::dims(x);
  SmallVector<int64_t> strides(rank, 1);
  for (auto [start, end, givenAxis, step] :
       llvm::zip(*starts, *ends, axes, steps)) {
    auto axis = context.normalizeAxis(givenAxis, rank);
    if (!axis)
      return failure();
    if (step == 0)
      return context.invalid("a step is zero");
    // Going down, positions are those of elements, and the end may be before 0.
    AffineExpr size = NodeContext::dim(x, *axis);
    bool down = step < 0;
    AffineExpr last = down ? simplify(size - 1) : size;
    AffineExpr lowest = context.constantExpr(0);
    AffineExpr begin = clampPosition(context, start, size, lowest, last);
    AffineExpr stop = begin ? clampPosition(context, end, size,
                                            down ? lowest - 1 : lowest, last)
                            : AffineExpr();
    if (!stop)
      return failure();
    auto count = getExtent(context, down ? stop : begin, down ? begin : stop,
                           std::abs(step));
    if (!count)
      return failure();
    offsets[*axis] = begin;
    sizes[*axis] = *count;
    strides[*axis] = step;
  }
  return context.setResults(buildSlice(context, x, offsets, sizes, strides));
}

//===----------------------------------------------------------------------===//
// Split
//===----------------------------------------------------------------------===//

/// The sizes of the parts along a dimension.
static std::optional<Exprs> getSplitSizes(NodeContext &context,
                                          AffineExpr size) {
  if (auto given = context.getInts("split")) {
    Exprs sizes;
    for (int64_t part : *given)
      sizes.push_back(context.constantExpr(part));
    return sizes;
  }
  if (Value split = context.input(1))
    return getKnownSizes(context, split, "the list of parts");
  int64_t count = context.getInt("num_outputs", context.numOutputs());
  if (count < 1) {
    (void)context.invalid("num_outputs is " + Twine(count) +
                          ", expected more than 0");
    return std::nullopt;
  }
  auto number = dyn_cast<AffineConstantExpr>(size);
  if (!number) {
    AffineExpr part = simplify(size.floorDiv(count));
    if (failed(context.requireEqual(simplify(part * count), size,
                                    "a dimension cannot be split evenly")))
      return std::nullopt;
    return Exprs(count, part);
  }
  // The last part may be smaller.
  int64_t part = llvm::divideCeil(number.getValue(), count);
  int64_t last = number.getValue() - part * (count - 1);
  if (last < 0 || (!context.hasAttr("num_outputs") && last != part)) {
    (void)context.invalid("a dimension of " + Twine(number.getValue()) +
                          " cannot be split into " + Twine(count) + " parts");
    return std::nullopt;
  }
  Exprs sizes(count, context.constantExpr(part));
  sizes.back() = context.constantExpr(last);
  return sizes;
}

static LogicalResult importSplit(NodeContext &context) {
  Value x = context.input(0);
  int64_t rank = NodeContext::rank(x);
  auto axis = context.normalizeAxis(context.getInt("axis", 0), rank);
  if (!axis)
    return failure();
  AffineExpr size = NodeContext::dim(x, *axis);
  auto parts = getSplitSizes(context, size);
  if (!parts)
    return failure();
  if (parts->size() != context.numOutputs())
    return context.invalid("it has " + Twine(context.numOutputs()) +
                           " outputs for " + Twine(parts->size()) + " parts");
  AffineExpr sum = context.constantExpr(0);
  for (AffineExpr part : *parts)
    sum = sum + part;
  if (failed(context.requireEqual(simplify(sum), size,
                                  "the parts do not add up to the dimension")))
    return failure();
  Exprs offsets(rank, context.constantExpr(0)), sizes = NodeContext::dims(x);
  SmallVector<Value> results;
  for (AffineExpr part : *parts) {
    sizes[*axis] = part;
    results.push_back(
        buildSlice(context, x, offsets, sizes, SmallVector<int64_t>(rank, 1)));
    offsets[*axis] = simplify(offsets[*axis] + part);
  }
  return context.setResults(results);
}

//===----------------------------------------------------------------------===//
// Pad, ReverseSequence
//===----------------------------------------------------------------------===//

static std::optional<PadMode> getPadMode(NodeContext &context) {
  std::string mode = context.getString("mode", "constant");
  for (PadMode known :
       {PadMode::Constant, PadMode::Edge, PadMode::Reflect, PadMode::Wrap})
    if (mode == stringifyPadMode(known))
      return known;
  (void)context.invalid("mode is '" + Twine(mode) +
                        "', expected constant, edge, reflect or wrap");
  return std::nullopt;
}

static LogicalResult importPad(NodeContext &context) {
  Value x = context.input(0);
  auto mode = getPadMode(context);
  auto pads = getKnownSizes(context, context.input(1), "the padding");
  if (!mode || !pads)
    return failure();
  int64_t rank = NodeContext::rank(x);
  SmallVector<int64_t> axes = range(0, rank);
  if (context.hasInput(3)) {
    auto given = getAxes(context, 3, rank);
    if (!given)
      return failure();
    axes = *given;
  }
  if (pads->size() != 2 * axes.size())
    return context.invalid("it has " + Twine(pads->size()) +
                           " pads, expected " + Twine(2 * axes.size()));
  Exprs low(rank, context.constantExpr(0)), dims = NodeContext::dims(x);
  for (auto [i, axis] : llvm::enumerate(axes)) {
    AffineExpr before = (*pads)[i], after = (*pads)[axes.size() + i];
    // Reflection farther than the tensor reaches would have to turn round.
    if (*mode == PadMode::Reflect)
      for (AffineExpr pad : {before, after})
        if (failed(context.requireLessEqual(
                pad, simplify(dims[axis] - 1),
                "it reflects more elements than there are")))
          return failure();
    low[axis] = before;
    dims[axis] = simplify(dims[axis] + before + after);
    if (failed(context.requireLessEqual(context.constantExpr(0), dims[axis],
                                        "more is cut than there is")))
      return failure();
  }
  Value value = context.input(2);
  value = value ? context.reshape(value, {})
                : context.splat(0, NodeContext::elementType(x));
  return context.setResults(context.create<PadOp>(
      getTensorType(dims, NodeContext::elementType(x)), *mode, x, value,
      getSymbolMap(low, context.builder.getContext())));
}

/// Element t of batch b comes from position `lens[b] - 1 - t` if that is not
/// negative, otherwise it stays.
static LogicalResult importReverseSequence(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0), lengths = context.input(1);
  int64_t rank = NodeContext::rank(x);
  auto time = context.normalizeAxis(context.getInt("time_axis", 0), rank);
  auto batch = context.normalizeAxis(context.getInt("batch_axis", 1), rank);
  if (!time || !batch)
    return failure();
  Exprs dims(rank, context.constantExpr(1));
  dims[*batch] = NodeContext::dim(x, *batch);
  Value last = math.sub(context.reshape(lengths, dims), 1.0);
  Value position = math.iota(NodeContext::dim(x, *time), *time, rank,
                             context.builder.getI64Type());
  Value mirrored = math.sub(last, position);
  Value source = math.select(math.compare(Predicate::Ge, mirrored, 0.0),
                             mirrored, position);
  return context.setResults(context.create<GatherElementsOp>(
      x, context.broadcast(source, NodeContext::dims(x)), *time));
}

void frontend::addSlicingRules(RuleTable &table) {
  table.add("Pad", importPad);
  table.add("ReverseSequence", importReverseSequence);
  table.add("Slice", importSlice);
  table.add("Split", importSplit);
}
