// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Resize.cpp's formulas as operations, in f64.

#include "frontend/import/LateSizes.h"
#include "frontend/import/Resize.h"
#include "frontend/import/Sizes.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

namespace {

/// One dimension. Values are scalars of f64.
struct LateAxis {
  int64_t axis;
  AffineExpr output;
  Value input, scale, roiBegin, roiEnd;
};

class LateResizer {
public:
  LateResizer(NodeContext &context, const ResizeMode &mode)
      : context(context), mode(mode), math(context) {}

  Value resize(Value x, const LateAxis &of) {
    if (!x)
      return x;
    Value source = getSource(of);
    Value result =
        mode.interpolation == "nearest"
            ? context.create<GatherOp>(x, getNearest(of, source), of.axis)
            : sumTaps(x, of, source);
    if (mode.coordinates != "tf_crop_and_resize")
      return result;
    Value isOutside = context.create<OrOp>(
        math.compare(Predicate::Lt, source, 0.0),
        math.compare(Predicate::Gt, source, math.sub(of.input, 1.0)));
    SmallVector<AffineExpr> dims(NodeContext::rank(x) - of.axis,
                                 context.constantExpr(1));
    dims.front() = of.output;
    return math.select(context.reshape(isOutside, dims), mode.extrapolation,
                       result);
  }

private:
  Type f64() { return context.builder.getF64Type(); }
  Type i64() { return context.builder.getI64Type(); }

  /// `value` where `count` is not 1, otherwise `single`.
  Value unlessOne(Value count, Value value, Operand single) {
    return math.select(math.compare(Predicate::Eq, count, 1.0), single, value);
  }

  /// For each position of the result, the position that it stands for.
  Value getSource(const LateAxis &of) {
    Value x = math.iota(of.output, 0, 1, f64());
    Value in = of.input, out = math.mul(of.scale, in);
    Value last = math.sub(in, 1.0), lastOut = math.sub(out, 1.0);
    Value centered = math.sub(math.div(math.add(x, 0.5), of.scale), 0.5);
    if (mode.coordinates == "align_corners")
      return unlessOne(out, math.div(math.mul(x, last), lastOut), 0.0);
    if (mode.coordinates == "asymmetric")
      return math.div(x, of.scale);
    if (mode.coordinates == "half_pixel")
      return centered;
    if (mode.coordinates == "pytorch_half_pixel")
      return unlessOne(out, centered, -0.5);
    if (mode.coordinates == "tf_half_pixel_for_nn")
      return math.div(math.add(x, 0.5), of.scale);
    if (mode.coordinates == "half_pixel_symmetric") {
      Value size = context.cast(context.sizeScalar(of.output), f64());
      Value adjustment = math.div(size, out);
      return math.add(math.mul(math.div(in, 2.0), math.sub(1.0, adjustment)),
                      centered);
    }
    // tf_crop_and_resize
    Value extent = math.mul(math.sub(of.roiEnd, of.roiBegin), last);
    Value offset = unlessOne(out, math.div(math.mul(x, extent), lastOut),
                             math.div(extent, 2.0));
    return math.add(math.mul(of.roiBegin, last), offset);
  }

  /// Positions within the dimension, as integers.
  Value clamp(const LateAxis &of, Value position) {
    return context.cast(
        math.max(math.min(position, math.sub(of.input, 1.0)), 0.0), i64());
  }

  Value getNearest(const LateAxis &of, Value source) {
    if (mode.nearest == kNearestOfOpset10)
      return clamp(of, math.select(math.compare(Predicate::Lt, of.scale, 1.0),
                                   ceil(source), floor(source)));
    Value rounded = mode.nearest == "floor"  ? floor(source)
                    : mode.nearest == "ceil" ? ceil(source)
                    : mode.nearest == "round_prefer_ceil"
                        ? floor(math.add(source, 0.5))
                        : ceil(math.sub(source, 0.5));
    return clamp(of, rounded);
  }

  Value floor(Value value) { return context.create<FloorOp>(value); }
  Value ceil(Value value) { return context.create<CeilOp>(value); }

  /// Keys' cubic kernel, or the linear one, at a distance.
  Value getWeight(Value at) {
    at = math.abs(at);
    if (mode.interpolation != "cubic")
      return math.max(math.sub(1.0, at), 0.0);
    double a = mode.cubicA;
    auto multiply = [&](Value value) { return math.mul(value, at); };
    Value near =
        math.add(multiply(multiply(math.sub(math.mul(at, a + 2), a + 3))), 1.0);
    Value far = math.sub(math.mul(at, a), 5 * a);
    far = math.sub(multiply(math.add(multiply(far), 8 * a)), 4 * a);
    far = math.select(math.compare(Predicate::Lt, at, 2.0), far, 0.0);
    return math.select(math.compare(Predicate::Le, at, 1.0), near, far);
  }

