// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Reshaping, joining and repeating; parts of tensors are in Slicing.cpp.

#include "frontend/import/Families.h"
#include "frontend/import/LateSizes.h"
#include "frontend/import/Sizes.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

using Exprs = SmallVector<AffineExpr>;

//===----------------------------------------------------------------------===//
// Reshape and its short forms
//===----------------------------------------------------------------------===//

/// A shape that only the running model knows: zeros and -1 get their meaning
/// there.
static LogicalResult importLateReshape(NodeContext &context, bool allowZero) {
  LateSizes late(context);
  const Arithmetic &math = late.math;
  Value x = context.input(0);
  Value shape = late.toVector(context.input(1), "the shape");
  if (!shape)
    return failure();
  int64_t rank = NodeContext::type(shape).getDimSize(0);
  Exprs own = NodeContext::dims(x);
  own.resize(rank, context.constantExpr(-2)); // there is nothing to copy
  auto isEqual = [&](Value value, double number) {
    return math.compare(Predicate::Eq, value, number);
  };
  Value sizes = shape;
  if (!allowZero)
    sizes = math.select(isEqual(shape, 0), late.vector(own), shape);
  Value isOpen = isEqual(shape, -1);
  Value known = math.reduce(ReduceKind::Prod, math.select(isOpen, 1.0, sizes),
                            {0}, false);
  Value count = context.sizeScalar(getNumElements(NodeContext::type(x)));
  Value open = math.div(count, math.max(known, 1.0));
  Value isSingle = math.compare(
      Predicate::Le,
      math.reduce(ReduceKind::Sum, late.toInt(isOpen), {0}, false), 1.0);
  auto dims =
      late.bind(math.select(isOpen, open, sizes), isSingle, "the shape");
  if (!dims)
    return failure();
  auto elements = getElements(context, context.input(1));
  for (auto [i, element] : llvm::enumerate(*elements)) {
    auto number = dyn_cast_or_null<AffineConstantExpr>(element);
    if (number && number.getValue() > 0)
      (*dims)[i] = number;
    else if (number && number.getValue() == 0)
      (*dims)[i] = allowZero ? number : own[i];
    else if (element && !number)
      (*dims)[i] = element;
  }
  return context.setResults(context.reshape(x, *dims));
}

static LogicalResult importReshape(NodeContext &context) {
  Value x = context.input(0);
  if (!isKnown(context, context.input(1)))
    return importLateReshape(context, context.getInt("allowzero", 0) != 0);
  auto shape = getSizes(context, context.input(1), "the shape");
  if (!shape)
    return failure();
  bool allowZero = context.getInt("allowzero", 0) != 0;
  Exprs dims = *shape, known;
  std::optional<size_t> open;
  for (auto [i, dim] : llvm::enumerate(dims)) {
    if (dim == -1) {
      if (open)
        return context.invalid("its shape has more than one -1");
      open = i;
      continue;
    }
    if (dim == 0 && !allowZero) {
      if (static_cast<int64_t>(i) >= NodeContext::rank(x))
        return context.invalid("its shape copies dimension " + Twine(i) +
                               ", but the operand has rank " +
                               Twine(NodeContext::rank(x)));
      dim = NodeContext::dim(x, i);
    }
    known.push_back(dim);
  }
  if (open) {
    AffineExpr count = getNumElements(NodeContext::type(x));
    AffineExpr rest = getProduct(context, known);
    if (rest == 0)
      return context.invalid("-1 stands beside a dimension of 0");
    dims[*open] = simplify(count.floorDiv(rest));
  }
  return context.setResults(context.reshape(x, dims));
}

static LogicalResult importFlatten(NodeContext &context) {
  Value x = context.input(0);
  int64_t rank = NodeContext::rank(x), axis = context.getInt("axis", 1);
  if (axis < -rank || axis > rank)
    return context.invalid("axis " + Twine(axis) +
                           " is out of range for rank " + Twine(rank));
  Exprs dims = NodeContext::dims(x);
  size_t split = axis < 0 ? axis + rank : axis;
  return context.setResults(context.reshape(
      x, {getProduct(context, ArrayRef(dims).take_front(split)),
          getProduct(context, ArrayRef(dims).drop_front(split))}));
}

/// Squeezes dimensions that only the running model knows.
static LogicalResult importLateSqueeze(NodeContext &context) {
  LateSizes late(context);
  const Arithmetic &math = late.math;
  Value x = context.input(0);
  int64_t rank = NodeContext::rank(x);
  Value given = late.toVector(context.input(1), "the list of axes");
  if (!given)
    return failure();
  int64_t number = NodeContext::type(given).getDimSize(0);
  if (number > rank)
    return context.invalid("it squeezes " + Twine(number) + " dimensions of " +
                           Twine(rank));
  LateAxes axes = late.axes(given, rank);
  Value sizes = late.vector(NodeContext::dims(x));
  Value along = context.create<GatherOp>(sizes, axes.list, int64_t(0));
  Value isValid = context.create<AndOp>(
      axes.isValid, late.all(math.compare(Predicate::Eq, along, 1.0)));
  auto dims =
      late.bind(late.compact(sizes, math.sub(1.0, axes.isGiven), rank - number),
                isValid, "the list of axes");
  return dims ? context.setResults(context.reshape(x, *dims)) : failure();
}

