// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Resize and Upsample, one dimension after the other: each result position is a
// weighted sum of positions that are known when the model is compiled.

#include "frontend/import/Resize.h"
#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
#include "frontend/import/Matmul.h"
#include "frontend/import/Sizes.h"
#include <cmath>

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

namespace {

/// One dimension: sizes, and the scale, which is not always their quotient.
struct Axis {
  int64_t axis, input, output;
  double scale;
  double roiBegin = 0, roiEnd = 1;
};

/// For each result position, the same number of taps: positions and weights.
struct Taps {
  int64_t count = 0;
  SmallVector<int64_t> positions;
  SmallVector<double> weights;
  /// Result positions that lie outside, for tf_crop_and_resize.
  SmallVector<bool> isOutside;
};

} // namespace

//===----------------------------------------------------------------------===//
// Positions and weights
//===----------------------------------------------------------------------===//

/// The position of the operand that position `x` of the result stands for.
static double getSource(const ResizeMode &mode, const Axis &of, double x) {
  double in = static_cast<double>(of.input), out = of.scale * in;
  if (mode.coordinates == "align_corners")
    return out == 1 ? 0 : x * (in - 1) / (out - 1);
  if (mode.coordinates == "asymmetric")
    return x / of.scale;
  if (mode.coordinates == "half_pixel")
    return (x + 0.5) / of.scale - 0.5;
  if (mode.coordinates == "pytorch_half_pixel")
    return out == 1 ? -0.5 : (x + 0.5) / of.scale - 0.5;
  if (mode.coordinates == "tf_half_pixel_for_nn") // of opset 11 alone
    return (x + 0.5) / of.scale;
  if (mode.coordinates == "half_pixel_symmetric") {
    double adjustment = static_cast<double>(of.output) / out;
    return in / 2 * (1 - adjustment) + (x + 0.5) / of.scale - 0.5;
  }
  // tf_crop_and_resize
  double extent = (of.roiEnd - of.roiBegin) * (in - 1);
  return of.roiBegin * (in - 1) +
         (out == 1 ? extent / 2 : x * extent / (out - 1));
}

