// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Fourier transforms by matrices that the running model computes, and Col2Im as
// a scatter.

#include "frontend/import/LateSizes.h"
#include "frontend/import/Matmul.h"
#include "frontend/import/Signal.h"
#include "frontend/import/Sizes.h"
#include "frontend/import/Window.h"
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

/// As in Signal.cpp, but for the sizes.
struct LateTransform {
  AffineExpr length, inputs, outputs;
  int64_t inputParts, outputParts;
  bool inverse;
};

} // namespace

/// The matrix [inputs * inputParts, outputs * outputParts] of Signal.cpp.
static Value buildMatrix(NodeContext &context, const LateTransform &of,
                         Type type) {
  Arithmetic math(context);
  Type i64 = context.builder.getI64Type(), f64 = context.builder.getF64Type();
  Value length = context.sizeScalar(of.length);
  Value i = math.iota(of.inputs, 0, 4, i64);
  Value k = math.iota(of.outputs, 2, 4, i64);
  Value turns = math.apply<ModOp>(math.mul(i, k), length);
  Value size = context.cast(length, f64);
  Value angle = math.mul(math.div(context.cast(turns, f64), size),
                         (of.inverse ? 2 : -2) * M_PI);
  Value factor = of.inverse ? math.div(1.0, size) : context.splat(1, f64);
  bool isHalf = of.inverse && of.outputParts == 1;
  Value end = length;
  if (isHalf) {
    // Half of the spectrum, but for its ends, stands for both halves.
    Value isEnd = context.create<OrOp>(
        math.compare(Predicate::Eq, i, 0.0),
        math.compare(Predicate::Eq, math.mul(i, 2.0), length));
    factor = math.mul(factor, math.select(isEnd, context.splat(1, f64), 2.0));
    end = context.sizeScalar(simplify(of.length.floorDiv(2) + 1));
  }
  factor = math.select(math.compare(Predicate::Lt, i, end), factor, 0.0);
  Value cosine = math.mul(context.create<CosOp>(angle), factor);
  Value sine = math.mul(context.create<SinOp>(angle), factor);
  // (cos + i sin) times 1 or times i.
  Value part = math.iota(context.constantExpr(of.inputParts), 1, 4, i64);
  Value result = math.iota(context.constantExpr(of.outputParts), 3, 4, i64);
  Value mixed = math.select(math.compare(Predicate::Eq, part, 0.0), sine,
                            math.sub(0.0, sine));
  Value matrix =
      math.select(math.compare(Predicate::Eq, part, result), cosine, mixed);
  return context.reshape(context.cast(matrix, type),
                         {simplify(of.inputs * of.inputParts),
                          simplify(of.outputs * of.outputParts)});
}

/// Transforms x [.., inputs, inputParts] to [.., outputs, outputParts], in f64:
/// sums of terms of both signs lose what f32 does not hold.
static Value transform(NodeContext &context, Value x, const LateTransform &of) {
  if (!x)
    return x;
  Type type = NodeContext::elementType(x);
  x = context.cast(x, context.builder.getF64Type());
  Exprs dims = NodeContext::dims(x);
  dims.resize(dims.size() - 2);
  dims.push_back(simplify(of.inputs * of.inputParts));
  Value product =
      buildMatmul(context, context.reshape(x, dims),
                  buildMatrix(context, of, NodeContext::elementType(x)));
  dims.back() = of.outputs;
  dims.push_back(context.constantExpr(of.outputParts));
  return context.reshape(context.cast(product, type), dims);
}

/// The parts, real or real and imaginary, in the last dimension of x.
static std::optional<int64_t> getParts(NodeContext &context, Value x) {
  int64_t rank = NodeContext::rank(x);
  auto parts =
      rank == 0 ? AffineConstantExpr()
                : dyn_cast<AffineConstantExpr>(NodeContext::dim(x, rank - 1));
  if (parts && (parts.getValue() == 1 || parts.getValue() == 2))
    return parts.getValue();
  (void)context.invalid("its last dimension is not 1 or 2");
  return std::nullopt;
}

