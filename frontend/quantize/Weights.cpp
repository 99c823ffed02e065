// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/quantize/Weights.h"

#include <algorithm>
#include <cmath>

namespace dl::frontend {

/// The candidate of which the rounding error is the least: `base` times a
/// factor. A clipped largest value costs less than a coarse step for all.
template <typename Visit>
static float findScale(float base, float low, float high, Visit visit) {
  if (base == 0)
    return 1;
  float best = base;
  double least = INFINITY;
  for (int step = 0; step < 16; ++step) {
    float scale = base * (1 - 0.025f * static_cast<float>(step));
    double error = 0;
    visit([&](float value) {
      float rounded = std::nearbyint(value / scale);
      double off = value - scale * std::clamp(rounded, low, high);
      error += off * off;
    });
    if (error < least)
      least = error, best = scale;
  }
  return best;
}

Int8Weight quantizeInt8(const float *data, int64_t outer, int64_t channels,
                        int64_t inner) {
  Int8Weight result;
  result.values.resize(outer * channels * inner);
  result.scales.resize(channels);
  for (int64_t c = 0; c < channels; ++c) {
    auto visit = [&](auto use) {
      for (int64_t o = 0; o < outer; ++o)
        for (int64_t i = 0; i < inner; ++i)
          use(data[(o * channels + c) * inner + i]);
    };
    float largest = 0;
    visit([&](float value) { largest = std::max(largest, std::fabs(value)); });
    float scale = findScale(largest / 127, -127, 127, visit);
    result.scales[c] = scale;
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t i = 0; i < inner; ++i) {
        int64_t at = (o * channels + c) * inner + i;
        result.values[at] = static_cast<int8_t>(
            std::clamp(std::nearbyint(data[at] / scale), -127.0f, 127.0f));
      }
  }
  return result;
}

Int4Weight quantizeInt4(const float *data, int64_t k, int64_t n,
                        bool isTransposed) {
  int64_t blocks = (k + kInt4Block - 1) / kInt4Block;
  Int4Weight result;
  result.packed.assign(n * blocks * kInt4Block / 2, 0x88);
  result.scales.resize(n * blocks);
  auto at = [&](int64_t row, int64_t column) {
    return isTransposed ? data[column * k + row] : data[row * n + column];
  };
  for (int64_t column = 0; column < n; ++column)
    for (int64_t block = 0; block < blocks; ++block) {
      int64_t first = block * kInt4Block,
              last = std::min(first + kInt4Block, k);
      float extreme = 0;
      for (int64_t row = first; row < last; ++row)
        if (std::fabs(at(row, column)) > std::fabs(extreme))
          extreme = at(row, column);
      // The larger side of -8 .. 7 goes to the largest value.
      float scale = findScale(extreme / -8, -8, 7, [&](auto use) {
        for (int64_t row = first; row < last; ++row)
          use(at(row, column));
      });
      result.scales[column * blocks + block] = scale;
      for (int64_t row = first; row < last; ++row) {
        float rounded = std::nearbyint(at(row, column) / scale);
        auto bits = static_cast<uint8_t>(std::clamp(rounded, -8.0f, 7.0f) + 8);
        uint8_t &byte = result.packed[(column * blocks * kInt4Block + row) / 2];
        byte = row % 2 ? (byte & 0x0f) | (bits << 4) : (byte & 0xf0) | bits;
      }
    }
  return result;
}

std::vector<float> dequantizeInt4(const Int4Weight &quantized, int64_t k,
                                  int64_t n, bool isTransposed) {
  int64_t blocks = (k + kInt4Block - 1) / kInt4Block;
  std::vector<float> result(k * n);
  for (int64_t column = 0; column < n; ++column)
    for (int64_t row = 0; row < k; ++row) {
      uint8_t byte = quantized.packed[(column * blocks * kInt4Block + row) / 2];
      int bits = row % 2 ? byte >> 4 : byte & 0x0f;
      result[isTransposed ? column * k + row : row * n + column] =
          quantized.scales[column * blocks + row / kInt4Block] *
          static_cast<float>(bits - 8);
    }
  return result;
}

} // namespace dl::frontend
