// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
#include "frontend/import/Window.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

//===----------------------------------------------------------------------===//
// Sliding windows
//===----------------------------------------------------------------------===//

static std::optional<Window> getPoolWindow(NodeContext &context) {
  Value x = context.input(0);
  auto sizes = context.getInts("kernel_shape");
  int64_t rank = NodeContext::rank(x);
  if (!sizes || rank < 3 || static_cast<int64_t>(sizes->size()) != rank - 2) {
    (void)context.invalid("kernel_shape does not have one number for each of " +
                          Twine(std::max<int64_t>(rank - 2, 0)) +
                          " dimensions");
    return std::nullopt;
  }
  SmallVector<AffineExpr> dims = NodeContext::dims(x);
  return getWindow(context, *sizes, ArrayRef(dims).drop_front(2));
}

/// Positions after the tensor: those that are asked for, and beyond.
static SmallVector<AffineExpr> getAfter(NodeContext &context,
                                        const Window &window) {
  SmallVector<AffineExpr> after;
  for (auto [pad, beyond] :
       llvm::zip(window.getHigh(context), window.getBeyond(context)))
    after.push_back(simplify(pad + beyond));
  return after;
}

static Value reduceWindows(NodeContext &context, ReduceKind kind, Value value,
                           Value fill, const Window &window) {
  return context.create<WindowReduceOp>(
      kind,
      padSpatial(context, value, fill, window.getLow(context),
                 getAfter(context, window)),
      window.sizes, window.strides, window.dilations);
}

/// The lowest value of a type, as a scalar.
static Value getLowest(NodeContext &context, Type type) {
  auto scalar = RankedTensorType::get({}, type);
  if (auto floating = dyn_cast<FloatType>(type))
    return context.constant(DenseElementsAttr::get(
        scalar, APFloat::getInf(floating.getFloatSemantics(),
                                /*Negative=*/true)));
  unsigned width = type.getIntOrFloatBitWidth();
  return context.constant(DenseElementsAttr::get(
      scalar, type.isUnsignedInteger() ? APInt::getZero(width)
                                       : APInt::getSignedMinValue(width)));
}

/// The maxima of windows, and where each first one stands in the whole tensor:
/// tap by tap of the window, the larger ones so far.
static LogicalResult importMaximaWithIndices(NodeContext &context,
                                             const Window &window) {
  constexpr int64_t kMostTaps = 1024;
  Arithmetic math(context);
  Value x = context.input(0);
  size_t spatial = window.sizes.size();
  int64_t taps = 1;
  for (int64_t size : window.sizes)
    taps = std::min(taps * std::min(size, kMostTaps + 1), kMostTaps + 1);
  if (taps > kMostTaps)
    return context.unsupported("indices of maxima in windows of more than " +
                               Twine(kMostTaps) + " positions");
  Value lowest = getLowest(context, NodeContext::elementType(x));
  SmallVector<AffineExpr> low = window.getLow(context);
  Value padded = padSpatial(context, x, lowest, low, getAfter(context, window));
  Value shape = reduceWindows(context, ReduceKind::Max, x, lowest, window);
  if (!padded || !shape)
    return failure();
  SmallVector<AffineExpr> dims = NodeContext::dims(x),
                          result = NodeContext::dims(shape);
  Type i64 = context.builder.getI64Type();
  int64_t rank = static_cast<int64_t>(dims.size());
  // What a step along each dimension counts; with storage_order, the first
  // spatial one goes along memory.
  SmallVector<AffineExpr> steps(rank, context.constantExpr(1));
  SmallVector<int64_t> order = range(0, rank);
  if (context.getInt("storage_order", 0))
    std::reverse(order.begin() + 2, order.end());
  AffineExpr step = context.constantExpr(1);
  for (int64_t d : llvm::reverse(order)) {
    steps[d] = step;
    step = simplify(step * dims[d]);
  }
  // Where the first tap of each window stands.
  Value base;
  for (int64_t d = 0; d < rank; ++d) {
    Value at = math.iota(result[d], d, rank, i64);
    if (d >= 2)
      at = math.sub(math.mul(at, double(window.strides[d - 2])),
                    context.sizeScalar(low[d - 2]));
    at = math.mul(at, context.sizeScalar(steps[d]));
    base = base ? math.add(base, at) : at;
  }
  // What is around the tensor is no maximum, though integers may be as low.
  SmallVector<AffineExpr> after = getAfter(context, window);
  bool hasBorder = llvm::any_of(llvm::concat<AffineExpr>(low, after),
                                [](AffineExpr pad) { return pad != 0; });
  auto findInside = [&](ArrayRef<int64_t> positions) {
    Value inside;
    for (auto [i, position] : llvm::enumerate(positions)) {
      int64_t d = static_cast<int64_t>(i) + 2;
      Value at = math.mul(math.iota(result[d], d, rank, i64),
                          double(window.strides[i]));
      at = math.sub(math.add(at, double(position)), context.sizeScalar(low[i]));
      for (Value isIn :
           {math.compare(Predicate::Ge, at, 0.0),
            math.compare(Predicate::Lt, at, context.sizeScalar(dims[d]))})
        inside = inside ? math.select(inside, isIn, inside) : isIn;
    }
    return inside;
  };
  Value best, index, isFound;
  for (int64_t tap = 0; tap < taps; ++tap) {
    SmallVector<AffineExpr> offsets(rank, context.constantExpr(0));
    SmallVector<int64_t> strides(rank, 1);
    AffineExpr distance = context.constantExpr(0);
    SmallVector<int64_t> positions(spatial);
    int64_t rest = tap;
    for (size_t i = spatial; i-- > 0;) {
      int64_t position = rest % window.sizes[i] * window.dilations[i];
      rest /= window.sizes[i];
      positions[i] = position;
      offsets[i + 2] = context.constantExpr(position);
      strides[i + 2] = window.strides[i];
      distance = distance + steps[i + 2] * position;
    }
    Value value = context.create<SliceOp>(
        getTensorType(result, NodeContext::elementType(x)), padded,
        getSymbolMap(offsets, context.builder.getContext()), strides);
    Value at = math.add(base, context.sizeScalar(simplify(distance)));
    Value isLarger = best ? math.compare(Predicate::Gt, value, best) : Value();
    if (hasBorder) {
      Value inside = findInside(positions);
      // The first one inside counts in any case.
      if (isFound)
        isLarger = math.select(isFound, isLarger, inside);
      isFound = isFound ? math.select(isFound, isFound, inside) : inside;
    }
    best = best ? math.select(isLarger, value, best) : value;
    index = index ? math.select(isLarger, at, index) : at;
  }
  return context.setResults({best, index});
}

