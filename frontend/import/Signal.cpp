// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Fourier transforms of known lengths, and Col2Im.

#include "frontend/import/Signal.h"
#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
#include "frontend/import/LateSizes.h"
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

/// Longer transforms are refused: their scratch would be large.
static constexpr int64_t kMaxLength = 1 << 16;

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

/// The dl.dft of x [.., inputs, parts].
static Value createDft(NodeContext &context, Value x, int64_t length,
                       int64_t outputs, bool inverse) {
  SmallVector<double> roots;
  for (int64_t j = 0; j < length; ++j) {
    auto [cosine, sine] = getTwiddle(j, length);
    roots.append({cosine, sine});
  }
  if (!x)
    return x;
  return context.create<DftOp>(
      x,
      Arithmetic(context).constant(roots, {length, 2},
                                   NodeContext::elementType(x)),
      length, outputs, inverse);
}

//===----------------------------------------------------------------------===//
// Lengths with large prime factors
//===----------------------------------------------------------------------===//

/// About how many operations a transform takes, in units that only compare: the
/// guess of pocketfft.
static double guessCost(int64_t length) {
  double sum = 0;
  int64_t rest = length;
  for (; rest % 2 == 0; rest /= 2)
    sum += 2;
  for (int64_t prime = 3; prime * prime <= rest; prime += 2)
    for (; rest % prime == 0; rest /= prime)
      sum += prime <= 5 ? static_cast<double>(prime)
                        : 1.1 * static_cast<double>(prime);
  if (rest > 1)
    sum +=
        rest <= 5 ? static_cast<double>(rest) : 1.1 * static_cast<double>(rest);
  return sum * static_cast<double>(length);
}

/// The first length from `least` on that has no prime factor above 5.
static int64_t getSmoothLength(int64_t least) {
  for (int64_t length = least;; ++length) {
    int64_t rest = length;
    for (int64_t prime : {2, 3, 5})
      while (rest % prime == 0)
        rest /= prime;
    if (rest == 1)
      return length;
  }
}

/// One part of the last dimension, or x itself where it has no other.
static Value getPart(NodeContext &context, Value x, int64_t part) {
  if (!x)
    return x;
  int64_t last = NodeContext::rank(x) - 1;
  if (NodeContext::type(x).getDimSize(last) == 1)
    return part == 0 ? x
                     : context.broadcast(
                           context.splat(0, NodeContext::elementType(x)),
                           NodeContext::dims(x));
  Exprs dims = NodeContext::dims(x),
        offsets(dims.size(), context.constantExpr(0));
  dims.back() = context.constantExpr(1);
  offsets.back() = context.constantExpr(part);
  return context.create<SliceOp>(
      getTensorType(dims, NodeContext::elementType(x)), x,
      AffineMap::get(0, 0, offsets, context.builder.getContext()),
      SmallVector<int64_t>(dims.size(), 1));
}

/// The product of complex numbers, the second ones constant.
static Value multiply(NodeContext &context, Value x, ArrayRef<double> real,
                      ArrayRef<double> imaginary) {
  if (!x)
    return x;
  Arithmetic math(context);
  auto toConstant = [&](ArrayRef<double> values) {
    return math.constant(values, {static_cast<int64_t>(values.size()), 1},
                         NodeContext::elementType(x));
  };
  Value c = toConstant(real), s = toConstant(imaginary);
  Value re = getPart(context, x, 0), im = getPart(context, x, 1);
  Value products[] = {math.sub(math.mul(re, c), math.mul(im, s)),
                      math.add(math.mul(re, s), math.mul(im, c))};
  return context.create<ConcatOp>(products, NodeContext::rank(x) - 1);
}

/// The first `size` elements of the dimension before the last.
static Value takeRows(NodeContext &context, Value x, int64_t size) {
  if (!x || NodeContext::type(x).getDimSize(NodeContext::rank(x) - 2) == size)
    return x;
  Exprs dims = NodeContext::dims(x);
  dims[dims.size() - 2] = context.constantExpr(size);
  Exprs offsets(dims.size(), context.constantExpr(0));
  return context.create<SliceOp>(
      getTensorType(dims, NodeContext::elementType(x)), x,
      AffineMap::get(0, 0, offsets, context.builder.getContext()),
      SmallVector<int64_t>(dims.size(), 1));
}

