// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/Window.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;

/// Larger windows, strides and paddings are mistakes, and their products with
/// sizes would overflow.
static constexpr int64_t kMaxNumber = 1 << 20;

/// An attribute with one number for each dimension, none below `minimum`.
static std::optional<SmallVector<int64_t>>
getNumbers(NodeContext &context, StringRef name, size_t count,
           int64_t byDefault, int64_t minimum) {
  std::optional<SmallVector<int64_t>> numbers = context.getInts(name);
  if (!numbers)
    return SmallVector<int64_t>(count, byDefault);
  if (numbers->size() != count) {
    (void)context.invalid(name + " has " + Twine(numbers->size()) +
                          " numbers, expected " + Twine(count));
    return std::nullopt;
  }
  for (int64_t number : *numbers)
    if (number < minimum) {
      (void)context.invalid(name + " holds " + Twine(number) +
                            ", expected at least " + Twine(minimum));
      return std::nullopt;
    } else if (number > kMaxNumber) {
      (void)context.invalid(name + " holds " + Twine(number) +
                            ", expected at most " + Twine(kMaxNumber));
      return std::nullopt;
    }
  return numbers;
}

std::optional<Window> frontend::getWindowAttributes(NodeContext &context,
                                                    ArrayRef<int64_t> sizes) {
  size_t rank = sizes.size();
  std::string autoPad = context.getString("auto_pad", "NOTSET");
  if (autoPad != "NOTSET" && autoPad != "VALID" && autoPad != "SAME_UPPER" &&
      autoPad != "SAME_LOWER") {
    (void)context.invalid(
        "auto_pad is '" + Twine(autoPad) +
        "', expected NOTSET, VALID, SAME_UPPER or SAME_LOWER");
    return std::nullopt;
  }
  if (llvm::any_of(sizes, [](int64_t size) { return size < 1; })) {
    (void)context.invalid("its window is empty");
    return std::nullopt;
  }
  if (llvm::any_of(sizes, [](int64_t size) { return size > kMaxNumber; })) {
    (void)context.invalid("its window is larger than " + Twine(kMaxNumber));
    return std::nullopt;
  }
  Window window;
  window.sizes.assign(sizes.begin(), sizes.end());
  auto strides = getNumbers(context, "strides", rank, 1, 1);
  auto dilations = getNumbers(context, "dilations", rank, 1, 1);
  auto pads = getNumbers(context, "pads", 2 * rank, 0, 0);
  if (!strides || !dilations || !pads)
    return std::nullopt;
  window.strides = *strides;
  window.dilations = *dilations;
  if (autoPad != "NOTSET")
    pads->assign(2 * rank, 0);
  window.low.assign(pads->begin(), pads->begin() + rank);
  window.high.assign(pads->begin() + rank, pads->end());
  window.beyond.assign(rank, 0);
  window.sizedLow.assign(rank, AffineExpr());
  window.sizedHigh = window.sizedBeyond = window.sizedLow;
  return window;
}

bool Window::isConstant() const {
  auto isNumber = [](AffineExpr expr) { return !expr; };
  return llvm::all_of(sizedLow, isNumber) &&
         llvm::all_of(sizedBeyond, isNumber);
}

SmallVector<AffineExpr> Window::combine(NodeContext &context,
                                        ArrayRef<int64_t> numbers,
                                        ArrayRef<AffineExpr> sized) {
  SmallVector<AffineExpr> result;
  for (auto [number, expr] : llvm::zip(numbers, sized))
    result.push_back(expr ? expr : context.constantExpr(number));
  return result;
}

/// What is missing of a size to the next multiple of a number.
static AffineExpr getRest(AffineExpr size, int64_t number) {
  return (size + (number - 1)).floorDiv(number) * number - size;
}

