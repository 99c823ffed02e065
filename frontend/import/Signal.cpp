// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Fourier transforms as products with constant matrices, and Col2Im.

#include "frontend/import/Signal.h"
#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
#include "frontend/import/LateSizes.h"
#include "frontend/import/Matmul.h"
#include "frontend/import/Sizes.h"
#include "frontend/import/Window.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include <cmath>

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

using Exprs = SmallVector<AffineExpr>;

//===----------------------------------------------------------------------===//
// Fourier transforms
//===----------------------------------------------------------------------===//

namespace {

/// Elements of the last two dimensions of operand and result: positions, and
/// real parts with or without imaginary ones.
struct Transform {
  int64_t length, inputs, inputParts, outputs, outputParts;
  bool inverse;
};

} // namespace

/// A matrix longer than this is refused.
static constexpr int64_t kMaxLength = 2048;

/// cos and sin of `part` of `whole` turns, 0 <= part < whole; exact at quarters
/// of one.
static std::pair<double, double> getTwiddle(int64_t part, int64_t whole) {
  if (4 * part % whole == 0) {
    constexpr double cosine[] = {1, 0, -1, 0};
    int64_t quarter = 4 * part / whole;
    return {cosine[quarter], cosine[(quarter + 3) % 4]};
  }
  double angle =
      2 * M_PI * static_cast<double>(part) / static_cast<double>(whole);
  return {std::cos(angle), std::sin(angle)};
}

/// The matrix [inputs * inputParts, outputs * outputParts]. An inverse
/// transform with one real part in its result takes half of the spectrum; the
/// other half is its conjugate.
static SmallVector<double> getMatrix(const Transform &of) {
  SmallVector<double> matrix;
  double sign = of.inverse ? 1 : -1;
  bool isHalf = of.inverse && of.outputParts == 1;
  for (int64_t i = 0; i < of.inputs; ++i)
    for (int64_t part = 0; part < of.inputParts; ++part)
      for (int64_t k = 0; k < of.outputs; ++k) {
        auto [cosine, sine] = getTwiddle((i * k) % of.length, of.length);
        sine *= sign;
        double factor = of.inverse ? 1.0 / static_cast<double>(of.length) : 1;
        if (isHalf && i != 0 && 2 * i != of.length)
          factor *= 2;
        if (i >= (isHalf ? of.length / 2 + 1 : of.length))
          factor = 0;
        // (cos + i sin) times 1 or times i.
        matrix.push_back(factor * (part == 0 ? cosine : -sine));
        if (of.outputParts == 2)
          matrix.push_back(factor * (part == 0 ? sine : cosine));
      }
  return matrix;
}

/// Transforms x [.., inputs, inputParts] to [.., outputs, outputParts]. With
/// `exact`, in f64: sums of terms of both signs lose what f32 does not hold.
static Value transform(NodeContext &context, Value x, const Transform &of,
                       bool exact) {
  if (!x)
    return x;
  Type type = NodeContext::elementType(x);
  if (exact)
    x = context.cast(x, context.builder.getF64Type());
  Exprs dims = NodeContext::dims(x);
  dims.resize(dims.size() - 2);
  dims.push_back(context.constantExpr(of.inputs * of.inputParts));
  Value product =
      buildMatmul(context, context.reshape(x, dims),
                  Arithmetic(context).constant(
                      getMatrix(of),
                      {of.inputs * of.inputParts, of.outputs * of.outputParts},
                      NodeContext::elementType(x)));
  dims.back() = context.constantExpr(of.outputs);
  dims.push_back(context.constantExpr(of.outputParts));
  return context.reshape(context.cast(product, type), dims);
}

/// The constant size of dimension `d`; otherwise nothing, with the node
/// reported.
static std::optional<int64_t> getStaticSize(NodeContext &context, Value x,
                                            int64_t d) {
  if (auto size = dyn_cast<AffineConstantExpr>(NodeContext::dim(x, d)))
    return size.getValue();
  (void)context.unsupported("the size of dimension " + Twine(d) +
                            " is not constant");
  return std::nullopt;
}

/// Completes a transform along a dimension of x; `length` is 0 where the node
/// does not give it.
static FailureOr<Transform> getTransform(NodeContext &context, Value x,
                                         int64_t axis, int64_t length) {
  auto inputs = getStaticSize(context, x, axis);
  auto parts = getStaticSize(context, x, NodeContext::rank(x) - 1);
  if (!inputs || !parts)
    return failure();
  if (*parts != 1 && *parts != 2)
    return context.invalid("its last dimension is " + Twine(*parts) +
                           ", expected 1 or 2");
  bool inverse = context.getInt("inverse", 0) != 0;
  bool oneSided = context.getInt("onesided", 0) != 0;
  if (length == 0)
    length = inverse && oneSided ? 2 * (*inputs - 1) : *inputs;
  if (length < 1 || length > kMaxLength || *inputs > kMaxLength)
    return context.unsupported("transforms of length " + Twine(length) +
                               " are not supported");
  return Transform{length,
                   *inputs,
                   *parts,
                   oneSided && !inverse ? length / 2 + 1 : length,
                   oneSided && inverse ? 1 : 2,
                   inverse};
}

/// The number that input `i` holds, or `byDefault` where it is absent.
static std::optional<int64_t> getNumber(NodeContext &context, size_t i,
                                        int64_t byDefault, StringRef what) {
  return context.hasInput(i) ? getKnownInt(context, context.input(i), what)
                             : byDefault;
}