static LogicalResult importSqueeze(NodeContext &context) {
  if (!isKnown(context, context.input(1)))
    return importLateSqueeze(context);
  Value x = context.input(0);
  auto axes = getAxes(context, 1, NodeContext::rank(x));
  if (!axes)
    return failure();
  bool isGiven = context.hasInput(1) || context.hasAttr("axes");
  Exprs dims;
  for (auto [i, dim] : llvm::enumerate(NodeContext::dims(x))) {
    if (!isGiven) {
      if (dim == 1)
        continue;
      // Another rank would make another program.
      if (!isa<AffineConstantExpr>(dim) &&
          failed(context.requireLessEqual(
              context.constantExpr(2), dim,
              "its axes are not given, and dimension " + Twine(i) +
                  " could be one of them")))
        return failure();
    } else if (llvm::is_contained(*axes, static_cast<int64_t>(i))) {
      if (failed(context.requireEqual(dim, context.constantExpr(1),
                                      "a squeezed dimension is not 1")))
        return failure();
      continue;
    }
    dims.push_back(dim);
  }
  return context.setResults(context.reshape(x, dims));
}

/// Puts dimensions of 1 where only the running model knows.
static LogicalResult importLateUnsqueeze(NodeContext &context) {
  LateSizes late(context);
  const Arithmetic &math = late.math;
  Value x = context.input(0);
  Value given = late.toVector(context.input(1), "the list of axes");
  if (!given)
    return failure();
  int64_t rank = NodeContext::rank(x) + NodeContext::type(given).getDimSize(0);
  LateAxes axes = late.axes(given, rank);
  // Each dimension that is none of the axes takes the next size.
  Exprs sizes = NodeContext::dims(x);
  sizes.push_back(context.constantExpr(1));
  Value place = context.create<CumsumOp>(math.sub(1.0, axes.isGiven),
                                         int64_t(0), /*exclusive=*/true,
                                         /*reverse=*/false);
  Value isGiven = math.compare(Predicate::Ne, axes.isGiven, 0.0);
  place =
      math.select(isGiven, static_cast<double>(NodeContext::rank(x)), place);
  auto dims =
      late.bind(context.create<GatherOp>(late.vector(sizes), place, int64_t(0)),
                axes.isValid, "the list of axes");
  return dims ? context.setResults(context.reshape(x, *dims)) : failure();
}

static LogicalResult importUnsqueeze(NodeContext &context) {
  if (!isKnown(context, context.input(1)))
    return importLateUnsqueeze(context);
  Value x = context.input(0);
  auto given = context.getInts("axes");
  if (context.hasInput(1))
    given = getKnownInts(context, context.input(1), "the list of axes");
  if (!given)
    return context.invalid("it has no axes");
  int64_t rank = NodeContext::rank(x) + given->size();
  auto axes = getAxes(context, 1, rank);
  if (!axes)
    return failure();
  Exprs dims = NodeContext::dims(x);
  llvm::sort(*axes);
  for (int64_t axis : *axes)
    dims.insert(dims.begin() + axis, context.constantExpr(1));
  return context.setResults(context.reshape(x, dims));
}

//===----------------------------------------------------------------------===//
// Transposition
//===----------------------------------------------------------------------===//

static LogicalResult importTranspose(NodeContext &context) {
  Value x = context.input(0);
  SmallVector<int64_t> permutation = range(0, NodeContext::rank(x));
  std::reverse(permutation.begin(), permutation.end());
  if (auto given = context.getInts("perm")) {
    if (given->size() != permutation.size())
      return context.invalid("perm has " + Twine(given->size()) +
                             " numbers, expected " + Twine(permutation.size()));
    permutation = *given;
  }
  return context.setResults(context.transpose(x, permutation));
}

/// The operand of DepthToSpace or SpaceToDepth, [N, C, H, W], and its block
/// size.
static std::optional<int64_t> getBlockSize(NodeContext &context) {
  Value x = context.input(0);
  int64_t block = context.getInt("blocksize", 0);
  // The square of a larger one is no size.
  constexpr int64_t kMaxBlock = int64_t(1) << 20;
  if (NodeContext::rank(x) == 4 && block > 0 && block <= kMaxBlock)
    return block;
  (void)context.invalid(NodeContext::rank(x) == 4
                            ? "blocksize is " + Twine(block) +
                                  ", expected 1 to " + Twine(kMaxBlock)
                            : "its input has rank " +
                                  Twine(NodeContext::rank(x)) + ", expected 4");
  return std::nullopt;
}

