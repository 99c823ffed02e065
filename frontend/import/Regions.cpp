// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Regions of images: samples between the elements of a tensor, at positions
// that are data.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
#include "frontend/import/Sizes.h"
#include "frontend/import/Window.h"
#include <limits>

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

using Exprs = SmallVector<AffineExpr>;

namespace {

/// The two elements beside a position along a dimension, as i64, and their
/// weights.
struct Neighbours {
  Value low, high, lowWeight, highWeight;
};

} // namespace

/// `size` as a number of the type of `like`.
static Value toNumber(NodeContext &context, AffineExpr size, Value like) {
  if (!like)
    return Value();
  return context.cast(context.sizeScalar(size), NodeContext::elementType(like));
}

static Value toIndex(NodeContext &context, Value value) {
  return context.cast(value, context.builder.getI64Type());
}

/// A slice of one position along a dimension, which is dropped.
static Value takeAt(NodeContext &context, Value x, int64_t axis,
                    int64_t position) {
  if (!x)
    return Value();
  Exprs dims = NodeContext::dims(x),
        offsets(dims.size(), context.constantExpr(0));
  offsets[axis] = context.constantExpr(position);
  dims[axis] = context.constantExpr(1);
  Value slice = context.create<SliceOp>(
      getTensorType(dims, NodeContext::elementType(x)), x,
      getSymbolMap(offsets, context.builder.getContext()),
      SmallVector<int64_t>(dims.size(), 1));
  dims.erase(dims.begin() + axis);
  return context.reshape(slice, dims);
}

//===----------------------------------------------------------------------===//
// RoiAlign
//===----------------------------------------------------------------------===//

/// As RoiAlign takes them: what is more than one element outside counts for
/// nothing, other positions outside are the border's.
static Neighbours getRoiNeighbours(NodeContext &context, Value x,
                                   AffineExpr size) {
  Arithmetic math(context);
  Value extent = toNumber(context, size, x);
  Value last = math.sub(extent, 1.0);
  Value isInside =
      context.create<AndOp>(math.compare(Predicate::Ge, x, -1.0),
                            math.compare(Predicate::Le, x, extent));
  Value at = math.max(x, 0.0);
  Value low = math.min(context.create<FloorOp>(at), last);
  Value high = math.min(math.add(low, 1.0), last);
  Value t = math.select(math.compare(Predicate::Ge, low, last), 0.0,
                        math.sub(at, low));
  return {toIndex(context, low), toIndex(context, high),
          math.select(isInside, math.sub(1.0, t), 0.0),
          math.select(isInside, t, 0.0)};
}

namespace {

/// The samples of all bins of all regions along a dimension.
struct RoiSamples {
  AffineExpr inBin; // how many places a bin has
  Neighbours at;    // [regions, bins * inBin]
  /// Where each region takes as many as its size asks for: how many of the
  /// places are used, a whole number [regions, 1]; otherwise null.
  Value used;
  Value isUsed; // i1 [regions, bins * inBin]; null likewise
};

/// Places samples. Regions begin at `start` and have `extent`, [regions, 1].
class RoiSampler {
public:
  RoiSampler(NodeContext &context, Value start, Value extent, int64_t bins)
      : context(context), math(context), start(start), extent(extent),
        bins(bins) {}

  std::optional<RoiSamples> place(int64_t samples, AffineExpr size) {
    RoiSamples result;
    Value bin = math.div(extent, static_cast<double>(bins));
    result.inBin = context.constantExpr(samples);
    if (samples < 1) {
      result.used = math.max(context.create<CeilOp>(bin), 0.0);
      auto most = countMost(result.used);
      if (!most)
        return std::nullopt;
      result.inBin = *most;
    }
    if (!bin)
      return std::nullopt;
    Type type = NodeContext::elementType(bin),
         i64 = context.builder.getI64Type();
    Value place = math.iota(simplify(result.inBin * bins), 1, 2, i64);
    Value inBin = context.sizeScalar(result.inBin);
    Value number = context.cast(math.div(place, inBin), type);
    Value sample = context.cast(math.apply<ModOp>(place, inBin), type);
    Value count =
        result.used ? math.max(result.used, 1.0) : context.cast(inBin, type);
    Value offset = math.add(number, math.div(math.add(sample, 0.5), count));
    if (result.used)
      result.isUsed = math.compare(Predicate::Lt, sample, result.used);
    result.at =
        getRoiNeighbours(context, math.add(start, math.mul(offset, bin)), size);
    return result;
  }

private:
  /// The most places that a region uses, at least one.
  std::optional<AffineExpr> countMost(Value used) {
    Value most = math.max(math.reduce(ReduceKind::Max, toIndex(context, used),
                                      {0, 1}, /*keepDims=*/false),
                          1.0);
    if (!most)
      return std::nullopt;
    // Of no region, the largest number is none.
    return getSize(context, most, "the size of its regions");
  }

