// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The matrices of Winograd's minimal filtering F(4, 3): four results of a
// filter of three taps from six inputs, with six multiplications in place of
// twelve; and of F(5, 2): five of two taps, six in place of ten. In two
// dimensions, a tile of 4 x 4 (5 x 5) results is
//   A^T ((G g G^T) * (B^T d B)) A
// for a filter g (3 x 3 or 2 x 2) and inputs d (6 x 6). See Lavin and Gray,
// "Fast Algorithms for Convolutional Neural Networks", 2016. The points are 0,
// 1, -1, 2, -2 and infinity; rounding grows by about an order of magnitude
// against direct sums.
//
// A filter with stride s is the sum of s x s filters, each of every s-th tap,
// over as many images of every s-th element: its phases. They are further
// channels of one filter without stride.

#ifndef DL_IR_DIALECT_WINOGRAD_H
#define DL_IR_DIALECT_WINOGRAD_H

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace mlir::dl::winograd {

constexpr int kMaxTaps = 3; // of a phase, along a dimension
constexpr int kInputs = 6;  // that a tile reads, along a dimension
constexpr int kProducts = kInputs * kInputs;

/// Taps of a phase along a dimension, for a filter of `height` x `width` taps;
/// more than kMaxTaps where there are no matrices for it.
constexpr int64_t countTaps(int64_t height, int64_t width, int64_t stride) {
  int64_t most = std::max(height, width);
  return std::max<int64_t>((most + stride - 1) / stride, 2);
}

/// Results of a tile along a dimension.
constexpr int64_t countResults(int64_t taps) { return kInputs + 1 - taps; }

template <int Rows, int Columns>
using Matrix = std::array<std::array<double, Columns>, Rows>;

/// G for three taps, and for two.
constexpr Matrix<kInputs, kMaxTaps> kFilter3 = {{{1. / 4, 0, 0},
                                                 {-1. / 6, -1. / 6, -1. / 6},
                                                 {-1. / 6, 1. / 6, -1. / 6},
                                                 {1. / 24, 1. / 12, 1. / 6},
                                                 {1. / 24, -1. / 12, 1. / 6},
                                                 {0, 0, 1}}};
constexpr Matrix<kInputs, kMaxTaps> kFilter2 = {{{1. / 4, 0},
                                                 {-1. / 6, -1. / 6},
                                                 {-1. / 6, 1. / 6},
                                                 {1. / 24, 1. / 12},
                                                 {1. / 24, -1. / 12},
                                                 {0, 1}}};
/// B^T.
constexpr Matrix<kInputs, kInputs> kInput = {{{4, 0, -5, 0, 1, 0},
                                              {0, -4, -4, 1, 1, 0},
                                              {0, 4, -4, -1, 1, 0},
                                              {0, -2, -1, 2, 1, 0},
                                              {0, 2, -1, -2, 1, 0},
                                              {0, 4, 0, -5, 0, 1}}};
/// A^T for three taps, and for two.
constexpr Matrix<4, kInputs> kResult3 = {{{1, 1, 1, 1, 1, 0},
                                          {0, 1, -1, 2, -2, 0},
                                          {0, 1, 1, 4, 4, 0},
                                          {0, 1, -1, 8, -8, 1}}};
constexpr Matrix<5, kInputs> kResult2 = {{{1, 1, 1, 1, 1, 0},
                                          {0, 1, -1, 2, -2, 0},
                                          {0, 1, 1, 4, 4, 0},
                                          {0, 1, -1, 8, -8, 0},
                                          {0, 1, 1, 16, 16, 1}}};

/// The size of a filter: taps, and pairs of an input and an output channel.
struct FilterSize {
  int64_t height, width, pairs, stride;
};

/// G g G^T for the phases of filters side by side: `filters` is [height, width,
/// pairs], the result [6, 6, stride, stride, pairs], dense; sums are kept in
/// double.
inline void transformFilters(const float *filters, const FilterSize &size,
                             float *result) {
  int64_t taps = countTaps(size.height, size.width, size.stride);
  const auto &matrix = taps == 2 ? kFilter2 : kFilter3;
  int64_t s = size.stride, all = s * s * size.pairs;
  for (int64_t n = 0; n < all; ++n) {
    int64_t p = n % size.pairs, phase = n / size.pairs;
    int64_t down = phase / s, right = phase % s;
    Matrix<kInputs, kMaxTaps> half{};
    for (int i = 0; i < kInputs; ++i)
      for (int64_t b = 0; b * s + right < size.width; ++b)
        for (int64_t a = 0; a * s + down < size.height; ++a)
          half[i][b] += matrix[i][a] *
                        filters[((a * s + down) * size.width + b * s + right) *
                                    size.pairs +
                                p];
    for (int i = 0; i < kInputs; ++i)
      for (int j = 0; j < kInputs; ++j) {
        double sum = 0;
        for (int b = 0; b < kMaxTaps; ++b)
          sum += half[i][b] * matrix[j][b];
        result[(i * kInputs + j) * all + n] = static_cast<float>(sum);
      }
  }
}

} // namespace mlir::dl::winograd

#endif // DL_IR_DIALECT_WINOGRAD_H
