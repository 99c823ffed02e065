// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/Dialect.h"
#include "ir/dialect/Dims.h"
#include "passes/ModelFunctions.h"
#include "passes/Passes.h"

#include "mlir/IR/DialectResourceBlobManager.h"

namespace dl {
#define GEN_PASS_DEF_COMPRESSWEIGHTS
#include "passes/Passes.h.inc"
} // namespace dl

using namespace mlir;
using namespace mlir::dl;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

namespace {

/// A matrix [rows, columns] in memory that a constant has.
struct Matrix {
  const float *data = nullptr;
  int64_t rows = 0, columns = 0, rowStride = 0, columnStride = 0;

  float at(int64_t row, int64_t column) const {
    return data[row * rowStride + column * columnStride];
  }
};

/// A way to keep a matrix: the rows of each panel that are not zero.
struct Panels {
  int64_t width = 0, slots = 0;
  std::vector<int32_t> counts;
  double cost = 0;
};

} // namespace

/// The memory behind a value that is a constant, transposed or with dimensions
/// of 1 added and removed; nothing for others.
static std::optional<Matrix> readMatrix(Value value) {
  SmallVector<Operation *> moves;
  while (isa_and_nonnull<TransposeOp, ReshapeOp>(value.getDefiningOp())) {
    moves.push_back(value.getDefiningOp());
    value = moves.back()->getOperand(0);
  }
  auto constant = value.getDefiningOp<ConstantOp>();
  RankedTensorType type = typeOf(value);
  if (!constant || !type.getElementType().isF32() || !type.hasStaticShape())
    return std::nullopt;
  ArrayRef<char> bytes;
  if (auto dense = dyn_cast<DenseElementsAttr>(constant.getValue()))
    bytes = dense.getRawData();
  else if (auto stored =
               dyn_cast<DenseResourceElementsAttr>(constant.getValue()))
    if (AsmResourceBlob *blob = stored.getRawHandle().getBlob())
      bytes = blob->getData();
  if (bytes.size() != type.getNumElements() * sizeof(float))
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
  return Matrix{reinterpret_cast<const float *>(bytes.data()), shape[0],
                shape[1], strides[0], strides[1]};
}

/// Whether so few of a sample of the elements are zero that there is nothing to
/// gain.
static bool isDense(const Matrix &matrix) {
  constexpr int64_t kApart = 61;
  constexpr double kFew = 0.25;
  int64_t looked = 0, zeros = 0;
  for (int64_t i = 0; i < matrix.rows * matrix.columns; i += kApart) {
    ++looked;
    zeros += matrix.at(i / matrix.columns, i % matrix.columns) == 0;
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
static std::optional<Panels> choosePanels(const Matrix &matrix, int64_t numRows,
                                          double minGain) {
  // Lanes of narrow panels are rows; lanes of others their columns.
  constexpr int64_t kWide = 16, kWidest = 64, kRows = 32, kUnread = 8;
  bool hasLanes = numRows < 0 || numRows >= kRows;
  // With few rows, a product takes the time to read its weights.
  bool reads = numRows >= 0 && numRows < kUnread;
  int64_t rows = matrix.rows;
  std::vector<uint8_t> isKept(rows * matrix.columns);
  for (int64_t k = 0; k < rows; ++k)
    for (int64_t n = 0; n < matrix.columns; ++n)
      isKept[k * matrix.columns + n] = matrix.at(k, n) != 0;
  double dense = static_cast<double>(rows * matrix.columns);
  std::optional<Panels> best;
  for (int64_t width = 1, count = matrix.columns; width <= kWidest;
       width *= 2, count /= 2) {
    Panels panels;
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

template <typename Element>
static Value createConstant(OpBuilder &builder, Location loc, StringRef name,
                            RankedTensorType type,
                            const std::vector<Element> &elements) {
  constexpr size_t kAlignment = 64;
  return ConstantOp::create(
      builder, loc,
      DenseResourceElementsAttr::get(
          type, name,
          HeapAsmResourceBlob::allocateAndCopyWithAlign(
              ArrayRef(reinterpret_cast<const char *>(elements.data()),
                       elements.size() * sizeof(Element)),
              kAlignment)));
}

static void compress(MatmulOp op, const Matrix &matrix, const Panels &panels) {
  auto count = static_cast<int64_t>(panels.counts.size()),
       slots = std::max<int64_t>(panels.slots, 1), width = panels.width;
  std::vector<float> values(count * slots * width);
  std::vector<uint16_t> positions(count * slots);
  for (int64_t p = 0; p < count; ++p) {
    int64_t slot = p * slots;
    for (int64_t k = 0; k < matrix.rows; ++k) {
      bool isKept = false;
      for (int64_t c = 0; c < width; ++c)
        isKept |= matrix.at(k, p * width + c) != 0;
      if (!isKept)
        continue;
      positions[slot] = static_cast<uint16_t>(k);
      for (int64_t c = 0; c < width; ++c)
        values[slot * width + c] = matrix.at(k, p * width + c);
      ++slot;
    }
  }
  OpBuilder builder(op);
  Type f32 = builder.getF32Type();
  Location loc = op.getLoc(), from = op.getRhs().getLoc();
  Value kept = createConstant(builder, from, "kept",
                              RankedTensorType::get({count, slots, width}, f32),
                              values),
        places = createConstant(
            builder, from, "positions",
            RankedTensorType::get({count, slots},
                                  builder.getIntegerType(16, false)),
            positions),
        counts =
            createConstant(builder, from, "counts",
                           RankedTensorType::get({count}, builder.getI32Type()),
                           panels.counts);
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
    auto matrix = readMatrix(op.getRhs());
    if (!matrix || matrix->rows > UINT16_MAX ||
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
