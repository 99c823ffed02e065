// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// GridSample: values between the elements of a tensor, at positions that are
// data. AffineGrid: such positions.

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
#include "frontend/import/Matmul.h"
#include "frontend/import/Sizes.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

using Exprs = SmallVector<AffineExpr>;

namespace {

enum class Border { Zeros, Nearest, Reflection };

/// One of the positions along a dimension that take part in a result.
struct Tap {
  /// i64 [N, P], within the dimension.
  Value position;
  /// [N, P].
  Value weight;
};

/// X is [N, C, D1, .., Dr], the grid [N, P1, .., Pr, r]; P is the product of
/// the Pi.
class GridSampler {
public:
  GridSampler(NodeContext &context, Border border, bool alignCorners)
      : context(context), math(context), border(border),
        alignCorners(alignCorners) {}

  /// The position along dimension `d` for each result, [N, P]. The grid's last
  /// dimension counts from the last spatial one, and goes from -1 to 1.
  Value getPosition(Value grid, int64_t d, int64_t numDims, AffineExpr size) {
    Exprs dims = NodeContext::dims(grid);
    Exprs offsets(dims.size(), context.constantExpr(0));
    offsets.back() = context.constantExpr(numDims - 1 - d);
    Exprs flat = {
        dims[0], getProduct(context, ArrayRef(dims).slice(1, dims.size() - 2))};
    dims.back() = context.constantExpr(1);
    Value x = context.create<SliceOp>(
        getTensorType(dims, NodeContext::elementType(grid)), grid,
        getSymbolMap(offsets, context.builder.getContext()),
        SmallVector<int64_t>(dims.size(), 1));
    x = math.add(context.reshape(x, flat), 1.0);
    Value length = getLength(size, x);
    if (alignCorners)
      return math.mul(math.mul(x, 0.5), math.sub(length, 1.0));
    return math.mul(math.sub(math.mul(x, length), 1.0), 0.5);
  }

  /// Brings positions outside of the dimension back, as the padding mode says.
  Value bring(Value x, AffineExpr size) {
    if (border == Border::Nearest) {
      // A position in the outer half of an element is not outside.
      double low = alignCorners ? 0 : -0.5;
      Value high = math.sub(getLength(size, x), 1.0 + low);
      Value isOutside =
          context.create<OrOp>(math.compare(Predicate::Lt, x, low),
                               math.compare(Predicate::Gt, x, high));
      return math.select(isOutside, clampTo(x, size), x);
    }
    return border == Border::Reflection ? reflect(x, size) : x;
  }

  Tap getTap(Value x, Value weight, AffineExpr size) {
    Value at = border == Border::Reflection ? reflect(x, size) : x;
    Value inside = clampTo(at, size);
    if (border == Border::Zeros)
      weight =
          math.select(math.compare(Predicate::Eq, inside, at), weight, 0.0);
    return {context.cast(inside, context.builder.getI64Type()), weight};
  }

  /// The taps of a position and their weights, which add up to one.
  SmallVector<Tap> getTaps(StringRef mode, Value x, AffineExpr size) {
    if (mode == "nearest") {
      Value nearest = bring(context.create<RoundOp>(x), size);
      return {getTap(nearest, math.add(math.mul(nearest, 0.0), 1.0), size)};
    }
    x = bring(x, size);
    Value first = context.create<FloorOp>(x);
    Value t = math.sub(x, first);
    if (mode == "linear")
      return {getTap(first, math.sub(1.0, t), size),
              getTap(math.add(first, 1.0), t, size)};
    SmallVector<Tap> taps;
    for (int64_t i = -1; i <= 2; ++i)
      taps.push_back(getTap(math.add(first, static_cast<double>(i)),
                            getCubicWeight(t, i), size));
    return taps;
  }

private:
  Value getLength(AffineExpr size, Value like) {
    return context.cast(context.sizeScalar(size),
                        NodeContext::elementType(like));
  }

  Value clampTo(Value x, AffineExpr size) {
    return math.min(math.max(x, 0.0), math.sub(getLength(size, x), 1.0));
  }

