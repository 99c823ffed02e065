// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Weights that are rounded or pruned one contracted position after the other,
// each error being made up for by the positions that follow.

#ifndef DL_FRONTEND_QUANTIZE_RECONSTRUCT_H
#define DL_FRONTEND_QUANTIZE_RECONSTRUCT_H

#include <cstdint>
#include <functional>
#include <vector>

namespace dl::frontend {

/// The correlation of a product's inputs, the sum of x xT over all rows x, in
/// pieces along its diagonal: inputs that are far apart count as uncorrelated,
/// so that memory and time stay in proportion to their number.
class Correlation {
public:
  explicit Correlation(int64_t depth);

  /// Adds `count` rows of `depth` values.
  void add(const float *rows, int64_t count);

  /// As if each position had been divided by its factor before.
  void divide(const std::vector<float> &factors);

  int64_t getDepth() const { return depth; }
  uint64_t getCount() const { return count; }
  /// Positions in a piece, but the last, which may have fewer.
  static constexpr int64_t kPiece = 1024;

  /// Of the piece that starts at `first`: the upper triangular U, row by row,
  /// with UT U = the correlation's inverse, after a hundredth of the mean of
  /// its diagonal is added to that.
  std::vector<float> factorInverse(int64_t first) const;

  /// The piece that starts at `first`, row by row, damped likewise.
  std::vector<double> getSquare(int64_t first) const;

private:
  double getDamping(int64_t first) const;
  int64_t getSize(int64_t first) const;

  int64_t depth;
  uint64_t count = 0;
  std::vector<std::vector<float>> pieces; // square, lower triangle
};

/// `weight` is [depth, columns]. For each position k in order, `project(k,
/// row)` replaces the row by what the weight can have there; the rows behind it
/// change so that the products with inputs of that correlation change least (E.
/// Frantar et al., "GPTQ", 2023, and "SparseGPT", 2023).
void reconstruct(std::vector<float> &weight, int64_t columns,
                 const Correlation &correlation,
                 const std::function<void(int64_t k, float *row)> &project);

/// The elements of `weight` that are not zero, the best for products with
/// inputs of that correlation to be those of `exact`, by least squares; both
/// are [depth, columns]. Takes the cube of their number in a column and a
/// piece.
void refit(std::vector<float> &weight, const std::vector<float> &exact,
           int64_t columns, const Correlation &correlation);

} // namespace dl::frontend

#endif // DL_FRONTEND_QUANTIZE_RECONSTRUCT_H