static LogicalResult importDepthToSpace(NodeContext &context) {
  Value x = context.input(0);
  auto block = getBlockSize(context);
  if (!block)
    return failure();
  std::string mode = context.getString("mode", "DCR");
  if (mode != "DCR" && mode != "CRD")
    return context.invalid("mode is '" + Twine(mode) +
                           "', expected DCR or CRD");
  Exprs d = NodeContext::dims(x);
  AffineExpr b = context.constantExpr(*block);
  AffineExpr depth = simplify(d[1].floorDiv(*block * *block));
  bool depthLast = mode == "DCR";
  Value parts =
      context.reshape(x, depthLast ? Exprs{d[0], b, b, depth, d[2], d[3]}
                                   : Exprs{d[0], depth, b, b, d[2], d[3]});
  parts =
      context.transpose(parts, depthLast ? ArrayRef<int64_t>{0, 3, 4, 1, 5, 2}
                                         : ArrayRef<int64_t>{0, 1, 4, 2, 5, 3});
  return context.setResults(
      context.reshape(parts, {d[0], depth, d[2] * *block, d[3] * *block}));
}

static LogicalResult importSpaceToDepth(NodeContext &context) {
  Value x = context.input(0);
  auto block = getBlockSize(context);
  if (!block)
    return failure();
  bool depthLast = context.getString("mode", "DCR") == "DCR";
  Exprs d = NodeContext::dims(x);
  AffineExpr b = context.constantExpr(*block);
  AffineExpr height = simplify(d[2].floorDiv(*block));
  AffineExpr width = simplify(d[3].floorDiv(*block));
  Value parts = context.reshape(x, {d[0], d[1], height, b, width, b});
  parts =
      context.transpose(parts, depthLast ? ArrayRef<int64_t>{0, 3, 5, 1, 2, 4}
                                         : ArrayRef<int64_t>{0, 1, 3, 5, 2, 4});
  return context.setResults(
      context.reshape(parts, {d[0], d[1] * (*block * *block), height, width}));
}

//===----------------------------------------------------------------------===//
// Joining and repeating
//===----------------------------------------------------------------------===//

static LogicalResult importConcat(NodeContext &context) {
  SmallVector<Value> inputs;
  for (size_t i = 0, e = context.numInputs(); i < e; ++i)
    inputs.push_back(context.input(i));
  int64_t rank = NodeContext::rank(inputs.front());
  auto axis = context.normalizeAxis(context.getInt("axis", 0), rank);
  if (!axis)
    return failure();
  for (Value input : ArrayRef(inputs).drop_front()) {
    if (NodeContext::rank(input) != rank)
      return context.invalid("its inputs have ranks " + Twine(rank) + " and " +
                             Twine(NodeContext::rank(input)));
    for (int64_t d = 0; d < rank; ++d)
      if (d != *axis &&
          failed(context.requireEqual(NodeContext::dim(inputs.front(), d),
                                      NodeContext::dim(input, d),
                                      "concatenated tensors differ in "
                                      "dimension " +
                                          Twine(d))))
        return failure();
  }
  return context.setResults(context.create<ConcatOp>(inputs, *axis));
}

static LogicalResult importTile(NodeContext &context) {
  Value x = context.input(0);
  auto repeats = getSizes(context, context.input(1), "the repetition");
  if (!repeats)
    return failure();
  if (static_cast<int64_t>(repeats->size()) != NodeContext::rank(x))
    return context.invalid("it repeats " + Twine(repeats->size()) +
                           " dimensions of " + Twine(NodeContext::rank(x)));
  // Each repeated dimension gets one of the repetition before it.
  Exprs apart, repeated, joined;
  for (auto [dim, count] : llvm::zip(NodeContext::dims(x), *repeats)) {
    if (count != 1) {
      apart.push_back(context.constantExpr(1));
      repeated.push_back(count);
    }
    apart.push_back(dim);
    repeated.push_back(dim);
    joined.push_back(simplify(dim * count));
  }
  return context.setResults(context.reshape(
      context.broadcast(context.reshape(x, apart), repeated), joined));
}

void frontend::addMovementRules(RuleTable &table) {
  const std::pair<StringRef, ImportRule> rules[] = {
      {"Concat", importConcat},
      {"DepthToSpace", importDepthToSpace},
      {"Flatten", importFlatten},
      {"Reshape", importReshape},
      {"SpaceToDepth", importSpaceToDepth},
      {"Squeeze", importSqueeze},
      {"Tile", importTile},
      {"Transpose", importTranspose},
      {"Unsqueeze", importUnsqueeze},
  };
  for (auto [op, rule] : rules)
    table.add(op, rule);
  addSlicingRules(table);
  addResizeRules(table);
}