/// Keys' cubic kernel.
static double getCubicWeight(double x, double a) {
  x = std::abs(x);
  if (x <= 1)
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static double roundNearest(const ResizeMode &mode, const Axis &of, double x) {
  if (mode.nearest == kNearestOfOpset10)
    return of.scale < 1 ? std::ceil(x) : std::floor(x);
  if (mode.nearest == "floor")
    return std::floor(x);
  if (mode.nearest == "ceil")
    return std::ceil(x);
  return mode.nearest == "round_prefer_ceil" ? std::floor(x + 0.5)
                                             : std::ceil(x - 0.5);
}

static Taps getTaps(const ResizeMode &mode, const Axis &of) {
  Taps taps;
  bool isCubic = mode.interpolation == "cubic";
  // With antialias, the kernel is as wide as a result's position.
  double scale = mode.antialias ? std::min(of.scale, 1.0) : 1;
  double radius = isCubic ? 2 : 1;
  auto first = static_cast<int64_t>(std::floor(-radius / scale)) + 1;
  bool isNearest = mode.interpolation == "nearest";
  taps.count = isNearest ? 1 : 2 - 2 * first;
  for (int64_t x = 0; x < of.output; ++x) {
    // A region's ends may be no numbers, or any.
    double source = getSource(mode, of, static_cast<double>(x));
    constexpr double kFar = 0x1p40;
    source = std::isnan(source) ? -kFar : std::clamp(source, -kFar, kFar);
    taps.isOutside.push_back(source < 0 ||
                             source > static_cast<double>(of.input - 1));
    auto clamp = [&](int64_t at) {
      return std::clamp<int64_t>(at, 0, of.input - 1);
    };
    if (isNearest) {
      taps.positions.push_back(
          clamp(static_cast<int64_t>(roundNearest(mode, of, source))));
      taps.weights.push_back(1);
      continue;
    }
    // The distance from the position before lies in (0, 1].
    auto before = static_cast<int64_t>(std::ceil(source)) - 1;
    double distance = source - static_cast<double>(before), sum = 0;
    SmallVector<double> weights;
    for (int64_t i = first; i < first + taps.count; ++i) {
      double at = (static_cast<double>(i) - distance) * scale;
      double weight = isCubic ? getCubicWeight(at, mode.cubicA)
                              : std::max(1 - std::abs(at), 0.0);
      int64_t position = before + i;
      if (mode.excludeOutside && (position < 0 || position >= of.input))
        weight = 0;
      weights.push_back(weight);
      sum += weight;
      taps.positions.push_back(clamp(position));
    }
    for (double weight : weights)
      taps.weights.push_back(weight / sum);
  }
  return taps;
}

//===----------------------------------------------------------------------===//
// Building
//===----------------------------------------------------------------------===//

/// A sum of gathered slices, one for each tap.
static Value sumTaps(NodeContext &context, Value x, const Axis &of,
                     const Taps &taps) {
  Arithmetic math(context);
  SmallVector<int64_t> shape(NodeContext::rank(x) - of.axis, 1);
  shape.front() = of.output;
  Value sum;
  for (int64_t tap = 0; tap < taps.count; ++tap) {
    SmallVector<int64_t> positions;
    SmallVector<double> weights;
    for (int64_t i = 0; i < of.output; ++i) {
      positions.push_back(taps.positions[i * taps.count + tap]);
      weights.push_back(taps.weights[i * taps.count + tap]);
    }
    Value part =
        context.create<GatherOp>(x, context.intConstant(positions), of.axis);
    if (taps.count > 1)
      part = math.mul(
          part, math.constant(weights, shape, NodeContext::elementType(x)));
    sum = sum ? math.add(sum, part) : part;
  }
  return sum;
}

/// The same as a product with a matrix [input, output], for many taps.
static Value multiplyTaps(NodeContext &context, Value x, const Axis &of,
                          const Taps &taps) {
  SmallVector<double> matrix(of.input * of.output, 0);
  for (int64_t i = 0; i < of.output; ++i)
    for (int64_t tap = 0; tap < taps.count; ++tap) {
      int64_t at = i * taps.count + tap;
      matrix[taps.positions[at] * of.output + i] += taps.weights[at];
    }
  SmallVector<int64_t> toLast = range(0, NodeContext::rank(x));
  std::swap(toLast[of.axis], toLast.back());
  Value product =
      buildMatmul(context, context.transpose(x, toLast),
                  Arithmetic(context).constant(matrix, {of.input, of.output},
                                               NodeContext::elementType(x)));
  return context.transpose(product, toLast);
}

/// Repetition of each position `factor` times, which needs no constant size.
static Value repeat(NodeContext &context, Value x, int64_t axis,
                    int64_t factor) {
  SmallVector<AffineExpr> dims = NodeContext::dims(x), apart = dims;
  apart.insert(apart.begin() + axis + 1, context.constantExpr(1));
  SmallVector<AffineExpr> repeated = apart;
  repeated[axis + 1] = context.constantExpr(factor);
  dims[axis] = dims[axis] * factor;
  return context.reshape(context.broadcast(context.reshape(x, apart), repeated),
                         dims);
}

/// Sources are computed for each position of a dimension.
static constexpr int64_t kMaxPositions = 1 << 20;

/// Whether result position i stands for position i / scale, rounded down.
static bool isRepetition(const ResizeMode &mode, double scale) {
  if (mode.interpolation != "nearest" || scale < 1 || scale > kMaxPositions ||
      scale != std::floor(scale))
    return false;
  bool rounds = StringRef(mode.nearest).starts_with("round_prefer");
  return (mode.coordinates == "asymmetric" && mode.nearest == "floor") ||
         (mode.coordinates == "half_pixel" && rounds);
}

static Value resizeAxis(NodeContext &context, const ResizeMode &mode, Value x,
                        const Axis &of) {
  if (!x)
    return x;
  bool isCrop = mode.coordinates == "tf_crop_and_resize";
  if (isRepetition(mode, of.scale) &&
      of.output == of.input * static_cast<int64_t>(of.scale))
    return repeat(context, x, of.axis, static_cast<int64_t>(of.scale));
  Taps taps = getTaps(mode, of);
  Value result = taps.count <= 4 ? sumTaps(context, x, of, taps)
                                 : multiplyTaps(context, x, of, taps);
  if (!isCrop || !llvm::is_contained(taps.isOutside, true))
    return result;
  SmallVector<int64_t> shape(NodeContext::rank(x) - of.axis, 1);
  shape.front() = of.output;
  Value isOutside = context.constant(DenseElementsAttr::get(
      RankedTensorType::get(shape, context.builder.getI1Type()),
      ArrayRef<bool>(taps.isOutside)));
  return Arithmetic(context).select(isOutside, mode.extrapolation, result);
}

//===----------------------------------------------------------------------===//
// Resize
//===----------------------------------------------------------------------===//

static FailureOr<ResizeMode> getMode(NodeContext &context) {
  ResizeMode mode{
      context.getString("mode", "nearest"),
      context.getString("coordinate_transformation_mode", "half_pixel"),
      context.getString("nearest_mode", "round_prefer_floor"),
      context.getFloat("cubic_coeff_a", -0.75f),
      context.getFloat("extrapolation_value", 0),
      context.getInt("exclude_outside", 0) != 0,
      context.getInt("antialias", 0) != 0};
  if (mode.interpolation != "nearest" && mode.interpolation != "linear" &&
      mode.interpolation != "cubic")
    return context.invalid("mode is '" + Twine(mode.interpolation) +
                           "', expected nearest, linear or cubic");
  constexpr StringRef known[] = {"align_corners",       "asymmetric",
                                 "half_pixel",          "half_pixel_symmetric",
                                 "pytorch_half_pixel",  "tf_crop_and_resize",
                                 "tf_half_pixel_for_nn"};
  if (!llvm::is_contained(known, mode.coordinates))
    return context.invalid("coordinate_transformation_mode '" +
                           Twine(mode.coordinates) + "' is not known");
  constexpr StringRef roundings[] = {"round_prefer_floor", "round_prefer_ceil",
                                     "floor", "ceil", kNearestOfOpset10};
  if (!llvm::is_contained(roundings, mode.nearest))
    return context.invalid("nearest_mode '" + Twine(mode.nearest) +
                           "' is not known");
  return mode;
}

/// Scales so that all are the same, as keep_aspect_ratio_policy demands.
static void keepAspectRatio(NodeContext &context, MutableArrayRef<Axis> axes) {
  std::string policy = context.getString("keep_aspect_ratio_policy", "stretch");
  if (policy == "stretch" || axes.empty())
    return;
  double scale = axes.front().scale;
  for (const Axis &axis : axes)
    scale = policy == "not_larger" ? std::min(scale, axis.scale)
                                   : std::max(scale, axis.scale);
  for (Axis &axis : axes) {
    axis.scale = scale;
    double output = std::floor(scale * static_cast<double>(axis.input) + 0.5);
    axis.output = static_cast<int64_t>(std::min(output, 0x1p40));
  }
}

/// Reads the region of interest, [begin.., end..], for tf_crop_and_resize;
/// false where it is not constant.
static bool readRegion(NodeContext &context, size_t input,
                       MutableArrayRef<Axis> axes) {
  auto roi = context.floatValues(context.input(input));
  if (!roi || roi->size() != 2 * axes.size())
    return false;
  for (auto [i, axis] : llvm::enumerate(axes)) {
    axis.roiBegin = (*roi)[i];
    axis.roiEnd = (*roi)[axes.size() + i];
  }
  return true;
}

static std::string describeTooLarge(int64_t axis) {
  return ("dimension " + Twine(axis) + " is resized from or to more than " +
          Twine(kMaxPositions) + " positions")
      .str();
}

/// `region`, `scales` and `sizes` are the numbers of the inputs.
static LogicalResult resize(NodeContext &context, const ResizeMode &mode,
                            size_t region, size_t scalesInput,
                            size_t sizesInput) {
  Value x = context.input(0);
  Type type = NodeContext::elementType(x);
  int64_t rank = NodeContext::rank(x);
  SmallVector<int64_t> order = range(0, rank);
  if (context.hasAttr("axes")) {
    auto given = getAxes(context, context.numInputs(), rank);
    if (!given)
      return failure();
    order = *given;
  }
  auto isAbsent = [](Value value) {
    return !value || (NodeContext::type(value).hasStaticShape() &&
                      NodeContext::type(value).getNumElements() == 0);
  };
  ResizeInputs inputs{x, context.input(region), context.input(scalesInput),
                      context.input(sizesInput), order};
  if (isAbsent(inputs.scales))
    inputs.scales = Value();
  else
    inputs.sizes = Value();
  if (!inputs.scales && isAbsent(inputs.sizes))
    return context.invalid("it has neither scales nor sizes");
  std::optional<SmallVector<double>> scales =
      context.floatValues(inputs.scales);
  std::optional<SmallVector<AffineExpr>> sizes =
      context.sizeValues(inputs.sizes);
  if (!scales && !sizes)
    return importLateResize(context, mode, inputs);
  if ((scales ? scales->size() : sizes->size()) != order.size())
    return context.invalid("it has scales or sizes for " +
                           Twine(scales ? scales->size() : sizes->size()) +
                           " dimensions, expected " + Twine(order.size()));

  SmallVector<Axis> axes;
  for (auto [i, axis] : llvm::enumerate(order)) {
    AffineExpr dim = NodeContext::dim(x, axis);
    auto input = dyn_cast<AffineConstantExpr>(dim);
    auto output = sizes ? dyn_cast<AffineConstantExpr>((*sizes)[i])
                        : AffineConstantExpr();
    if (scales && input) {
      double size = static_cast<double>(input.getValue());
      if (!(size * (*scales)[i] <= kMaxPositions))
        return context.unsupported(describeTooLarge(axis));
      axes.push_back({axis, input.getValue(),
                      static_cast<int64_t>(std::floor(size * (*scales)[i])),
                      (*scales)[i]});
    } else if (output && input && input.getValue() > 0) {
      axes.push_back({axis, input.getValue(), output.getValue(),
                      static_cast<double>(output.getValue()) /
                          static_cast<double>(input.getValue())});
    } else {
      // A multiple of the dimension has a constant quotient.
      AffineExpr factor =
          sizes ? simplify((*sizes)[i].floorDiv(dim)) : AffineExpr();
      auto whole = dyn_cast_or_null<AffineConstantExpr>(factor);
      if (sizes && !whole)
        return importLateResize(context, mode, inputs);
      double scale =
          scales ? (*scales)[i] : static_cast<double>(whole.getValue());
      if (scale == 1)
        continue;
      if (!isRepetition(mode, scale))
        return importLateResize(context, mode, inputs);
      x = repeat(context, x, axis, static_cast<int64_t>(scale));
    }
  }
  if (mode.coordinates == "tf_crop_and_resize" &&
      !readRegion(context, region, axes))
    return importLateResize(context, mode, inputs);
  if (sizes)
    keepAspectRatio(context, axes);
  // A matrix of many taps is a constant.
  constexpr int64_t kMaxMatrix = int64_t(1) << 22;
  if (mode.antialias && llvm::any_of(axes, [](const Axis &axis) {
        return axis.input > 0 && axis.output > kMaxMatrix / axis.input &&
               axis.output <= kMaxPositions && axis.input <= kMaxPositions;
      }))
    return importLateResize(context, mode, inputs);

  bool isExact = mode.interpolation == "nearest" || isa<FloatType>(type);
  if (!isExact)
    x = context.cast(x, context.builder.getF32Type());
  for (const Axis &axis : axes) {
    if (axis.output < 0 || axis.scale <= 0)
      return context.invalid("the scale of dimension " + Twine(axis.axis) +
                             " is not positive");
    // Below the smallest scale, an antialiased position has too many sources.
    if (axis.output > kMaxPositions || axis.input > kMaxPositions ||
        axis.scale * kMaxPositions < 1)
      return context.unsupported(describeTooLarge(axis.axis));
    bool isIdentity = axis.scale == 1 && axis.output == axis.input &&
                      mode.coordinates != "tf_crop_and_resize";
    if (!isIdentity)
      x = resizeAxis(context, mode, x, axis);
  }
  return context.setResults(context.cast(x, type));
}

static LogicalResult importResize(NodeContext &context) {
  FailureOr<ResizeMode> mode = getMode(context);
  if (failed(mode))
    return failure();
  return resize(context, *mode, /*region=*/1, /*scalesInput=*/2,
                /*sizesInput=*/3);
}

/// The older form: positions are those of Resize's asymmetric mode.
static LogicalResult importUpsample(NodeContext &context) {
  std::string mode = context.getString("mode", "nearest");
  ResizeMode asResize{mode, "asymmetric", "floor", -0.75, 0, false, false};
  if (mode != "nearest" && mode != "linear")
    return context.invalid("mode is '" + Twine(mode) +
                           "', expected nearest or linear");
  return resize(context, asResize, /*region=*/2, /*scalesInput=*/1,
                /*sizesInput=*/2);
}

void frontend::addResizeRules(RuleTable &table) {
  table.add("Resize", importResize);
  table.add("Upsample", importUpsample);
}