/// A transform as a convolution with a chirp, which transforms of a smooth
/// length make a product (L. Bluestein, 1970): n k = (n^2 + k^2 - (k - n)^2)
/// / 2.
static Value createChirpTransform(NodeContext &context, Value x,
                                  const Transform &of) {
  int64_t length = of.length, taken = std::min(of.inputs, length);
  double sign = of.inverse ? 1 : -1;
  // exp(sign pi i n^2 / length); its argument repeats after 2 * length.
  SmallVector<double> cosine, sine, negative;
  for (int64_t n = 0; n < length; ++n) {
    auto [c, s] = getTwiddle(n * n % (2 * length), 2 * length);
    cosine.push_back(c);
    sine.push_back(sign * s);
    negative.push_back(-sign * s);
  }
  int64_t smooth = getSmoothLength(2 * length - 1);
  // The conjugate chirp, at negative positions as well, transformed.
  SmallVector<double> chirp(2 * smooth, 0);
  for (int64_t n = 0; n < length; ++n)
    for (int64_t at : {n, (smooth - n) % smooth}) {
      chirp[2 * at] = cosine[n];
      chirp[2 * at + 1] = negative[n];
    }
  Type type = NodeContext::elementType(x);
  Value spectrum =
      createDft(context, Arithmetic(context).constant(chirp, {smooth, 2}, type),
                smooth, smooth, /*inverse=*/false);
  auto head = [](ArrayRef<double> values, int64_t count) {
    return values.take_front(count);
  };
  Value turned = multiply(context, takeRows(context, x, taken),
                          head(cosine, taken), head(sine, taken));
  Value transformed =
      createDft(context, turned, smooth, smooth, /*inverse=*/false);
  if (!transformed || !spectrum)
    return Value();
  Arithmetic math(context);
  Value a = getPart(context, transformed, 0),
        b = getPart(context, transformed, 1), c = getPart(context, spectrum, 0),
        d = getPart(context, spectrum, 1);
  Value parts[] = {math.sub(math.mul(a, c), math.mul(b, d)),
                   math.add(math.mul(a, d), math.mul(b, c))};
  Value product =
      context.create<ConcatOp>(parts, NodeContext::rank(transformed) - 1);
  Value convolved =
      createDft(context, product, smooth, of.outputs, /*inverse=*/true);
  double scale = of.inverse ? 1.0 / static_cast<double>(length) : 1;
  for (double &value : cosine)
    value *= scale;
  for (double &value : sine)
    value *= scale;
  return multiply(context, convolved, head(cosine, of.outputs),
                  head(sine, of.outputs));
}

//===----------------------------------------------------------------------===//
// Transforms
//===----------------------------------------------------------------------===//

/// The whole spectrum of what was real, of its half: the other half is the
/// conjugate.
static Value mirror(NodeContext &context, Value half, const Transform &of) {
  int64_t kept = of.length / 2 + 1, mirrored = (of.length - 1) / 2;
  if (of.inputs < kept) {
    Exprs dims = NodeContext::dims(half);
    dims[dims.size() - 2] = context.constantExpr(kept);
    Type type = NodeContext::elementType(half);
    Exprs low(dims.size(), context.constantExpr(0));
    half = context.create<PadOp>(
        getTensorType(dims, type), PadMode::Constant, half,
        context.splat(0, type),
        AffineMap::get(0, 0, low, context.builder.getContext()));
  }
  half = takeRows(context, half, kept);
  if (!half || mirrored == 0)
    return half;
  Exprs dims = NodeContext::dims(half);
  size_t axis = dims.size() - 2;
  dims[axis] = context.constantExpr(mirrored);
  Exprs offsets(dims.size(), context.constantExpr(0));
  offsets[axis] = context.constantExpr(mirrored);
  SmallVector<int64_t> strides(dims.size(), 1);
  strides[axis] = -1;
  Type type = NodeContext::elementType(half);
  Value upper = context.create<SliceOp>(
      getTensorType(dims, type), half,
      AffineMap::get(0, 0, offsets, context.builder.getContext()), strides);
  if (of.inputParts == 2) {
    Arithmetic math(context);
    upper = math.mul(upper, math.constant({1, -1}, {2}, type));
  }
  SmallVector<Value> halves{half, upper};
  return context.create<ConcatOp>(halves, static_cast<int64_t>(axis));
}