LogicalResult frontend::importLateDFT(NodeContext &context) {
  LateSizes late(context);
  const Arithmetic &math = late.math;
  Value x = context.input(0);
  int64_t rank = NodeContext::rank(x);
  auto parts = getParts(context, x);
  if (!parts)
    return failure();
  bool inverse = context.getInt("inverse", 0) != 0;
  bool oneSided = context.getInt("onesided", 0) != 0;
  Value axis = context.hasInput(2)
                   ? late.toVector(context.input(2), "the axis")
                   : context.intConstant(
                         {context.getInt("axis", context.opset < 20 ? 1 : -2)});
  Value split = late.splitAtAxis(x, axis, /*apart=*/1);
  if (!split)
    return failure();
  LateTransform of;
  of.inputs = NodeContext::dim(split, 1);
  of.length = inverse && oneSided ? simplify(of.inputs * 2 - 2) : of.inputs;
  if (context.hasInput(1)) {
    auto length = getSize(context, context.input(1), "the length");
    if (!length)
      return failure();
    of.length = *length;
  }
  if (failed(context.requireLessEqual(context.constantExpr(1), of.length,
                                      "the length is not positive")))
    return failure();
  of.outputs =
      oneSided && !inverse ? simplify(of.length.floorDiv(2) + 1) : of.length;
  of.inputParts = *parts;
  of.outputParts = oneSided && inverse ? 1 : 2;
  of.inverse = inverse;
  Value result = context.transpose(
      transform(context, context.transpose(split, {0, 2, 1, 3}), of),
      {0, 2, 1, 3});
  LateAxes axes = late.axes(axis, rank);
  Value dims = math.select(math.compare(Predicate::Ne, axes.isGiven, 0.0),
                           context.sizeScalar(of.outputs),
                           late.vector(NodeContext::dims(x)));
  auto bound = context.bindSizes(late.slice(dims, 0, rank - 1), "the axis");
  if (!bound)
    return failure();
  bound->push_back(context.constantExpr(of.outputParts));
  return context.setResults(context.reshape(result, *bound));
}

LogicalResult frontend::importLateSTFT(NodeContext &context) {
  LateSizes late(context);
  const Arithmetic &math = late.math;
  Value signal = context.input(0), window = context.input(2);
  if (NodeContext::rank(signal) != 3 ||
      (window && NodeContext::rank(window) != 1))
    return context.invalid("its signal does not have rank 3, or its window not "
                           "rank 1");
  auto parts = getParts(context, signal);
  if (!parts)
    return failure();
  Exprs dims = NodeContext::dims(signal);
  auto step = getSize(context, context.input(1), "the step");
  AffineExpr length = window ? NodeContext::dim(window, 0) : dims[1];
  if (context.hasInput(3)) {
    auto given = getSize(context, context.input(3), "the frame's length");
    if (!given)
      return failure();
    length = *given;
  }
  AffineExpr one = context.constantExpr(1);
  const char *message = "the frames or the step do not fit the signal";
  if (!step || failed(context.requireLessEqual(one, *step, message)) ||
      failed(context.requireLessEqual(one, length, message)) ||
      failed(context.requireLessEqual(length, dims[1], message)))
    return failure();
  Type i64 = context.builder.getI64Type();
  // Divided by operations: a step of zero is reported, not divided by.
  Value frames = late.extent(context.sizeScalar(simplify(dims[1] - length + 1)),
                             context.sizeScalar(*step));
  auto number = getSize(context, context.reshape(frames, one), "the step");
  if (!number)
    return failure();
  Value positions = math.add(
      math.mul(math.iota(*number, 0, 2, i64), context.sizeScalar(*step)),
      math.iota(length, 1, 2, i64));
  Value framed = context.create<GatherOp>(signal, positions, int64_t(1));
  if (window)
    framed = math.mul(framed, context.reshape(window, {length, one}));
  bool oneSided = context.getInt("onesided", 1) != 0;
  LateTransform of{length,
                   length,
                   oneSided ? simplify(length.floorDiv(2) + 1) : length,
                   *parts,
                   2,
                   /*inverse=*/false};
  return context.setResults(transform(context, framed, of));
}

//===----------------------------------------------------------------------===//
// Col2Im
//===----------------------------------------------------------------------===//