/// SAME: as many windows as strides fit into the dimension, begun ones
/// included.
static LogicalResult padToSame(NodeContext &context, Window &window, size_t i,
                               AffineExpr size, bool upper) {
  int64_t reach = getReach(window.sizes[i], window.dilations[i]);
  int64_t stride = window.strides[i], total = reach - 1;
  if (stride != 1) {
    auto number = dyn_cast<AffineConstantExpr>(size);
    if (!number) {
      if (reach == 1)
        return success(); // the last window begins within the tensor
      if (reach < stride)
        return context.unsupported(
            "auto_pad with a stride above the window's size and a dimension "
            "that is not constant is not supported");
      AffineExpr sum = getRest(size, stride) + (reach - stride);
      AffineExpr half = sum.floorDiv(2);
      window.sizedLow[i] = mlir::dl::simplify(upper ? half : sum - half);
      window.sizedHigh[i] = mlir::dl::simplify(sum - window.sizedLow[i]);
      return success();
    }
    int64_t count = llvm::divideCeil(number.getValue(), stride);
    total =
        std::max<int64_t>((count - 1) * stride + reach - number.getValue(), 0);
  }
  int64_t smaller = total / 2;
  window.low[i] = upper ? smaller : total - smaller;
  window.high[i] = total - window.low[i];
  return success();
}

/// With ceil_mode, a last window that is begun within the tensor or the padding
/// before it reaches beyond the padding after it.
static LogicalResult reachBeyond(NodeContext &context, Window &window, size_t i,
                                 AffineExpr size) {
  int64_t stride = window.strides[i];
  if (stride == 1)
    return success();
  auto number = dyn_cast<AffineConstantExpr>(size);
  int64_t reach = getReach(window.sizes[i], window.dilations[i]);
  if (!number) {
    // Otherwise the last window may lie in the padding, and does not count.
    if (reach - window.high[i] < stride)
      return context.unsupported(
          "ceil_mode with a stride above what windows reach of the tensor and "
          "a dimension that is not constant is not supported");
    window.sizedBeyond[i] = mlir::dl::simplify(
        getRest(size + (window.low[i] + window.high[i] - reach), stride));
    return success();
  }
  int64_t padded = number.getValue() + window.low[i] + window.high[i];
  int64_t count = llvm::divideCeil(padded - reach, stride) + 1;
  if ((count - 1) * stride >= number.getValue() + window.low[i])
    --count;
  window.beyond[i] =
      std::max<int64_t>((count - 1) * stride + reach - padded, 0);
  return success();
}

std::optional<Window> frontend::getWindow(NodeContext &context,
                                          ArrayRef<int64_t> sizes,
                                          ArrayRef<AffineExpr> spatial) {
  std::optional<Window> window = getWindowAttributes(context, sizes);
  if (!window)
    return std::nullopt;
  std::string autoPad = context.getString("auto_pad", "NOTSET");
  bool ceilMode = context.getInt("ceil_mode", 0) != 0;
  for (auto [i, size] : llvm::enumerate(spatial)) {
    bool isSame = autoPad == "SAME_UPPER" || autoPad == "SAME_LOWER";
    if (isSame &&
        failed(padToSame(context, *window, i, size, autoPad == "SAME_UPPER")))
      return std::nullopt;
    int64_t reach = getReach(window->sizes[i], window->dilations[i]);
    if (failed(context.requireLessEqual(
            context.constantExpr(reach),
            mlir::dl::simplify(size + window->getLow(context)[i] +
                               window->getHigh(context)[i]),
            "its window is larger than the padded tensor")))
      return std::nullopt;
    if (!isSame && ceilMode && failed(reachBeyond(context, *window, i, size)))
      return std::nullopt;
  }
  return window;
}

Value frontend::padSpatial(NodeContext &context, Value value, Value fill,
                           ArrayRef<AffineExpr> low,
                           ArrayRef<AffineExpr> high) {
  auto isZero = [](AffineExpr pad) { return pad == 0; };
  if (!value || (llvm::all_of(low, isZero) && llvm::all_of(high, isZero)))
    return value;
  SmallVector<AffineExpr> dims = NodeContext::dims(value);
  SmallVector<AffineExpr> before(dims.size(), context.constantExpr(0));
  size_t first = dims.size() - low.size();
  for (auto [i, pads] : llvm::enumerate(llvm::zip(low, high))) {
    auto [atLow, atHigh] = pads;
    before[first + i] = atLow;
    dims[first + i] = mlir::dl::simplify(dims[first + i] + atLow + atHigh);
  }
  return context.create<mlir::dl::PadOp>(
      mlir::dl::getTensorType(dims, NodeContext::elementType(value)),
      mlir::dl::PadMode::Constant, value, fill,
      mlir::dl::getSymbolMap(before, context.builder.getContext()));
}
