// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/Dialect.h"
#include "ir/dialect/Dims.h"
#include "passes/ModelFunctions.h"
#include "passes/Passes.h"
#include "passes/sparsify/WeightMatrix.h"

namespace dl {
#define GEN_PASS_DEF_COMPRESSWEIGHTS
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// Whether so few of a sample of the elements are zero that there is nothing to
/// gain.
static bool isDense(const WeightMatrix &matrix) {
  constexpr int64_t kApart = 61;
  constexpr double kFew = 0.25;
  int64_t looked = 0, zeros = 0;
  for (int64_t i = 0; i < matrix.rows * matrix.columns; i += kApart) {
    ++looked;
    zeros += matrix.get<float>(i / matrix.columns, i % matrix.columns) == 0;
  }
  return zeros < kFew * static_cast<double>(looked);
}

/// What one kept row of a panel costs, in multiplications of a dense product.
/// Measured on a Xeon (Sapphire Rapids) at 128 rows.
static double getSlotCost(int64_t width) {
  switch (width) {
  case 1:
    return 2.4;
  case 2:
    return 3.6;
  case 4:
    return 6;
  case 8:
    return 11;
  default:
    return 1.1 * static_cast<double>(width) + 2;
  }
}

/// The cheapest panels for a product with `numRows` rows (of the left matrix;
/// negative: unknown); none where dense is cheaper.
static std::optional<WeightPanels>
choosePanels(const WeightMatrix &matrix, int64_t numRows, double minGain) {
  // Lanes of narrow panels are rows; lanes of others their columns.
  constexpr int64_t kWide = 16, kWidest = 64, kRows = 32, kUnread = 8;
  bool hasLanes = numRows < 0 || numRows >= kRows;
  // With few rows, a product takes the time to read its weights.
  bool reads = numRows >= 0 && numRows < kUnread;
  int64_t rows = matrix.rows;
  std::vector<uint8_t> isKept(rows * matrix.columns);
  for (int64_t k = 0; k < rows; ++k)
    for (int64_t n = 0; n < matrix.columns; ++n)
      isKept[k * matrix.columns + n] = matrix.get<float>(k, n) != 0;
  double dense = static_cast<double>(rows * matrix.columns);
  std::optional<WeightPanels> best;
  for (int64_t width = 1, count = matrix.columns; width <= kWidest;
       width *= 2, count /= 2) {
    WeightPanels panels;
    panels.width = width;
    panels.counts.assign(count, 0);
    int64_t total = 0;
    for (int64_t k = 0; k < rows; ++k)
      for (int64_t p = 0; p < count; ++p)
        panels.counts[p] += isKept[k * count + p];
    for (int64_t kept : panels.counts)
      panels.slots = std::max(panels.slots, kept), total += kept;
    constexpr double kPosition = 0.5; // two bytes beside values of four
    double slot =
        reads ? static_cast<double>(width) + kPosition : getSlotCost(width);
    panels.cost = slot * static_cast<double>(total);
    if ((width >= kWide || hasLanes) && panels.cost * minGain <= dense &&
        (!best || panels.cost < best->cost))
      best = std::move(panels);
    if (count % 2)
      break;
    for (int64_t i = 0; i < rows * count / 2; ++i)
      isKept[i] = isKept[2 * i] | isKept[2 * i + 1];
  }
  return best;
}

static void compress(MatmulOp op, const WeightMatrix &matrix,
                     const WeightPanels &panels) {
  OpBuilder builder(op);
  Type f32 = builder.getF32Type();
  Location loc = op.getLoc();
  auto [kept, places, counts] =
      createPanels(builder, op.getRhs().getLoc(), matrix, panels);
  // All rows as one dimension.
  RankedTensorType type = typeOf(op.getLhs());
  SmallVector<AffineExpr> dims = getDims(type);
  AffineExpr rows = builder.getAffineConstantExpr(1);
  for (AffineExpr dim : ArrayRef(dims).drop_back())
    rows = rows * dim;
  Value lhs = op.getLhs();
  if (type.getRank() > 2)
    lhs = ReshapeOp::create(
        builder, loc, getTensorType({simplify(rows), dims.back()}, f32), lhs);
  Value product =
      SparseMatmulOp::create(builder, loc, lhs, kept, places, counts);
  if (type.getRank() > 2)
    product = ReshapeOp::create(builder, loc, op.getType(), product);
  op.replaceAllUsesWith(product);
  op.erase();
}

namespace {

class CompressWeights
    : public ::dl::impl::CompressWeightsBase<CompressWeights> {
  using CompressWeightsBase::CompressWeightsBase;

  void runOnOperation() override {
    forEachModelFunction(getOperation(), [&](func::FuncOp function) {
      SmallVector<MatmulOp> products;
      function.walk([&](MatmulOp op) { products.push_back(op); });
      for (MatmulOp op : products)
        visit(op);
    });
  }

  void visit(MatmulOp op) {
    constexpr int64_t kFew = 1 << 12;
    RankedTensorType type = typeOf(op.getLhs());
    if (op.getWide() || !type.getElementType().isF32() ||
        typeOf(op.getRhs()).getRank() != 2)
      return;
    std::optional<WeightMatrix> matrix = readWeight(op.getRhs());
    if (!matrix || matrix->rounding || matrix->rows > UINT16_MAX ||
        type.getShape().back() != matrix->rows ||
        matrix->rows * matrix->columns < kFew || isDense(*matrix) ||
        llvm::is_contained(getDims(type), AffineExpr()))
      return;
    int64_t numRows = 1;
    for (int64_t size : type.getShape().drop_back())
      numRows =
          ShapedType::isDynamic(size) || numRows < 0 ? -1 : numRows * size;
    if (auto panels = choosePanels(*matrix, numRows, minGain))
      compress(op, *matrix, *panels);
  }
};

} // namespace
