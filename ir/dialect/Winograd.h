// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The matrices of Winograd's minimal filtering F(4, 3): four results of a
// filter of three taps from six inputs, with six multiplications in place of
// twelve. In two dimensions, a tile of 4 x 4 results is
//   A^T ((G g G^T) * (B^T d B)) A
// for a filter g (3 x 3) and inputs d (6 x 6). See Lavin and Gray, "Fast
// Algorithms for Convolutional Neural Networks", 2016. The points are 0, 1, -1,
// 2, -2 and infinity; rounding grows by about an order of magnitude against
// direct sums.

#ifndef DL_IR_DIALECT_WINOGRAD_H
#define DL_IR_DIALECT_WINOGRAD_H

#include <array>
#include <cstddef>

namespace mlir::dl::winograd {

constexpr int kTaps = 3;    // of the filter, along a dimension
constexpr int kResults = 4; // of a tile
constexpr int kInputs = 6;  // that a tile reads
constexpr int kProducts = kInputs * kInputs;

template <int Rows, int Columns>
using Matrix = std::array<std::array<double, Columns>, Rows>;

/// G.
constexpr Matrix<kInputs, kTaps> kFilter = {{{1. / 4, 0, 0},
                                             {-1. / 6, -1. / 6, -1. / 6},
                                             {-1. / 6, 1. / 6, -1. / 6},
                                             {1. / 24, 1. / 12, 1. / 6},
                                             {1. / 24, -1. / 12, 1. / 6},
                                             {0, 0, 1}}};
/// B^T.
constexpr Matrix<kInputs, kInputs> kInput = {{{4, 0, -5, 0, 1, 0},
                                              {0, -4, -4, 1, 1, 0},
                                              {0, 4, -4, -1, 1, 0},
                                              {0, -2, -1, 2, 1, 0},
                                              {0, 2, -1, -2, 1, 0},
                                              {0, 4, 0, -5, 0, 1}}};
/// A^T.
constexpr Matrix<kResults, kInputs> kResult = {{{1, 1, 1, 1, 1, 0},
                                                {0, 1, -1, 2, -2, 0},
                                                {0, 1, 1, 4, 4, 0},
                                                {0, 1, -1, 8, -8, 1}}};

/// G g G^T for `pairs` filters side by side: `filters` is [3, 3, pairs], the
/// result [6, 6, pairs], dense; sums are kept in double.
inline void transformFilters(const float *filters, size_t pairs,
                             float *result) {
  for (size_t p = 0; p < pairs; ++p) {
    Matrix<kInputs, kTaps> half{};
    for (int i = 0; i < kInputs; ++i)
      for (int b = 0; b < kTaps; ++b)
        for (int a = 0; a < kTaps; ++a)
          half[i][b] += kFilter[i][a] * filters[(a * kTaps + b) * pairs + p];
    for (int i = 0; i < kInputs; ++i)
      for (int j = 0; j < kInputs; ++j) {
        double sum = 0;
        for (int b = 0; b < kTaps; ++b)
          sum += half[i][b] * kFilter[j][b];
        result[(i * kInputs + j) * pairs + p] = static_cast<float>(sum);
      }
  }
}

} // namespace mlir::dl::winograd

#endif // DL_IR_DIALECT_WINOGRAD_H
