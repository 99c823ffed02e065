// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Weights as matrices in memory, and constants that are made of them.

#ifndef DL_PASSES_SPARSIFY_WEIGHTMATRIX_H
#define DL_PASSES_SPARSIFY_WEIGHTMATRIX_H

#include "ir/dialect/Dialect.h"

namespace mlir::dl {

/// A matrix [rows, columns] in memory that a constant has.
struct WeightMatrix {
  const char *data = nullptr;
  Type type; ///< of the elements in memory
  int64_t rows = 0, columns = 0, rowStride = 0, columnStride = 0;
  /// What makes the elements narrower before they are read, if anything.
  Operation *rounding = nullptr;

  const char *at(int64_t row, int64_t column) const {
    return data + (row * rowStride + column * columnStride) * getBytes();
  }
  template <typename Element> Element get(int64_t row, int64_t column) const {
    Element element;
    memcpy(&element, at(row, column), sizeof(element));
    return element;
  }
  int64_t getBytes() const { return type.getIntOrFloatBitWidth() / 8; }
};

/// The memory behind a value that is a constant of whole bytes, transposed,
/// with dimensions of 1 added and removed, and perhaps rounded once; nothing
/// for others.
std::optional<WeightMatrix> readWeight(Value value);

/// A constant of these bytes.
Value createWeight(OpBuilder &builder, Location loc, StringRef name,
                   RankedTensorType type, ArrayRef<char> bytes);

/// A constant of these elements.
template <typename Element>
Value createWeight(OpBuilder &builder, Location loc, StringRef name,
                   RankedTensorType type,
                   const std::vector<Element> &elements) {
  return createWeight(builder, loc, name, type,
                      ArrayRef(reinterpret_cast<const char *>(elements.data()),
                               elements.size() * sizeof(Element)));
}

/// A way to keep a matrix: of panels of columns, the rows that are not zero, or
/// groups of neighbouring rows, of which the matrix is made.
struct WeightPanels {
  int64_t width = 0, slots = 0, group = 1;
  std::vector<int32_t> counts; ///< of each panel
  double cost = 0;
};

/// Whether some of `group` rows from one on is not zero in a panel's columns.
bool isKept(const WeightMatrix &matrix, int64_t firstRow, int64_t group,
            int64_t firstColumn, int64_t width);

/// The constants of a dl.sparse_matmul for a matrix of f32.
struct PanelConstants {
  Value values, positions, counts;
};
PanelConstants createPanels(OpBuilder &builder, Location loc,
                            const WeightMatrix &matrix,
                            const WeightPanels &panels);

} // namespace mlir::dl

#endif // DL_PASSES_SPARSIFY_WEIGHTMATRIX_H
