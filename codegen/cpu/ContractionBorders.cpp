// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The border of a padded row side: products with its zeros are left out. Of a
// filter of 3 x 3 taps over an image of 2 x 2, that is five in nine.

#include "codegen/cpu/ContractionEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::dl::cpu;

/// The padding of an operand with zeros, if it is that.
static tensor::PadOp getZeroPadding(OpOperand *operand) {
  auto pad = operand->get().getDefiningOp<tensor::PadOp>();
  Value value = pad ? pad.getConstantPaddingValue() : Value();
  bool isZero = value && (matchPattern(value, m_AnyZeroFloat()) ||
                          matchPattern(value, m_Zero()));
  return isZero ? pad : tensor::PadOp();
}

std::optional<Border> Border::match(AffineMap map, int64_t dimension,
                                    int64_t low, int64_t size,
                                    const Contraction &c) {
  auto sum = getSum(map.getResult(dimension), map.getNumDims());
  if (!sum || ShapedType::isDynamic(size))
    return std::nullopt;
  Border border;
  border.size = size;
  border.offset = sum->pop_back_val() - low;
  for (auto [d, factor] : llvm::enumerate(*sum)) {
    if (!factor)
      continue;
    bool isTap = llvm::is_contained(c.reduced, d);
    int &loop = isTap ? border.tap : border.row;
    if (loop >= 0 || factor < 0)
      return std::nullopt;
    loop = d;
    (isTap ? border.tapFactor : border.rowFactor) = factor;
  }
  return border.tap < 0 ? std::nullopt : std::optional(border);
}

int64_t Border::countInside(int64_t rows, int64_t taps) const {
  int64_t inside = 0;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t k = 0; k < taps; ++k) {
      int64_t at = rowFactor * r + tapFactor * k + offset;
      inside += at >= 0 && at < size;
    }
  return inside;
}

/// Finds where products with zeros are left out, and whether so many are that
/// loops of varying length pay. With all of the border left out, rows are read
/// where they lie.
void ContractionEmitter::findBorders() {
  tensor::PadOp pad = getZeroPadding(c.rowSide);
  if (!pad || rowLoop < 0 || hasTiles())
    return;
  AffineMap map = op.getMatchingIndexingMap(c.rowSide);
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  ArrayRef<int64_t> shape = pad.getSourceType().getShape();
  double share = 1;
  bool isWhole = true;
  for (size_t j = 0; j < shape.size(); ++j) {
    auto low = getConstantIntValue(pad.getMixedLowPad()[j]);
    auto high = getConstantIntValue(pad.getMixedHighPad()[j]);
    if (low == 0 && high == 0)
      continue;
    auto border = low ? Border::match(map, j, *low, shape[j], c) : std::nullopt;
    if (!border || border->row == rowLoop ||
        ShapedType::isDynamic(ranges[border->tap]) ||
        llvm::any_of(borders, [&](const Border &other) {
          return other.tap == border->tap;
        })) {
      isWhole = false;
      continue;
    }
    int64_t rows = border->row < 0 ? 1 : ranges[border->row];
    int64_t taps = ranges[border->tap];
    if (!ShapedType::isDynamic(rows) && rows * taps > 0)
      share *= double(border->countInside(rows, taps)) / (rows * taps);
    borders.push_back(*border);
  }
  constexpr double kMostThatPays = 0.97;
  if (share > kMostThatPays) {
    borders.clear();
    return;
  }
  insideShare = share;
  leavesOutBorder = isWhole;
}

const Border *ContractionEmitter::getBorder(unsigned tap) const {
  auto *found = llvm::find_if(
      borders, [&](const Border &border) { return border.tap == (int)tap; });
  return found == borders.end() ? nullptr : found;
}

static Value getMax(OpBuilder &builder, Location loc, Value a, Value b) {
  return arith::MaxSIOp::create(builder, loc, a, b);
}

/// The positions of contracted loop `level` that a block multiplies.
std::pair<Value, Value> ContractionEmitter::getBounds(size_t level,
                                                      const Position &dims) {
  const ReducedLoop &loop = reduced[level];
  Value zero = index.constant(0);
  const Border *border = getBorder(loop.dimension);
  if (!border)
    return {zero, loop.extent};
  // 0 <= read + tapFactor * k < size.
  Value read = index.constant(border->offset);
  if (border->row >= 0)
    read = index.add(read, index.mul(dims[border->row].base,
                                     index.constant(border->rowFactor)));
  Value factor = index.constant(border->tapFactor);
  auto firstFrom = [&](Value position) {
    return index.ceilDiv(getMax(builder, loc, index.sub(position, read), zero),
                         factor);
  };
  Value unit = loop.unit ? loop.unit : index.constant(1);
  Value lower = index.min(index.mul(firstFrom(zero), unit), loop.extent);
  Value upper = index.min(
      index.mul(firstFrom(index.constant(border->size)), unit), loop.extent);
  return {lower, getMax(builder, loc, lower, upper)};
}

/// Those of all levels, of the outermost in [firstOuter, endOuter).
SmallVector<std::pair<Value, Value>>
ContractionEmitter::getBounds(const Position &dims, Value firstOuter,
                              Value endOuter) {
  SmallVector<std::pair<Value, Value>> bounds{{firstOuter, endOuter}};
  if (getBorder(reduced.front().dimension)) {
    auto [lower, upper] = getBounds(0, dims);
    lower = getMax(builder, loc, lower, firstOuter);
    bounds.front() = {lower,
                      getMax(builder, loc, lower, index.min(upper, endOuter))};
  }
  for (size_t level = 1; level < reduced.size(); ++level)
    bounds.push_back(getBounds(level, dims));
  return bounds;
}