static LogicalResult importDFT(NodeContext &context) {
  if (!isKnown(context, context.input(1)) ||
      !isKnown(context, context.input(2)))
    return importLateDFT(context);
  Value x = context.input(0);
  int64_t rank = NodeContext::rank(x);
  int64_t attribute = context.getInt("axis", context.opset < 20 ? 1 : -2);
  auto length = getNumber(context, 1, 0, "the length");
  auto given = getNumber(context, 2, attribute, "the axis");
  if (!length || !given)
    return failure();
  auto axis = context.normalizeAxis(*given, rank);
  if (!axis)
    return failure();
  if (*axis == rank - 1)
    return context.invalid("its axis is the dimension of the parts");
  if (!isa<AffineConstantExpr>(NodeContext::dim(x, *axis)))
    return importLateDFT(context);
  FailureOr<Transform> of = getTransform(context, x, *axis, *length);
  if (failed(of))
    return failure();
  SmallVector<int64_t> toLast = range(0, rank);
  std::swap(toLast[*axis], toLast[rank - 2]);
  Value result = transform(context, context.transpose(x, toLast), *of,
                           /*exact=*/true);
  return context.setResults(context.transpose(result, toLast));
}

/// Transforms of overlapping frames of a signal [batch, samples, parts].
static LogicalResult importSTFT(NodeContext &context) {
  if (!isKnown(context, context.input(1)) ||
      !isKnown(context, context.input(3)))
    return importLateSTFT(context);
  Value signal = context.input(0), window = context.input(2);
  if (NodeContext::rank(signal) != 3)
    return context.invalid("its signal has rank " +
                           Twine(NodeContext::rank(signal)) + ", expected 3");
  auto step = getKnownInt(context, context.input(1), "the step");
  auto samples = getStaticSize(context, signal, 1);
  auto whole = window ? getStaticSize(context, window, 0) : samples;
  if (!step || !samples || !whole)
    return failure();
  auto given = getNumber(context, 3, *whole, "the frame's length");
  if (!given)
    return failure();
  int64_t length = *given;
  if (length < 1 || length > *samples || *step < 1)
    return context.invalid("frames of " + Twine(length) +
                           " samples at steps of " + Twine(*step) +
                           " do not fit a signal of " + Twine(*samples));
  int64_t numFrames = (*samples - length) / *step + 1;
  SmallVector<int64_t> positions;
  for (int64_t frame = 0; frame < numFrames; ++frame)
    for (int64_t i = 0; i < length; ++i)
      positions.push_back(frame * *step + i);
  Exprs dims = NodeContext::dims(signal);
  Value frames = context.reshape(
      context.create<GatherOp>(signal, context.intConstant(positions), 1),
      {dims[0], context.constantExpr(numFrames), context.constantExpr(length),
       dims[2]});
  if (window)
    frames = Arithmetic(context).mul(
        frames, context.reshape(window, {context.constantExpr(length),
                                         context.constantExpr(1)}));
  if (!frames)
    return failure();
  FailureOr<Transform> of = getTransform(context, frames, 2, length);
  if (failed(of))
    return failure();
  of->outputs = context.getInt("onesided", 1) ? length / 2 + 1 : length;
  // Frames are many, and windows make their ends small.
  return context.setResults(transform(context, frames, *of, /*exact=*/false));
}

//===----------------------------------------------------------------------===//
// Col2Im
//===----------------------------------------------------------------------===//

/// Blocks added up where they overlap: a transposed convolution whose filters
/// each have a one at the place of their channel.
static LogicalResult importCol2Im(NodeContext &context) {
  if (!context.intValues(context.input(1)) ||
      !context.intValues(context.input(2)))
    return importLateCol2Im(context);
  Value x = context.input(0);
  auto image = getKnownInts(context, context.input(1), "the image's shape");
  auto block = getKnownInts(context, context.input(2), "the block's shape");
  if (!image || !block)
    return failure();
  Exprs dims = NodeContext::dims(x);
  auto window = getWindowAttributes(context, *block);
  if (!window)
    return failure();
  int64_t blockSize = 1;
  for (int64_t size : *block)
    blockSize *= size;
  auto rows = dims.size() == 3 ? dyn_cast<AffineConstantExpr>(dims[1])
                               : AffineConstantExpr();
  if (dims.size() == 3 && !rows)
    return context.unsupported("the number of its rows is not constant");
  if (!rows || image->size() != block->size() || blockSize < 1 ||
      rows.getValue() % blockSize)
    return context.invalid("its shapes do not fit together");
  Exprs grid = {dims[0], dims[1]};
  Exprs result = {dims[0], context.constantExpr(rows.getValue() / blockSize)};
  SmallVector<int64_t> filterShape = {rows.getValue(), 1};
  for (size_t i = 0; i < block->size(); ++i) {
    int64_t reach = getReach(window->sizes[i], window->dilations[i]);
    int64_t padded = (*image)[i] + window->low[i] + window->high[i];
    grid.push_back(
        context.constantExpr((padded - reach) / window->strides[i] + 1));
    result.push_back(context.constantExpr((*image)[i]));
    filterShape.push_back((*block)[i]);
  }
  Type type = NodeContext::elementType(x);
  SmallVector<double> filter(rows.getValue() * blockSize, 0);
  for (int64_t row = 0; row < rows.getValue(); ++row)
    filter[row * blockSize + row % blockSize] = 1;
  if (!isa<FloatType>(type))
    return context.unsupported(
        "elements that are not floats are not supported");
  return context.setResults(context.create<ConvTransposeOp>(
      getTensorType(result, type), context.reshape(x, grid),
      Arithmetic(context).constant(filter, filterShape, type), window->strides,
      window->low, window->dilations, rows.getValue() / blockSize));
}

void frontend::addSignalRules(RuleTable &table) {
  table.add("Col2Im", importCol2Im);
  table.add("DFT", importDFT);
  table.add("STFT", importSTFT);
}
