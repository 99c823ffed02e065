// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/sparsify/WeightMatrix.h"
#include "ir/dialect/ElementBytes.h"
#include "passes/Constants.h"

using namespace mlir;
using namespace mlir::dl;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

std::optional<WeightMatrix> mlir::dl::readWeight(Value value) {
  SmallVector<Operation *> moves;
  Operation *rounding = nullptr;
  for (Operation *op = value.getDefiningOp(); op; op = value.getDefiningOp()) {
    if (isa<TransposeOp, ReshapeOp>(op))
      moves.push_back(op);
    else if (isRounding(op) && !rounding)
      rounding = op;
    else
      break;
    value = op->getOperand(0);
  }
  auto constant = value.getDefiningOp<ConstantOp>();
  RankedTensorType type = typeOf(value);
  Type element = type.getElementType();
  if (!constant || !element.isIntOrFloat() ||
      element.getIntOrFloatBitWidth() % 8 || !type.hasStaticShape())
    return std::nullopt;
  ArrayRef<char> bytes = getElementBytes(constant.getValue());
  if (bytes.empty())
    return std::nullopt;
  // Sizes other than 1, and how far apart their positions are.
  SmallVector<std::pair<int64_t, int64_t>> dims;
  auto shape = llvm::to_vector(type.getShape());
  SmallVector<int64_t> strides(shape.size(), 1);
  for (size_t d = shape.size(); d-- > 1;)
    strides[d - 1] = strides[d] * shape[d];
  for (Operation *op : llvm::reverse(moves)) {
    ArrayRef<int64_t> to = typeOf(op->getResult(0)).getShape();
    SmallVector<int64_t> moved(to.size(), 0);
    if (auto transpose = dyn_cast<TransposeOp>(op)) {
      for (auto [d, from] : llvm::enumerate(transpose.getPermutation()))
        moved[d] = strides[from];
    } else {
      size_t from = 0;
      for (auto [d, size] : llvm::enumerate(to)) {
        if (size == 1)
          continue;
        while (from < shape.size() && shape[from] == 1)
          ++from;
        if (from == shape.size() || shape[from] != size)
          return std::nullopt;
        moved[d] = strides[from++];
      }
    }
    shape.assign(to.begin(), to.end());
    strides = moved;
  }
  if (shape.size() != 2)
    return std::nullopt;
  return WeightMatrix{bytes.data(), element,    shape[0], shape[1],
                      strides[0],   strides[1], rounding};
}

Value mlir::dl::createWeight(OpBuilder &builder, Location loc, StringRef name,
                             RankedTensorType type, ArrayRef<char> bytes) {
  return ConstantOp::create(builder, loc, storeElementBytes(type, name, bytes));
}

bool mlir::dl::isKept(const WeightMatrix &matrix, int64_t firstRow,
                      int64_t group, int64_t firstColumn, int64_t width) {
  for (int64_t k = firstRow; k < firstRow + group; ++k)
    for (int64_t n = firstColumn; n < firstColumn + width; ++n)
      if (matrix.get<float>(k, n) != 0)
        return true;
  return false;
}

PanelConstants mlir::dl::createPanels(OpBuilder &builder, Location loc,
                                      const WeightMatrix &matrix,
                                      const WeightPanels &panels) {
  auto count = static_cast<int64_t>(panels.counts.size()),
       slots = std::max<int64_t>(panels.slots, 1), width = panels.width;
  std::vector<float> values(count * slots * width);
  std::vector<uint16_t> positions(count * slots);
  for (int64_t p = 0; p < count; ++p) {
    int64_t slot = p * slots;
    for (int64_t k = 0; k < matrix.rows; ++k) {
      if (!isKept(matrix, k - k % panels.group, panels.group, p * width, width))
        continue;
      positions[slot] = static_cast<uint16_t>(k);
      for (int64_t c = 0; c < width; ++c)
        values[slot * width + c] = matrix.get<float>(k, p * width + c);
      ++slot;
    }
  }
  Type ui16 = builder.getIntegerType(16, /*isSigned=*/false);
  return {createWeight(builder, loc, "kept",
                       RankedTensorType::get({count, slots, width},
                                             builder.getF32Type()),
                       values),
          createWeight(builder, loc, "positions",
                       RankedTensorType::get({count, slots}, ui16), positions),
          createWeight(builder, loc, "counts",
                       RankedTensorType::get({count}, builder.getI32Type()),
                       panels.counts)};
}