  NodeContext &context;
  Arithmetic math;
  Value start, extent;
  int64_t bins;
};

} // namespace

/// He et al., "Mask R-CNN", 2017.
static LogicalResult importRoiAlign(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0), rois = context.input(1), batch = context.input(2);
  if (NodeContext::rank(x) != 4 || NodeContext::rank(rois) != 2 ||
      NodeContext::dim(rois, 1) != 4 || NodeContext::rank(batch) != 1)
    return context.invalid("its operands are not an image, regions of four "
                           "numbers and their images' numbers");
  int64_t samples = context.getInt("sampling_ratio", 0);
  int64_t height = context.getInt("output_height", 1),
          width = context.getInt("output_width", 1);
  std::string mode = context.getString("mode", "avg");
  std::string transform = context.getString(
      "coordinate_transformation_mode",
      context.opset < 16 ? "output_half_pixel" : "half_pixel");
  // Larger ones are mistakes, and their products with sizes would overflow.
  constexpr int64_t kMaxNumber = int64_t(1) << 20;
  if (height < 1 || width < 1 || std::max(height, width) > kMaxNumber ||
      samples > kMaxNumber || (mode != "avg" && mode != "max") ||
      (transform != "half_pixel" && transform != "output_half_pixel"))
    return context.invalid("one of its attributes has a value that is not "
                           "known");
  bool isHalf = transform == "half_pixel";
  Exprs dims = NodeContext::dims(x);
  AffineExpr count = NodeContext::dim(rois, 0);
  if (failed(context.requireEqual(count, NodeContext::dim(batch, 0),
                                  "its regions and their images' numbers "
                                  "differ in number")))
    return failure();
  Value scaled = math.mul(rois, context.getFloat("spatial_scale", 1));
  if (isHalf)
    scaled = math.sub(scaled, 0.5);
  auto getSamples = [&](int64_t column, int64_t bins, AffineExpr size) {
    Value start = context.reshape(takeAt(context, scaled, 1, column),
                                  {count, context.constantExpr(1)});
    Value end = context.reshape(takeAt(context, scaled, 1, column + 2),
                                {count, context.constantExpr(1)});
    Value extent = math.sub(end, start);
    if (!isHalf)
      extent = math.max(extent, 1.0);
    return RoiSampler(context, start, extent, bins).place(samples, size);
  };
  auto vertical = getSamples(1, height, dims[2]),
       horizontal = getSamples(0, width, dims[3]);
  if (!vertical || !horizontal)
    return failure();
  const Neighbours &rows = vertical->at, &columns = horizontal->at;
  AffineExpr one = context.constantExpr(1);
  AffineExpr down = simplify(vertical->inBin * height),
             across = simplify(horizontal->inBin * width);
  auto asRow = [&](Value value) {
    return context.reshape(value, {count, down, one});
  };
  auto asColumn = [&](Value value) {
    return context.reshape(value, {count, one, across});
  };
  // The image of each region, and in it its channels side by side.
  Value last = math.sub(context.sizeScalar(dims[0]), 1.0);
  Value image = math.clip(toIndex(context, batch), 0.0, last);
  image = context.reshape(image, {count, one, one});
  Value pixels =
      context.reshape(context.transpose(x, {0, 2, 3, 1}),
                      {simplify(dims[0] * dims[2] * dims[3]), dims[1]});
  Value result;
  for (bool isLow : {true, false})
    for (bool isLeft : {true, false}) {
      Value at = math.add(math.mul(image, context.sizeScalar(dims[2])),
                          asRow(isLow ? rows.low : rows.high));
      at = math.add(math.mul(at, context.sizeScalar(dims[3])),
                    asColumn(isLeft ? columns.low : columns.high));
      Value weight =
          math.mul(asRow(isLow ? rows.lowWeight : rows.highWeight),
                   asColumn(isLeft ? columns.lowWeight : columns.highWeight));
      if (!at || !weight)
        return failure();
      Exprs weightDims = NodeContext::dims(weight);
      weightDims.push_back(one);
      Value part = context.create<GatherOp>(pixels, at, /*axis=*/0);
      part = math.mul(part, context.cast(context.reshape(weight, weightDims),
                                         NodeContext::elementType(x)));
      result = !result         ? part
               : mode == "avg" ? math.add(result, part)
                               : math.max(result, part);
    }
  Type type = NodeContext::elementType(x);
  Value used;
  if (vertical->used) {
    // What no region asked for is left out.
    Value isUsed = context.create<AndOp>(asRow(vertical->isUsed),
                                         asColumn(horizontal->isUsed));
    double neutral =
        mode == "avg" ? 0 : -std::numeric_limits<double>::infinity();
    result = math.select(context.reshape(isUsed, {count, down, across, one}),
                         result, neutral);
    used = context.cast(math.mul(vertical->used, horizontal->used), type);
    used = context.reshape(used, {count, one, one, one});
  }
  Value bins = context.reshape(
      result, {count, context.constantExpr(height), vertical->inBin,
               context.constantExpr(width), horizontal->inBin, dims[1]});
  if (!bins)
    return failure();
  if (mode == "max") {
    bins = math.reduce(ReduceKind::Max, bins, {2, 4}, /*keepDims=*/false);
    if (used)
      bins = math.select(math.compare(Predicate::Gt, used, 0.0), bins, 0.0);
  } else if (used) {
    bins =
        math.div(math.reduce(ReduceKind::Sum, bins, {2, 4}, /*keepDims=*/false),
                 math.max(used, 1.0));
  } else {
    bins = math.mean(bins, {2, 4}, /*keepDims=*/false);
  }
  return context.setResults(context.transpose(bins, {0, 3, 1, 2}));
}

