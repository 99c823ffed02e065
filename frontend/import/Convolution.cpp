// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
#include "frontend/import/Matmul.h"
#include "frontend/import/Window.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

/// The window of a filter [.., .., window..] whose node may name its sizes,
/// too.
static std::optional<SmallVector<int64_t>>
getFilterWindow(NodeContext &context, Value input, Value filter) {
  int64_t rank = NodeContext::rank(input);
  if (rank < 3 || NodeContext::rank(filter) != rank) {
    (void)context.invalid(
        "its input has rank " + Twine(rank) + " and its filter rank " +
        Twine(NodeContext::rank(filter)) + ", expected the same, at least 3");
    return std::nullopt;
  }
  if (!NodeContext::type(filter).hasStaticShape()) {
    (void)context.unsupported("the shape of its filter is not constant");
    return std::nullopt;
  }
  SmallVector<int64_t> sizes(
      NodeContext::type(filter).getShape().drop_front(2));
  if (auto given = context.getInts("kernel_shape"); given && *given != sizes) {
    (void)context.invalid("kernel_shape is not that of its filter");
    return std::nullopt;
  }
  return sizes;
}

Value frontend::addChannelBias(NodeContext &context, Value value, Value bias) {
  if (!value || !bias)
    return value;
  if (NodeContext::rank(bias) != 1) {
    (void)context.invalid("its bias has rank " +
                          Twine(NodeContext::rank(bias)) + ", expected 1");
    return Value();
  }
  SmallVector<AffineExpr> dims(NodeContext::rank(value) - 1,
                               context.constantExpr(1));
  dims.front() = NodeContext::dim(bias, 0);
  return Arithmetic(context).add(value, context.reshape(bias, dims));
}

Value frontend::buildConvolution(NodeContext &context, Value input,
                                 Value filter) {
  if (!input || !filter)
    return Value();
  auto sizes = getFilterWindow(context, input, filter);
  if (!sizes)
    return Value();
  auto spatial = NodeContext::dims(input);
  auto window = getWindow(context, *sizes, ArrayRef(spatial).drop_front(2));
  int64_t groups = context.getInt("group", 1);
  ArrayRef<int64_t> filterShape = NodeContext::type(filter).getShape();
  if (!window)
    return Value();
  int64_t channels = 0;
  if (groups < 1 || filterShape[0] % groups ||
      llvm::MulOverflow(filterShape[1], groups, channels)) {
    (void)context.invalid("its " + Twine(filterShape[0]) +
                          " filters cannot be divided into " + Twine(groups) +
                          " groups");
    return Value();
  }
  if (failed(
          context.requireEqual(spatial[1], context.constantExpr(channels),
                               "its filter is for another number of channels")))
    return Value();
  if (!window->isConstant()) {
    input = padSpatial(context, input,
                       context.splat(0, NodeContext::elementType(input)),
                       window->getLow(context), window->getHigh(context));
    window->low.assign(window->low.size(), 0);
    window->high = window->low;
  }
  if (!input)
    return Value();
  return context.create<ConvOp>(input, filter, window->strides, window->low,
                                window->high, window->dilations, groups);
}

static LogicalResult importConv(NodeContext &context) {
  Value result = buildConvolution(context, context.input(0), context.input(1));
  return context.setResults(addChannelBias(context, result, context.input(2)));
}

//===----------------------------------------------------------------------===//
// ConvTranspose
//===----------------------------------------------------------------------===//