static LogicalResult importMaxPool(NodeContext &context) {
  Value x = context.input(0);
  auto window = getPoolWindow(context);
  if (!window)
    return failure();
  if (context.hasOutput(1))
    return importMaximaWithIndices(context, *window);
  return context.setResults(
      reduceWindows(context, ReduceKind::Max, x,
                    getLowest(context, NodeContext::elementType(x)), *window));
}

/// How many multiples of `step` are in [begin, end), of those below
/// `count * step`.
static int64_t countMultiples(int64_t begin, int64_t end, int64_t step,
                              int64_t count) {
  auto below = [&](int64_t limit) {
    return limit <= 0 ? 0
                      : std::min<int64_t>(llvm::divideCeil(limit, step), count);
  };
  return std::max<int64_t>(below(end) - below(begin), 0);
}

/// How many positions within [begin, end) each window along dimension i covers.
static SmallVector<int64_t> countPositions(const Window &window, size_t i,
                                           int64_t size, int64_t begin,
                                           int64_t end) {
  int64_t reach = getReach(window.sizes[i], window.dilations[i]);
  int64_t padded = size + window.low[i] + window.high[i] + window.beyond[i];
  SmallVector<int64_t> counts;
  for (int64_t start = 0; start + reach <= padded; start += window.strides[i]) {
    int64_t first = start - window.low[i];
    counts.push_back(countMultiples(begin - first, end - first,
                                    window.dilations[i], window.sizes[i]));
  }
  return counts;
}

/// The counts of the windows along dimension i, for a dimension that is not
/// constant: sums over ones, which the padding has where it is included.
static Value sumOnes(NodeContext &context, const Window &window, size_t i,
                     AffineExpr dim, bool includePads, Type type) {
  AffineExpr low = window.getLow(context)[i], high = window.getHigh(context)[i],
             beyond = window.getBeyond(context)[i];
  SmallVector<AffineExpr> shape(window.sizes.size(), context.constantExpr(1));
  shape[i] = includePads ? simplify(dim + low + high) : dim;
  size_t after = window.sizes.size() - i;
  auto along = [&](int64_t number, int64_t other) {
    SmallVector<int64_t> numbers(after, other);
    numbers.front() = number;
    return numbers;
  };
  auto alongSizes = [&](AffineExpr number) {
    SmallVector<AffineExpr> numbers(after, context.constantExpr(0));
    numbers.front() = number;
    return numbers;
  };
  AffineExpr none = context.constantExpr(0);
  Value ones =
      padSpatial(context, context.broadcast(context.splat(1, type), shape),
                 context.splat(0, type), alongSizes(includePads ? none : low),
                 alongSizes(includePads ? beyond : simplify(high + beyond)));
  return context.create<WindowReduceOp>(
      ReduceKind::Sum, ones, along(window.sizes[i], 1),
      along(window.strides[i], 1), along(window.dilations[i], 1));
}