//===----------------------------------------------------------------------===//
// DeformConv
//===----------------------------------------------------------------------===//

/// Elements outside count as zero.
static Neighbours getZeroNeighbours(NodeContext &context, Value x,
                                    AffineExpr size) {
  Arithmetic math(context);
  Value last = math.sub(toNumber(context, size, x), 1.0);
  Value low = context.create<FloorOp>(x);
  Value t = math.sub(x, low);
  Value high = math.add(low, 1.0);
  auto clamp = [&](Value value) { return math.clip(value, 0.0, last); };
  auto weigh = [&](Value at, Value weight) {
    return math.select(math.compare(Predicate::Eq, at, clamp(at)), weight, 0.0);
  };
  return {toIndex(context, clamp(low)), toIndex(context, clamp(high)),
          weigh(low, math.sub(1.0, t)), weigh(high, t)};
}

/// Dai et al., "Deformable Convolutional Networks", 2017, and, with a mask, Zhu
/// et al., "Deformable ConvNets v2", 2018: each tap of the window reads where
/// the offsets move it; what was read is multiplied by the filter.
static LogicalResult importDeformConv(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0), filter = context.input(1),
        offset = context.input(2), bias = context.input(3),
        mask = context.input(4);
  if (NodeContext::rank(x) != 4 || NodeContext::rank(filter) != 4 ||
      NodeContext::rank(offset) != 4)
    return context.unsupported("images of other than two dimensions are not "
                               "supported");
  ArrayRef<int64_t> shape = NodeContext::type(filter).getShape();
  Exprs dims = NodeContext::dims(x), where = NodeContext::dims(offset);
  if (!NodeContext::type(filter).hasStaticShape() ||
      !isa<AffineConstantExpr>(dims[1]))
    return context.unsupported("a filter whose sizes are not constant is not "
                               "supported");
  int64_t channels = cast<AffineConstantExpr>(dims[1]).getValue();
  int64_t groups = context.getInt("group", 1),
          offsets = context.getInt("offset_group", 1);
  auto window = getWindowAttributes(context, {shape[2], shape[3]});
  if (!window)
    return failure();
  // Each has a place of its own in a constant.
  constexpr int64_t kMaxTaps = int64_t(1) << 16;
  int64_t taps = shape[2] * shape[3];
  if (taps > kMaxTaps)
    return context.unsupported("windows of more than " + Twine(kMaxTaps) +
                               " positions are not supported");
  if (channels < 1 || groups < 1 || offsets < 1 || channels % groups ||
      channels % offsets || shape[0] % groups || shape[1] != channels / groups)
    return context.invalid("its channels or filters cannot be divided into its "
                           "groups");
  if (failed(context.requireEqual(where[1],
                                  context.constantExpr(offsets * taps * 2),
                                  "its offsets are for another window")) ||
      failed(context.requireEqual(where[0], dims[0],
                                  "its offsets are for another batch size")))
    return failure();
  for (unsigned d : {0, 1}) {
    AffineExpr size = simplify(
        (dims[2 + d] + (window->low[d] + window->high[d] -
                        getReach(window->sizes[d], window->dilations[d])))
            .floorDiv(window->strides[d]) +
        1);
    if (failed(context.requireEqual(where[2 + d], size,
                                    "its offsets are for another size of the "
                                    "result")))
      return failure();
  }
  AffineExpr one = context.constantExpr(1);
  AffineExpr groupDim = context.constantExpr(offsets),
             tapDim = context.constantExpr(taps);
  Type type = NodeContext::elementType(x);
  // [N, offset groups, taps, 2, rows, columns]
  Value moved =
      context.reshape(offset, {dims[0], groupDim, tapDim,
                               context.constantExpr(2), where[2], where[3]});
  // Where tap k reads without offsets: [taps, rows, columns].
  auto getPositions = [&](unsigned d) {
    SmallVector<double> along;
    for (int64_t k = 0; k < taps; ++k) {
      int64_t tap = d == 0 ? k / shape[3] : k % shape[3];
      along.push_back(
          static_cast<double>(tap * window->dilations[d] - window->low[d]));
    }
    Value start = math.constant(along, {taps, 1, 1}, type);
    Value at = math.mul(math.iota(where[2 + d], 1 + d, 3, type),
                        static_cast<double>(window->strides[d]));
    return math.add(takeAt(context, moved, 3, d), math.add(start, at));
  };
  Neighbours rows = getZeroNeighbours(context, getPositions(0), dims[2]);
  Neighbours columns = getZeroNeighbours(context, getPositions(1), dims[3]);
  // [N, offset groups, positions, channels of one]
  int64_t inGroup = channels / offsets;
  AffineExpr pixels = simplify(dims[2] * dims[3]);
  Value image = context.transpose(
      context.reshape(
          x, {dims[0], groupDim, context.constantExpr(inGroup), pixels}),
      {0, 1, 3, 2});
  AffineExpr positions = simplify(where[2] * where[3]);
  AffineExpr reads = simplify(tapDim * positions);
  Value read;
  for (bool isLow : {true, false})
    for (bool isLeft : {true, false}) {
      Value at = math.add(
          math.mul(isLow ? rows.low : rows.high, context.sizeScalar(dims[3])),
          isLeft ? columns.low : columns.high);
      Value weight = math.mul(isLow ? rows.lowWeight : rows.highWeight,
                              isLeft ? columns.lowWeight : columns.highWeight);
      Exprs flat = {dims[0], groupDim, reads, one};
      Value part = context.create<GatherNdOp>(image, context.reshape(at, flat),
                                              /*batch_dims=*/2);
      part = math.mul(part, context.reshape(weight, flat));
      read = read ? math.add(read, part) : part;
    }
  if (mask)
    read =
        math.mul(read, context.reshape(mask, {dims[0], groupDim, reads, one}));
  // Columns of a product for each group: [N, groups, channels * taps,
  // positions]
  Value columnsOf = context.transpose(
      context.reshape(read, {dims[0], groupDim, tapDim, positions,
                             context.constantExpr(inGroup)}),
      {0, 1, 4, 2, 3});
  AffineExpr depth = context.constantExpr(shape[1] * taps);
  AffineExpr groupCount = context.constantExpr(groups);
  Value product = context.create<MatmulOp>(
      context.reshape(
          filter, {groupCount, context.constantExpr(shape[0] / groups), depth}),
      context.reshape(columnsOf, {dims[0], groupCount, depth, positions}),
      /*wide=*/false);
  Value result = context.reshape(
      product, {dims[0], context.constantExpr(shape[0]), where[2], where[3]});
  if (bias)
    result = math.add(
        result,
        context.reshape(bias, {context.constantExpr(shape[0]), one, one}));
  return context.setResults(result);
}

void frontend::addRegionRules(RuleTable &table) {
  table.add("DeformConv", importDeformConv);
  table.add("RoiAlign", importRoiAlign);
}