/// Transforms x [.., inputs, inputParts] to [.., outputs, outputParts].
static Value transform(NodeContext &context, Value x, Transform of) {
  if (!x)
    return x;
  Type type = NodeContext::elementType(x);
  if (!type.isF64())
    x = context.cast(x, context.builder.getF32Type());
  if (of.outputParts == 1) {
    x = mirror(context, x, of);
    of.inputs = of.length;
  }
  bool isSmooth =
      of.length < 50 ||
      guessCost(of.length) <= 3 * guessCost(getSmoothLength(2 * of.length - 1));
  Value result = isSmooth
                     ? createDft(context, x, of.length, of.outputs, of.inverse)
                     : createChirpTransform(context, x, of);
  if (of.outputParts == 1)
    result = getPart(context, result, 0);
  return context.cast(result, type);
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

/// The transform along an axis; null, with the node reported, where there is
/// none.
static Value transformAlong(NodeContext &context, Value x, int64_t axis,
                            int64_t length) {
  FailureOr<Transform> of = getTransform(context, x, axis, length);
  if (failed(of))
    return Value();
  SmallVector<int64_t> toLast = range(0, NodeContext::rank(x));
  std::swap(toLast[axis], toLast[toLast.size() - 2]);
  return context.transpose(
      transform(context, context.transpose(x, toLast), *of), toLast);
}

/// The transform along the axis, from `first` on, that `axis` (a scalar) has in
/// the running model: a branch for each.
static Value chooseAxis(NodeContext &context, Value x, Value axis,
                        int64_t first, int64_t length) {
  if (first + 2 == NodeContext::rank(x))
    return transformAlong(context, x, first, length);
  OpBuilder &builder = context.builder;
  Region regions[2];
  Value results[2];
  for (int branch : {0, 1}) {
    OpBuilder::InsertionGuard guard(builder);
    builder.createBlock(&regions[branch]);
    results[branch] = branch == 0
                          ? transformAlong(context, x, first, length)
                          : chooseAxis(context, x, axis, first + 1, length);
    if (!results[branch])
      return Value();
    YieldOp::create(builder, context.loc, results[branch]);
  }
  Exprs dims = NodeContext::dims(results[0]);
  SmallVector<int64_t> symbols;
  for (auto [d, other] : llvm::enumerate(NodeContext::dims(results[1]))) {
    if (isa<AffineConstantExpr>(other) && other == dims[d])
      continue;
    dims[d] = context.createSize();
    symbols.push_back(cast<AffineSymbolExpr>(dims[d]).getPosition());
  }
  Value isFirst = Arithmetic(context).compare(Predicate::Eq, axis,
                                              static_cast<double>(first));
  Type type = getTensorType(dims, NodeContext::elementType(x));
  auto choice = IfOp::create(builder, context.loc, type, isFirst, symbols);
  choice.getOnTrue().takeBody(regions[0]);
  choice.getOnFalse().takeBody(regions[1]);
  return choice.getResult(0);
}

/// Whether transforms along all dimensions of x but the last, of which only the
/// running model knows which it is, can be prepared.
static bool mayChooseAxis(NodeContext &context, Value x, int64_t length) {
  // Each of them is a branch in another one.
  constexpr int64_t kMaxBranches = 16;
  if (!context.runsOnce() || NodeContext::rank(x) < 2 ||
      NodeContext::rank(x) > kMaxBranches)
    return false;
  bool isHalf = context.getInt("inverse", 0) && context.getInt("onesided", 0);
  SmallVector<AffineExpr> dims = NodeContext::dims(x);
  for (AffineExpr dim : ArrayRef(dims).drop_back()) {
    auto size = dyn_cast<AffineConstantExpr>(dim);
    if (!size || size.getValue() < (isHalf ? 2 : 1) ||
        size.getValue() > kMaxLength / 2)
      return false;
  }
  return length >= 0 && length <= kMaxLength;
}

static LogicalResult importDFT(NodeContext &context) {
  if (NodeContext::rank(context.input(0)) < 2)
    return context.invalid("its input has rank " +
                           Twine(NodeContext::rank(context.input(0))) +
                           ", expected 2 or more");
  if (!isKnown(context, context.input(1)))
    return importLateDFT(context);
  Value x = context.input(0);
  int64_t rank = NodeContext::rank(x);
  auto length = getNumber(context, 1, 0, "the length");
  if (!length)
    return failure();
  if (!isKnown(context, context.input(2))) {
    if (!mayChooseAxis(context, x, *length))
      return importLateDFT(context);
    LateSizes late(context);
    LateAxes axes =
        late.axes(late.toVector(context.input(2), "the axis"), rank);
    Value isOuter = late.all(late.math.compare(Predicate::Lt, axes.list,
                                               static_cast<double>(rank - 1)));
    if (!isOuter ||
        !late.bind(context.intConstant({}),
                   context.create<AndOp>(axes.isValid, isOuter), "the axis"))
      return failure();
    Value axis = late.toScalar(axes.list);
    if (!axis)
      return failure();
    return context.setResults(chooseAxis(context, x, axis, 0, *length));
  }
  int64_t attribute = context.getInt("axis", context.opset < 20 ? 1 : -2);
  auto given = getNumber(context, 2, attribute, "the axis");
  if (!given)
    return failure();
  auto axis = context.normalizeAxis(*given, rank);
  if (!axis)
    return failure();
  if (*axis == rank - 1)
    return context.invalid("its axis is the dimension of the parts");
  if (!isa<AffineConstantExpr>(NodeContext::dim(x, *axis)))
    return importLateDFT(context);
  return context.setResults(transformAlong(context, x, *axis, *length));
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
  if (window && NodeContext::rank(window) != 1)
    return context.invalid("its window has rank " +
                           Twine(NodeContext::rank(window)) + ", expected 1");
  auto step = getKnownInt(context, context.input(1), "the step");
  AffineExpr samples = NodeContext::dim(signal, 1);
  AffineExpr whole = window ? NodeContext::dim(window, 0) : samples;
  if (!context.hasInput(3) && !isa<AffineConstantExpr>(whole))
    return importLateSTFT(context);
  if (!step)
    return failure();
  auto known = dyn_cast<AffineConstantExpr>(whole);
  auto given =
      getNumber(context, 3, known ? known.getValue() : 0, "the frame's length");
  if (!given)
    return failure();
  int64_t length = *given;
  const char *misfit = "the frames or the step do not fit the signal";
  if (length < 1 || *step < 1)
    return context.invalid(misfit);
  if (failed(context.requireLessEqual(context.constantExpr(length), samples,
                                      misfit)))
    return failure();
  Value frames = context.create<UnfoldOp>(signal, 1, length, *step);
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
  of->outputParts = 2;
  return context.setResults(transform(context, frames, *of));
}

//===----------------------------------------------------------------------===//
// Col2Im
//===----------------------------------------------------------------------===//

/// Elements of the filter; larger ones are scattered.
constexpr int64_t kMaxFilterSize = int64_t(1) << 22;

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
  int64_t blockSize = 1, filterSize = 1;
  bool overflows = false;
  for (int64_t size : *block)
    overflows |= size < 0 || llvm::MulOverflow(blockSize, size, blockSize);
  if (overflows || llvm::any_of(*image, [](int64_t size) { return size < 0; }))
    return context.invalid("its shapes are out of range");
  auto rows = dims.size() == 3 ? dyn_cast<AffineConstantExpr>(dims[1])
                               : AffineConstantExpr();
  if (dims.size() == 3 && !rows)
    return context.unsupported("the number of its rows is not constant");
  if (!rows || image->size() != block->size() || blockSize < 1 ||
      rows.getValue() % blockSize)
    return context.invalid("its shapes do not fit together");
  if (llvm::MulOverflow(rows.getValue(), blockSize, filterSize) ||
      filterSize > kMaxFilterSize)
    return importLateCol2Im(context);
  Exprs grid = {dims[0], dims[1]};
  Exprs result = {dims[0], context.constantExpr(rows.getValue() / blockSize)};
  SmallVector<int64_t> filterShape = {rows.getValue(), 1};
  for (size_t i = 0; i < block->size(); ++i) {
    int64_t reach = getReach(window->sizes[i], window->dilations[i]);
    int64_t padded = (*image)[i] + window->low[i] + window->high[i];
    if (reach > padded)
      return context.invalid("a block is larger than the image");
    grid.push_back(
        context.constantExpr((padded - reach) / window->strides[i] + 1));
    result.push_back(context.constantExpr((*image)[i]));
    filterShape.push_back((*block)[i]);
  }
  Type type = NodeContext::elementType(x);
  SmallVector<double> filter(filterSize, 0);
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