/// Each element of each block is added to its place in the image; places in the
/// padding are out of range, and dropped.
LogicalResult frontend::importLateCol2Im(NodeContext &context) {
  LateSizes late(context);
  const Arithmetic &math = late.math;
  Value x = context.input(0);
  auto image = getSizes(context, context.input(1), "the image's shape");
  auto block = getSizes(context, context.input(2), "the block's shape");
  if (!image || !block)
    return failure();
  size_t rank = block->size();
  auto window =
      getWindowAttributes(context, SmallVector<int64_t>(rank, int64_t(1)));
  if (!window)
    return failure();
  if (NodeContext::rank(x) != 3 || image->size() != rank || rank == 0)
    return context.invalid("its shapes do not fit together");
  Type i64 = context.builder.getI64Type();
  AffineExpr blockSize = getProduct(context, *block);
  AffineExpr imageSize = getProduct(context, *image);
  Exprs dims = NodeContext::dims(x);
  AffineExpr rows = dims[1], columns = dims[2], grid = context.constantExpr(1);
  // From the last dimension to the first, what is left of the numbers of the
  // block's element and of the block.
  Value element = math.iota(blockSize, 0, 2, i64);
  Value number = math.iota(columns, 1, 2, i64);
  Value place = math.mul(element, 0.0), isInside;
  AffineExpr stride = context.constantExpr(1);
  for (size_t i = rank; i-- > 0;) {
    AffineExpr padded = (*image)[i] + window->low[i] + window->high[i];
    AffineExpr reach = ((*block)[i] - 1) * window->dilations[i] + 1;
    if (failed(context.requireLessEqual(simplify(reach), simplify(padded),
                                        "a block is larger than the image")))
      return failure();
    AffineExpr count =
        simplify((padded - reach).floorDiv(window->strides[i]) + 1);
    grid = simplify(grid * count);
    Value inBlock = context.sizeScalar((*block)[i]);
    Value inGrid = context.sizeScalar(count);
    Value at =
        math.add(math.mul(math.apply<ModOp>(element, inBlock),
                          static_cast<double>(window->dilations[i])),
                 math.sub(math.mul(math.apply<ModOp>(number, inGrid),
                                   static_cast<double>(window->strides[i])),
                          static_cast<double>(window->low[i])));
    Value fits = context.create<AndOp>(
        math.compare(Predicate::Ge, at, 0.0),
        math.compare(Predicate::Lt, at, context.sizeScalar((*image)[i])));
    isInside = isInside ? context.create<AndOp>(isInside, fits) : fits;
    place = math.add(place, math.mul(at, context.sizeScalar(stride)));
    stride = simplify(stride * (*image)[i]);
    element = math.div(element, inBlock);
    number = math.div(number, inGrid);
  }
  AffineExpr channels = rows.floorDiv(blockSize);
  if (auto size = dyn_cast<AffineConstantExpr>(blockSize);
      !size || size.getValue() == 0) {
    auto bound = getSize(
        context,
        context.reshape(
            late.extent(math.sub(math.add(context.sizeScalar(rows), 1.0),
                                 context.sizeScalar(blockSize)),
                        context.sizeScalar(blockSize)),
            context.constantExpr(1)),
        "the block's shape");
    if (!bound)
      return failure();
    channels = *bound;
  }
  if (failed(context.requireEqual(simplify(channels * blockSize), rows,
                                  "the rows are not whole blocks")) ||
      failed(context.requireEqual(grid, columns,
                                  "there is not one block for each column")))
    return failure();
  place = math.select(isInside, place, context.sizeScalar(imageSize));
  AffineExpr images = simplify(dims[0] * channels);
  AffineExpr updates = simplify(blockSize * columns);
  Type type = NodeContext::elementType(x);
  Value zeros = context.broadcast(context.splat(0, type), {images, imageSize});
  Value to = context.broadcast(
      context.reshape(place, {context.constantExpr(1), updates}),
      {images, updates});
  Value sums = context.create<ScatterElementsOp>(
      ScatterKind::Add, zeros, to, context.reshape(x, {images, updates}),
      int64_t(1));
  Exprs result{dims[0], channels};
  llvm::append_range(result, *image);
  return context.setResults(context.reshape(sums, result));
}