  /// Mirrors at the borders: at the outer elements' centers with align_corners,
  /// half an element farther without.
  Value reflect(Value x, AffineExpr size) {
    double low = alignCorners ? 0 : -0.5;
    if (alignCorners && size == 1)
      return math.mul(x, 0.0);
    Value extent = getLength(size, x);
    if (alignCorners)
      extent = math.sub(extent, 1.0);
    Value distance = math.abs(math.sub(x, low));
    Value turns = context.create<FloorOp>(math.div(distance, extent));
    Value rest = math.sub(distance, math.mul(turns, extent));
    Value half = math.mul(turns, 0.5);
    Value isEven =
        math.compare(Predicate::Eq, half, context.create<FloorOp>(half));
    return math.add(math.select(isEven, rest, math.sub(extent, rest)), low);
  }

  /// Keys' kernel with a = -0.75 at the distance of tap `i` from t in [0, 1).
  Value getCubicWeight(Value t, int64_t i) {
    constexpr double a = -0.75;
    Value x = math.abs(math.sub(t, static_cast<double>(i)));
    if (i == 0 || i == 1)
      return math.add(
          math.mul(math.mul(math.sub(math.mul(x, a + 2), a + 3), x), x), 1.0);
    Value inner = math.add(math.mul(math.sub(math.mul(x, a), 5 * a), x), 8 * a);
    return math.sub(math.mul(inner, x), 4 * a);
  }

  NodeContext &context;
  Arithmetic math;
  Border border;
  bool alignCorners;
};

} // namespace

/// The sum over all combinations of taps of `weight * x[n, position, :]`, for
/// x [N, S, C] with the spatial dimensions flattened: [N, P, C].
static Value sumTaps(NodeContext &context, Value x,
                     ArrayRef<SmallVector<Tap>> taps,
                     ArrayRef<AffineExpr> sizes) {
  Arithmetic math(context);
  Value sum;
  size_t count = 1;
  for (const SmallVector<Tap> &along : taps)
    count *= along.size();
  for (size_t number = 0; number < count; ++number) {
    Value position, weight;
    size_t rest = number;
    for (auto [along, size] : llvm::zip(taps, sizes)) {
      const Tap &tap = along[rest % along.size()];
      rest /= along.size();
      position = position
                     ? math.add(math.mul(position, context.sizeScalar(size)),
                                tap.position)
                     : tap.position;
      weight = weight ? math.mul(weight, tap.weight) : tap.weight;
    }
    if (!position || !weight)
      return Value();
    Exprs dims = NodeContext::dims(position);
    dims.push_back(context.constantExpr(1));
    Value part = context.create<GatherNdOp>(x, context.reshape(position, dims),
                                            /*batch_dims=*/1);
    part = math.mul(part, context.reshape(weight, dims));
    sum = sum ? math.add(sum, part) : part;
  }
  return sum;
}

LogicalResult frontend::importGridSample(NodeContext &context) {
  Value x = context.input(0), grid = context.input(1);
  int64_t rank = NodeContext::rank(x), numDims = rank - 2;
  if (numDims < 1 || NodeContext::rank(grid) != rank ||
      NodeContext::dim(grid, rank - 1) != numDims)
    return context.invalid("its grid does not have rank " + Twine(rank) +
                           " with a last dimension of " + Twine(numDims));
  // Each combination of neighbours is an operation of its own.
  constexpr int64_t kMaxDims = 5;
  if (numDims > kMaxDims)
    return context.unsupported("more than " + Twine(kMaxDims) +
                               " spatial dimensions are not supported");
  Type type = NodeContext::elementType(x);
  if (!isa<FloatType>(type))
    return context.unsupported(
        "elements that are not floats are not supported");
  std::string mode = context.getString("mode", "linear");
  if (StringRef(mode).starts_with("bi"))
    mode = mode.substr(2);
  std::string padding = context.getString("padding_mode", "zeros");
  if ((mode != "linear" && mode != "cubic" && mode != "nearest") ||
      (padding != "zeros" && padding != "border" && padding != "reflection"))
    return context.invalid("mode '" + Twine(mode) + "' with padding_mode '" +
                           Twine(padding) + "' is not known");
  Border border = padding == "zeros"    ? Border::Zeros
                  : padding == "border" ? Border::Nearest
                                        : Border::Reflection;
  GridSampler sampler(context, border, context.getInt("align_corners", 0) != 0);

  Exprs dims = NodeContext::dims(x);
  ArrayRef<AffineExpr> sizes = ArrayRef(dims).drop_front(2);
  if (failed(context.requireEqual(dims[0], NodeContext::dim(grid, 0),
                                  "its grid is for another batch size")))
    return failure();
  SmallVector<SmallVector<Tap>> taps;
  for (auto [d, size] : llvm::enumerate(sizes)) {
    Value position = sampler.getPosition(grid, d, numDims, size);
    if (!position)
      return failure();
    taps.push_back(sampler.getTaps(mode, position, size));
    for (Tap &tap : taps.back())
      tap.weight = context.cast(tap.weight, type);
  }
  Value flat =
      context.reshape(x, {dims[0], dims[1], getProduct(context, sizes)});
  Value sum = sumTaps(context, context.transpose(flat, {0, 2, 1}), taps, sizes);
  Exprs result = NodeContext::dims(grid);
  result.back() = dims[1];
  SmallVector<int64_t> permutation = range(0, rank - 1);
  permutation.insert(permutation.begin() + 1, rank - 1);
  return context.setResults(
      context.transpose(context.reshape(sum, result), permutation));
}

