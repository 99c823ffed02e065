// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Parts of tensors, and borders around them.

#include "frontend/import/Families.h"
#include "frontend/import/LateSizes.h"
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

/// Farther than any dimension: the usual way to write "to the end".
static constexpr int64_t kFar = int64_t(1) << 30;

/// A position from the start, which counts from the end if it is not seen to be
/// positive.
static AffineExpr fromStart(NodeContext &context, AffineExpr position,
                            AffineExpr size) {
  return provablyLessEqual(context.constantExpr(0), position)
             ? position
             : simplify(position + size);
}

/// Whether only the running model knows where a position is clamped to
/// [low, high]: sizes that it finds are often smaller than the slice (the best
/// hundred of what was detected), and so may others be than many elements. An
/// end that is a size itself, and few elements, as a first token or a pair, are
/// demanded to be there, so that the size of the slice stays known.
static bool isClampedLate(NodeContext &context, AffineExpr position,
                          AffineExpr size, AffineExpr low, AffineExpr high) {
  auto number = dyn_cast<AffineConstantExpr>(position);
  if (number && std::abs(number.getValue()) >= kFar)
    return false;
  constexpr int64_t kFew = 8;
  bool isLate = context.isLate(size) || context.isLate(position);
  if (!isLate && (!number || std::abs(number.getValue()) <= kFew))
    return false;
  AffineExpr at = fromStart(context, position, size);
  return !provablyLessEqual(high, at) && !provablyLessEqual(at, low) &&
         !(provablyLessEqual(low, at) && provablyLessEqual(at, high));
}