static Value buildCounts(NodeContext &context, ArrayRef<int64_t> counts,
                         size_t i, size_t rank, Type type) {
  SmallVector<int64_t> shape(rank, 1);
  shape[i] = counts.size();
  SmallVector<double> values(counts.begin(), counts.end());
  return Arithmetic(context).constant(values, shape, type);
}

/// Divides the sums of windows by the number of positions that count: those of
/// the tensor, and of the padding where it is included, never those beyond.
static Value divideByCounts(NodeContext &context, Value sums, Value x,
                            const Window &window, bool includePads) {
  Arithmetic math(context);
  Type type = NodeContext::elementType(x);
  double common = 1;
  // Counts of larger dimensions are not listed in the program, padding
  // included.
  constexpr int64_t kMostListed = 1 << 16;
  SmallVector<Value> divisors;
  for (size_t i = 0, rank = window.sizes.size(); i < rank; ++i) {
    int64_t low = includePads ? window.low[i] : 0;
    int64_t high = includePads ? window.high[i] : 0;
    bool allCount = low == window.low[i] && high == window.high[i] &&
                    window.beyond[i] == 0 && !window.sizedBeyond[i] &&
                    (includePads || !window.sizedLow[i]);
    AffineExpr dim = NodeContext::dim(x, i + 2);
    auto size = dyn_cast<AffineConstantExpr>(dim);
    if (allCount) {
      common *= static_cast<double>(window.sizes[i]);
    } else if (!size ||
               size.getValue() + window.low[i] + window.high[i] > kMostListed) {
      divisors.push_back(sumOnes(context, window, i, dim, includePads, type));
    } else {
      SmallVector<int64_t> counts = countPositions(
          window, i, size.getValue(), -low, size.getValue() + high);
      if (!counts.empty() && llvm::all_equal(counts))
        common *= static_cast<double>(counts.front());
      else
        divisors.push_back(buildCounts(context, counts, i, rank, type));
    }
  }
  Value result = common == 1 ? sums : math.div(sums, common);
  for (Value divisor : divisors)
    result = math.div(result, divisor);
  return result;
}

static LogicalResult importAveragePool(NodeContext &context) {
  Value x = context.input(0);
  Type type = NodeContext::elementType(x);
  auto window = getPoolWindow(context);
  if (!window)
    return failure();
  Value sums = reduceWindows(context, ReduceKind::Sum, x,
                             context.splat(0, type), *window);
  return context.setResults(divideByCounts(
      context, sums, x, *window, context.getInt("count_include_pad", 0) != 0));
}

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

/// |x|^p, and the p-th root.
static Value raise(Arithmetic &math, Value x, int64_t p) {
  if (p == 1)
    return math.abs(x);
  return p == 2 ? math.square(x)
                : math.pow(math.abs(x), static_cast<double>(p));
}
static Value root(Arithmetic &math, Value x, int64_t p) {
  if (p == 1)
    return x;
  return p == 2 ? math.sqrt(x) : math.pow(x, 1.0 / static_cast<double>(p));
}

static LogicalResult importLpPool(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0);
  int64_t p = context.getInt("p", 2);
  auto window = getPoolWindow(context);
  if (!window)
    return failure();
  Value sums =
      reduceWindows(context, ReduceKind::Sum, raise(math, x, p),
                    context.splat(0, NodeContext::elementType(x)), *window);
  return context.setResults(root(math, sums, p));
}

//===----------------------------------------------------------------------===//
// All positions
//===----------------------------------------------------------------------===//

static LogicalResult importGlobalAveragePool(NodeContext &context) {
  Value x = context.input(0);
  return context.setResults(Arithmetic(context).mean(
      x, range(2, NodeContext::rank(x)), /*keepDims=*/true));
}

static LogicalResult importGlobalMaxPool(NodeContext &context) {
  Value x = context.input(0);
  return context.setResults(Arithmetic(context).reduce(
      ReduceKind::Max, x, range(2, NodeContext::rank(x)),
      /*keepDims=*/true));
}

static LogicalResult importGlobalLpPool(NodeContext &context) {
  Arithmetic math(context);
  Value x = context.input(0);
  int64_t p = context.getInt("p", 2);
  Value sum = math.reduce(ReduceKind::Sum, raise(math, x, p),
                          range(2, NodeContext::rank(x)), /*keepDims=*/true);
  return context.setResults(root(math, sum, p));
}

void frontend::addPoolingRules(RuleTable &table) {
  const std::pair<StringRef, ImportRule> rules[] = {
      {"AveragePool", importAveragePool},
      {"GlobalAveragePool", importGlobalAveragePool},
      {"GlobalLpPool", importGlobalLpPool},
      {"GlobalMaxPool", importGlobalMaxPool},
      {"LpPool", importLpPool},
      {"MaxPool", importMaxPool},
  };
  for (auto [op, rule] : rules)
    table.add(op, rule);
  addUnpoolRules(table);
}