  /// A weighted sum of slices, as many for each position of the result.
  Value sumTaps(Value x, const LateAxis &of, Value source) {
    double radius = mode.interpolation == "cubic" ? 2 : 1;
    Value scale = context.splat(1, f64()),
          first = context.splat(1 - radius, f64());
    AffineExpr taps = context.constantExpr(2 * static_cast<int64_t>(radius));
    // With antialias, the kernel is as wide as a result's position.
    if (mode.antialias) {
      scale = math.min(of.scale, 1.0);
      first = math.add(floor(math.div(-radius, scale)), 1.0);
      Value count = context.cast(math.sub(2.0, math.mul(first, 2.0)), i64());
      auto bound = context.bindSizes(
          context.reshape(count, context.constantExpr(1)), "the scale");
      if (!bound)
        return Value();
      taps = bound->front();
    }
    AffineExpr one = context.constantExpr(1);
    auto column = [&](Value value) {
      return context.reshape(value, {of.output, one});
    };
    // The distance from the position before lies in (0, 1].
    Value before = math.sub(ceil(source), 1.0);
    Value distance = column(math.sub(source, before));
    Value tap = math.add(math.iota(taps, 1, 2, f64()), first);
    Value weight = getWeight(math.mul(math.sub(tap, distance), scale));
    Value position = math.add(column(before), tap);
    if (mode.excludeOutside) {
      Value isInside = context.create<AndOp>(
          math.compare(Predicate::Ge, position, 0.0),
          math.compare(Predicate::Lt, position, of.input));
      weight = math.select(isInside, weight, 0.0);
    }
    weight = math.div(weight, math.reduce(ReduceKind::Sum, weight, {1}, true));
    Value slices = context.create<GatherOp>(x, clamp(of, position), of.axis);
    SmallVector<AffineExpr> dims(NodeContext::rank(x) - of.axis + 1, one);
    dims[0] = of.output;
    dims[1] = taps;
    weight = context.reshape(context.cast(weight, NodeContext::elementType(x)),
                             dims);
    return math.reduce(ReduceKind::Sum, math.mul(slices, weight), {of.axis + 1},
                       false);
  }

  NodeContext &context;
  const ResizeMode &mode;
  Arithmetic math;
};

} // namespace

/// The scales, a vector of f64, and sizes that follow from each other; the
/// latter are bound.
static std::optional<SmallVector<AffineExpr>>
bindOutputs(NodeContext &context, const ResizeInputs &inputs, Value &scales) {
  LateSizes late(context);
  const Arithmetic &math = late.math;
  Type f64 = context.builder.getF64Type(), i64 = context.builder.getI64Type();
  auto number = static_cast<int64_t>(inputs.axes.size());
  SmallVector<AffineExpr> dims;
  for (int64_t axis : inputs.axes)
    dims.push_back(NodeContext::dim(inputs.x, axis));
  Value input = context.cast(late.vector(dims), f64), sizes;
  Value given = inputs.scales ? inputs.scales : inputs.sizes;
  if (NodeContext::rank(given) != 1 || NodeContext::dim(given, 0) != number) {
    (void)context.invalid("it does not have a scale or size for each of " +
                          Twine(number) + " dimensions");
    return std::nullopt;
  }
  if (inputs.scales) {
    scales = context.cast(inputs.scales, f64);
    sizes = context.create<FloorOp>(math.mul(input, scales));
  } else {
    sizes = context.cast(inputs.sizes, f64);
    scales = math.div(sizes, math.max(input, 1.0));
    std::string policy =
        context.getString("keep_aspect_ratio_policy", "stretch");
    if (policy != "stretch") {
      bool isLeast = policy == "not_larger";
      scales = math.add(math.reduce(isLeast ? ReduceKind::Min : ReduceKind::Max,
                                    scales, {0}, true),
                        context.splat(0, f64, {number}));
      sizes = context.create<FloorOp>(math.add(math.mul(input, scales), 0.5));
    }
  }
  // False for what is not a number, too. A result may be empty.
  constexpr double kMany = 1 << 24;
  Value isValid = context.create<AndOp>(
      late.all(math.compare(Predicate::Le, scales, kMany)),
      late.all(
          math.compare(Predicate::Ge, scales, inputs.scales ? 1e-9 : 0.0)));
  sizes = math.min(math.max(sizes, -1.0), static_cast<double>(kMaxBoundSize));
  return late.bind(context.cast(sizes, i64), isValid, "the scale or size");
}

LogicalResult frontend::importLateResize(NodeContext &context,
                                         const ResizeMode &mode,
                                         const ResizeInputs &inputs) {
  LateSizes late(context);
  Value scales, x = inputs.x;
  auto outputs = bindOutputs(context, inputs, scales);
  if (!outputs)
    return failure();
  auto number = static_cast<int64_t>(inputs.axes.size());
  Type type = NodeContext::elementType(x), f64 = context.builder.getF64Type();
  bool isCrop = mode.coordinates == "tf_crop_and_resize";
  Value region;
  if (isCrop) {
    region = inputs.region;
    if (!region || NodeContext::rank(region) != 1 ||
        NodeContext::dim(region, 0) != 2 * number)
      return context.invalid("its region of interest does not have " +
                             Twine(2 * number) + " elements");
    region = context.cast(region, f64);
  }
  auto known = inputs.sizes && !isCrop ? getElements(context, inputs.sizes)
                                       : std::nullopt;
  auto factors = context.floatValues(inputs.scales);
  bool isExact = mode.interpolation == "nearest" || isa<FloatType>(type);
  if (!isExact)
    x = context.cast(x, context.builder.getF32Type());
  for (auto [i, axis] : llvm::enumerate(inputs.axes)) {
    AffineExpr dim = NodeContext::dim(inputs.x, axis);
    if ((known && (*known)[i] && provablyEqual((*known)[i], dim)) ||
        (factors && (*factors)[i] == 1 && !isCrop))
      continue;
    // Nothing comes from nothing.
    if (failed(context.requireLessEqual(context.constantExpr(1), dim,
                                        "a resized dimension is empty")))
      return failure();
    LateAxis of{axis,
                (*outputs)[i],
                context.cast(context.sizeScalar(dim), f64),
                late.element(scales, i),
                Value(),
                Value()};
    if (isCrop) {
      of.roiBegin = late.element(region, i);
      of.roiEnd = late.element(region, number + i);
    }
    x = LateResizer(context, mode).resize(x, of);
  }
  return context.setResults(context.cast(x, type));
}