/// A position clamped to [low, high]. What cannot be seen from the expression
/// is demanded when the model runs.
static AffineExpr clampPosition(NodeContext &context, AffineExpr position,
                                AffineExpr size, AffineExpr low,
                                AffineExpr high) {
  auto number = dyn_cast<AffineConstantExpr>(position);
  if (number && number.getValue() >= kFar)
    return high;
  if (number && number.getValue() <= -kFar)
    return low;
  position = fromStart(context, position, size);
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

/// Steps beyond all dimensions make no difference; sums of them could overflow.
static int64_t clampStep(int64_t step) {
  constexpr int64_t kFar = int64_t(1) << 48;
  return std::clamp(step, -kFar, kFar);
}

/// A slice of which only the running model knows all: along each dimension,
/// elements are gathered from `start` on, `step` apart.
static LogicalResult importLateSlice(NodeContext &context) {
  LateSizes late(context);
  const Arithmetic &math = late.math;
  Value x = context.input(0);
  Value starts = late.toVector(context.input(1), "the start");
  Value ends = late.toVector(context.input(2), "the end");
  if (!starts || !ends)
    return failure();
  int64_t rank = NodeContext::rank(x);
  int64_t number = NodeContext::type(starts).getDimSize(0);
  Value axes = context.hasInput(3)
                   ? late.toVector(context.input(3), "the list of axes")
                   : late.count(number);
  Value steps = context.hasInput(4)
                    ? late.toVector(context.input(4), "the step")
                    : context.splat(1, context.builder.getI64Type(), {number});
  for (Value other : {ends, axes, steps})
    if (!other || NodeContext::type(other).getDimSize(0) != number)
      return other ? context.invalid("its starts, ends, axes and steps differ "
                                     "in number")
                   : failure();
  if (number == 0)
    return context.setResults(x);
  if (number > rank)
    return context.invalid("it slices " + Twine(number) + " dimensions of " +
                           Twine(rank));
  // Everything for each dimension given, then for all dimensions.
  LateAxes of = late.axes(axes, rank);
  Value sizes = late.vector(NodeContext::dims(x));
  Value along = context.create<GatherOp>(sizes, of.list, int64_t(0));
  Value down = math.compare(Predicate::Lt, steps, 0.0);
  Value last = math.select(down, math.sub(along, 1.0), along);
  Value lowest = math.select(down, -1.0, math.mul(along, 0.0));
  Value start = math.min(math.max(late.wrap(starts, along), 0.0), last);
  Value end = math.min(math.max(late.wrap(ends, along), lowest), last);
  Value count = late.extent(math.sub(end, start), steps);
  Value isValid = context.create<AndOp>(
      of.isValid, late.all(math.compare(Predicate::Ne, steps, 0.0)));

  auto knownAxes = context.intValues(context.input(3));
  auto knownSteps = context.intValues(context.input(4));
  if (!context.hasInput(3))
    knownAxes = range(0, number);
  if (!context.hasInput(4))
    knownSteps = SmallVector<int64_t>(number, 1);
  if (knownAxes && knownSteps) {
    auto bound = late.bind(late.concat({math.max(start, 0.0), count}), isValid,
                           "the start, the end or the list of axes");
    if (!bound)
      return failure();
    Exprs offsets(rank, context.constantExpr(0)), dims = NodeContext::dims(x);
    SmallVector<int64_t> strides(rank, 1);
    for (auto [i, given] : llvm::enumerate(*knownAxes)) {
      auto axis = context.normalizeAxis(given, rank);
      if (!axis)
        return failure();
      offsets[*axis] = (*bound)[i];
      dims[*axis] = (*bound)[number + i];
      strides[*axis] = clampStep((*knownSteps)[i]);
    }
    return context.setResults(buildSlice(context, x, offsets, dims, strides));
  }
  auto bound = late.bind(late.spread(count, of, sizes), isValid,
                         "the start, the end, the step or the list of axes");
  if (!bound)
    return failure();
  Type i64 = context.builder.getI64Type();
  Value first = late.spread(start, of, context.splat(0, i64, {rank}));
  Value distance = late.spread(steps, of, context.splat(1, i64, {rank}));
  for (int64_t d = 0; d < rank; ++d) {
    if (knownAxes && !llvm::is_contained(*knownAxes, d) &&
        !llvm::is_contained(*knownAxes, d - rank))
      continue;
    Value positions = math.iota((*bound)[d], 0, 1, i64);
    x = context.create<GatherOp>(
        x,
        math.add(math.mul(positions, late.element(distance, d)),
                 late.element(first, d)),
        d);
  }
  return context.setResults(x);
}

static LogicalResult importSlice(NodeContext &context) {
  for (size_t i = 1; i < 5; ++i)
    if (!isKnown(context, context.input(i)))
      return importLateSlice(context);
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
  auto isDecided = [&](AffineExpr position) {
    return isa<AffineConstantExpr>(position) ||
           provablyLessEqual(context.constantExpr(0), position) ||
           provablyLessEqual(position, context.constantExpr(-1));
  };
  if (!llvm::all_of(*starts, isDecided) || !llvm::all_of(*ends, isDecided))
    return importLateSlice(context);
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
    step = clampStep(step);
    // Going down, positions are those of elements, and the end may be before 0.
    AffineExpr size = NodeContext::dim(x, *axis);
    bool down = step < 0;
    AffineExpr last = down ? simplify(size - 1) : size;
    AffineExpr lowest = context.constantExpr(0);
    AffineExpr lowestEnd = down ? lowest - 1 : lowest;
    if (isClampedLate(context, start, size, lowest, last) ||
        isClampedLate(context, end, size, lowestEnd, last))
      return importLateSlice(context);
    AffineExpr begin = clampPosition(context, start, size, lowest, last);
    AffineExpr stop = begin ? clampPosition(context, end, size, lowestEnd, last)
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
    return getSizes(context, split, "the list of parts");
  int64_t count = context.getInt("num_outputs", context.numOutputs());
  if (count < 1) {
    (void)context.invalid("num_outputs is " + Twine(count) +
                          ", expected more than 0");
    return std::nullopt;
  }
  if (count > NodeContext::kMaxListed) {
    (void)context.invalid("it has " + Twine(context.numOutputs()) +
                          " outputs for " + Twine(count) + " parts");
    return std::nullopt;
  }
  auto number = dyn_cast<AffineConstantExpr>(size);
  bool mayDiffer = context.hasAttr("num_outputs"); // the last part
  if (!number && !mayDiffer) {
    AffineExpr part = simplify(size.floorDiv(count));
    if (failed(context.requireEqual(simplify(part * count), size,
                                    "a dimension cannot be split evenly")))
      return std::nullopt;
    return Exprs(count, part);
  }
  if (!number) {
    AffineExpr part = simplify(size.ceilDiv(count)),
               before = simplify(part * (count - 1));
    if (failed(context.requireLessEqual(
            before, size, "a dimension is too small for so many parts")))
      return std::nullopt;
    Exprs sizes(count, part);
    sizes.back() = simplify(size - before);
    return sizes;
  }
  int64_t part = llvm::divideCeil(number.getValue(), count);
  int64_t last = number.getValue() - part * (count - 1);
  if (last < 0 || (!mayDiffer && last != part)) {
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

/// Pads that only the running model knows: what is negative is cut off first.
static LogicalResult importLatePad(NodeContext &context, PadMode mode) {
  LateSizes late(context);
  const Arithmetic &math = late.math;
  Value x = context.input(0);
  Value pads = late.toVector(context.input(1), "the padding");
  int64_t rank = NodeContext::rank(x), number = rank;
  if (!pads)
    return failure();
  Value axes = context.input(3);
  if (axes) {
    axes = late.toVector(axes, "the list of axes");
    if (!axes)
      return failure();
    number = NodeContext::type(axes).getDimSize(0);
  }
  int64_t given = NodeContext::type(pads).getDimSize(0);
  if (given != 2 * number)
    return context.invalid("it has " + Twine(given) + " pads, expected " +
                           Twine(2 * number));
  if (number == 0)
    return context.setResults(x);
  Value before = late.slice(pads, 0, number);
  Value after = late.slice(pads, number, number);
  Type i64 = context.builder.getI64Type();
  Value isValid = context.splat(1, context.builder.getI1Type());
  if (axes) {
    LateAxes of = late.axes(axes, rank);
    Value none = context.splat(0, i64, {rank});
    before = late.spread(before, of, none);
    after = late.spread(after, of, none);
    isValid = of.isValid;
  }
  auto positive = [&](Value count) { return math.max(count, 0.0); };
  auto negative = [&](Value count) {
    return math.max(math.sub(0.0, count), 0.0);
  };
  auto bound = late.bind(late.concat({negative(before), negative(after),
                                      positive(before), positive(after)}),
                         isValid, "the list of axes or the padding");
  if (!bound)
    return failure();
  Exprs dims = NodeContext::dims(x), low, cutLow;
  for (int64_t d = 0; d < rank; ++d) {
    AffineExpr cut = (*bound)[d] + (*bound)[rank + d];
    if (failed(context.requireLessEqual(simplify(cut), dims[d],
                                        "more is cut than there is")))
      return failure();
    cutLow.push_back((*bound)[d]);
    dims[d] = simplify(dims[d] - cut);
  }
  x = buildSlice(context, x, cutLow, dims, SmallVector<int64_t>(rank, 1));
  for (int64_t d = 0; d < rank; ++d) {
    AffineExpr lower = (*bound)[2 * rank + d], upper = (*bound)[3 * rank + d];
    if (mode == PadMode::Reflect)
      for (AffineExpr pad : {lower, upper})
        if (failed(context.requireLessEqual(
                pad, simplify(dims[d] - 1),
                "it reflects more elements than there are")))
          return failure();
    low.push_back(lower);
    dims[d] = simplify(dims[d] + lower + upper);
  }
  Value value = context.input(2);
  value = value ? context.reshape(value, {})
                : context.splat(0, NodeContext::elementType(x));
  return context.setResults(context.create<PadOp>(
      getTensorType(dims, NodeContext::elementType(x)), mode, x, value,
      getSymbolMap(low, context.builder.getContext())));
}

LogicalResult frontend::importPad(NodeContext &context) {
  Value x = context.input(0);
  auto mode = getPadMode(context);
  if (mode && (!isKnown(context, context.input(1)) ||
               !isKnown(context, context.input(3))))
    return importLatePad(context, *mode);
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