/// Sets the padding before the result and its spatial sizes. With output_shape
/// or SAME, the padding is what is left over: half of it, rounded up before the
/// result, for SAME_UPPER down. There is none where the result is larger than
/// what the windows reach. Padding that depends on a size is cut from the whole
/// result: `sizedLow` and `sizedHigh`.
static std::optional<SmallVector<AffineExpr>>
getTransposedSizes(NodeContext &context, Window &window,
                   ArrayRef<AffineExpr> spatial) {
  size_t rank = spatial.size();
  std::string autoPad = context.getString("auto_pad", "NOTSET");
  bool isSame = autoPad == "SAME_UPPER" || autoPad == "SAME_LOWER";
  auto outputPadding =
      context.getInts("output_padding").value_or(SmallVector<int64_t>(rank, 0));
  auto shape = context.getInts("output_shape");
  if (shape && shape->size() == rank + 2)
    shape->erase(shape->begin(), shape->begin() + 2);
  if (outputPadding.size() != rank || (shape && shape->size() != rank)) {
    (void)context.invalid(
        "output_padding or output_shape does not have one number for each of " +
        Twine(rank) + " dimensions");
    return std::nullopt;
  }
  SmallVector<AffineExpr> sizes;
  for (size_t i = 0; i < rank; ++i) {
    int64_t stride = window.strides[i];
    AffineExpr full = simplify((spatial[i] - 1) * stride + outputPadding[i] +
                               getReach(window.sizes[i], window.dilations[i]));
    if (!shape && !isSame) {
      sizes.push_back(simplify(full - (window.low[i] + window.high[i])));
      continue;
    }
    sizes.push_back(shape ? context.constantExpr((*shape)[i])
                          : simplify(spatial[i] * stride));
    AffineExpr left = simplify(full - sizes[i]);
    auto total = dyn_cast<AffineConstantExpr>(left);
    if (!total) {
      AffineExpr half = left.floorDiv(2);
      window.sizedLow[i] =
          simplify(autoPad == "SAME_UPPER" ? half : left - half);
      window.sizedHigh[i] = simplify(left - window.sizedLow[i]);
      if (failed(context.requireLessEqual(
              context.constantExpr(0), left,
              "output_shape is larger than what its windows reach")))
        return std::nullopt;
      continue;
    }
    int64_t padding = std::max<int64_t>(total.getValue(), 0);
    window.low[i] =
        autoPad == "SAME_UPPER" ? padding / 2 : padding - padding / 2;
  }
  return sizes;
}

static LogicalResult importConvTranspose(NodeContext &context) {
  Value input = context.input(0), filter = context.input(1);
  auto sizes = getFilterWindow(context, input, filter);
  if (!sizes)
    return failure();
  auto window = getWindowAttributes(context, *sizes);
  SmallVector<AffineExpr> dims = NodeContext::dims(input);
  if (!window)
    return failure();
  auto spatial =
      getTransposedSizes(context, *window, ArrayRef(dims).drop_front(2));
  if (!spatial)
    return failure();
  int64_t groups = context.getInt("group", 1);
  ArrayRef<int64_t> filterShape = NodeContext::type(filter).getShape();
  int64_t channels = 0;
  if (groups < 1 || filterShape[0] % groups ||
      llvm::MulOverflow(filterShape[1], groups, channels))
    return context.invalid("its " + Twine(filterShape[0]) +
                           " channels cannot be divided into " + Twine(groups) +
                           " groups");
  if (failed(
          context.requireEqual(dims[1], context.constantExpr(filterShape[0]),
                               "its filter is for another number of channels")))
    return failure();
  SmallVector<AffineExpr> result = {dims[0], context.constantExpr(channels)};
  for (AffineExpr size : *spatial) {
    if (failed(context.requireLessEqual(context.constantExpr(1), size,
                                        "its result is empty")))
      return failure();
    result.push_back(size);
  }
  SmallVector<AffineExpr> whole = result,
                          offsets(result.size(), context.constantExpr(0));
  for (size_t i = 0; i < spatial->size(); ++i)
    if (AffineExpr low = window->sizedLow[i]) {
      offsets[i + 2] = low;
      whole[i + 2] = simplify(whole[i + 2] + low + window->sizedHigh[i]);
    }
  Type type = NodeContext::elementType(input);
  Value convolution = context.create<ConvTransposeOp>(
      getTensorType(whole, type), input, filter, window->strides, window->low,
      window->dilations, groups);
  if (!window->isConstant())
    convolution = context.create<SliceOp>(
        getTensorType(result, type), convolution,
        getSymbolMap(offsets, context.builder.getContext()),
        SmallVector<int64_t>(result.size(), 1));
  return context.setResults(
      addChannelBias(context, convolution, context.input(2)));
}

void frontend::addConvolutionRules(RuleTable &table) {
  table.add("Conv", importConv);
  table.add("ConvTranspose", importConvTranspose);
}