//===----------------------------------------------------------------------===//
// AffineGrid
//===----------------------------------------------------------------------===//

/// Where the elements of a dimension lie between -1 and 1: its ends are those
/// of the first and last element, or, with align_corners, these themselves.
static Value getCoordinates(NodeContext &context, AffineExpr size, Type type) {
  Arithmetic math(context);
  Value at = math.iota(size, 0, 1, type);
  Value count = context.cast(context.sizeScalar(size), type);
  if (!context.getInt("align_corners", 0))
    return math.sub(math.div(math.add(math.mul(at, 2.0), 1.0), count), 1.0);
  // One element alone lies at the begin.
  Value steps = math.max(math.sub(count, 1.0), 1.0);
  return math.sub(math.div(math.mul(at, 2.0), steps), 1.0);
}

/// theta [N, d, d + 1] applied to the places (x, y, .., 1) of a tensor of
/// [N, C, spatial..], x belonging to the last dimension.
static LogicalResult importAffineGrid(NodeContext &context) {
  Value theta = context.input(0);
  auto sizes = getSizes(context, context.input(1), "the size");
  if (!sizes)
    return failure();
  int64_t numDims = static_cast<int64_t>(sizes->size()) - 2;
  if (NodeContext::rank(theta) != 3 || (numDims != 2 && numDims != 3))
    return context.invalid("its theta has rank " +
                           Twine(NodeContext::rank(theta)) + " and its size " +
                           Twine(sizes->size()) +
                           " elements, expected 3, and 4 or 5");
  Exprs given = NodeContext::dims(theta);
  Exprs expected = {sizes->front(), context.constantExpr(numDims),
                    context.constantExpr(numDims + 1)};
  for (auto [a, b] : llvm::zip(given, expected))
    if (failed(context.requireEqual(a, b, "its theta does not fit its size")))
      return failure();
  Type type = NodeContext::elementType(theta);
  Exprs spatial(sizes->begin() + 2, sizes->end()), place = spatial;
  place.push_back(context.constantExpr(1));
  SmallVector<Value> coordinates;
  for (int64_t d = numDims; d-- > 0;) {
    Exprs along(numDims + 1, context.constantExpr(1));
    along[d] = spatial[d];
    coordinates.push_back(context.broadcast(
        context.reshape(getCoordinates(context, spatial[d], type), along),
        place));
  }
  coordinates.push_back(context.broadcast(context.splat(1, type), place));
  Value places = context.reshape(context.create<ConcatOp>(coordinates, numDims),
                                 {getProduct(context, spatial), expected[2]});
  Value grid =
      buildMatmul(context, places, context.transpose(theta, {0, 2, 1}));
  Exprs result{sizes->front()};
  llvm::append_range(result, spatial);
  result.push_back(expected[1]);
  return context.setResults(context.reshape(grid, result));
}

void frontend::addSamplingRules(RuleTable &table) {
  table.add("AffineGrid", importAffineGrid);
  table.add("GridSample", importGridSample);
}
