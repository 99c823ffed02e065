// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/quantize/Weights.h"

#include <algorithm>
#include <cmath>

namespace dl::frontend {

/// The nearest number of f16, whose 11 digits of a significand a scale does
/// with; out of the range of its normal numbers, the value itself.
static float roundToHalf(float value) {
  constexpr float kLeast = 0x1p-14f, kLargest = 65504;
  constexpr int kDigits = 11;
  int exponent;
  float significand = std::frexp(value, &exponent);
  float rounded = std::ldexp(std::nearbyint(std::ldexp(significand, kDigits)),
                             exponent - kDigits);
  float size = std::fabs(rounded);
  return size >= kLeast && size <= kLargest ? rounded : value;
}

static float keepScale(float value) { return value; }

/// The candidate of which the rounding error is the least: `base` times a
/// factor, as `store` can store it. A clipped largest value costs less than a
/// coarse step for all.
template <typename Visit>
static float findScale(float base, float low, float high, Visit visit,
                       float (*store)(float) = keepScale) {
  if (base == 0)
    return 1;
  float best = store(base);
  double least = INFINITY;
  for (int step = 0; step < 16; ++step) {
    float scale = store(base * (1 - 0.025f * static_cast<float>(step)));
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

namespace {
/// Int4Weight, filled element by element.
class Int4Packer {
public:
  Int4Packer(int64_t k, int64_t n) : blocks((k + kInt4Block - 1) / kInt4Block) {
    weight.packed.assign(n * blocks * kInt4Block / 2, 0x88);
    weight.scales.resize(n * blocks);
  }

  /// Chooses the scale of block `block` of a column. `visit` visits its
  /// elements.
  template <typename Visit>
  void setScale(int64_t column, int64_t block, Visit visit) {
    float extreme = 0;
    visit([&](float value) {
      if (std::fabs(value) > std::fabs(extreme))
        extreme = value;
    });
    // The larger side of -8 .. 7 goes to the largest value.
    weight.scales[column * blocks + block] =
        findScale(extreme / -8, -8, 7, visit, roundToHalf);
  }

  /// Rounds an element; returns what it stands for then.
  float set(int64_t row, int64_t column, float value) {
    float scale = weight.scales[column * blocks + row / kInt4Block];
    float rounded = std::clamp(std::nearbyint(value / scale), -8.0f, 7.0f);
    auto bits = static_cast<uint8_t>(rounded + 8);
    uint8_t &byte = weight.packed[(column * blocks * kInt4Block + row) / 2];
    byte = row % 2 ? (byte & 0x0f) | (bits << 4) : (byte & 0xf0) | bits;
    return rounded * scale;
  }

  int64_t blocks;
  Int4Weight weight;
};
} // namespace

Int4Weight quantizeInt4(const float *data, int64_t k, int64_t n,
                        bool isTransposed, const Correlation *correlation) {
  Int4Packer packer(k, n);
  auto at = [&](int64_t row, int64_t column) {
    return isTransposed ? data[column * k + row] : data[row * n + column];
  };
  if (!correlation || correlation->getDepth() != k) {
    for (int64_t column = 0; column < n; ++column)
      for (int64_t block = 0; block < packer.blocks; ++block) {
        int64_t first = block * kInt4Block,
                last = std::min(first + kInt4Block, k);
        packer.setScale(column, block, [&](auto use) {
          for (int64_t row = first; row < last; ++row)
            use(at(row, column));
        });
        for (int64_t row = first; row < last; ++row)
          packer.set(row, column, at(row, column));
      }
    return std::move(packer.weight);
  }
  std::vector<float> weight(k * n);
  for (int64_t row = 0; row < k; ++row)
    for (int64_t column = 0; column < n; ++column)
      weight[row * n + column] = at(row, column);
  reconstruct(weight, n, *correlation, [&](int64_t row, float *values) {
    // A block's scales follow from what the rows before have left of it.
    int64_t last = std::min(row + kInt4Block, k);
    if (row % kInt4Block == 0)
      for (int64_t column = 0; column < n; ++column)
        packer.setScale(column, row / kInt4Block, [&](auto use) {
          for (int64_t i = row; i < last; ++i)
            use(weight[i * n + column]);
        });
    for (int64_t column = 0; column < n; ++column)
      values[column] = packer.set(row, column, values[column]);
  });
  return std::move(packer.weight);
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

// A sign, four bits of exponent with a bias of 7 and three of mantissa; below
// 2^-6 steps are of 2^-9.
constexpr int kFp8Mantissa = 3, kFp8Bias = 7;

uint8_t roundToFp8(float value) {
  constexpr float kLargest = 448;
  uint8_t sign = std::signbit(value) ? 0x80 : 0;
  float size = std::min(std::fabs(value), kLargest);
  int exponent = std::max(size > 0 ? std::ilogb(size) : 0, 1 - kFp8Bias);
  // A carry goes to the exponent, which stands above.
  auto steps = static_cast<int>(
      std::nearbyint(std::ldexp(size, kFp8Mantissa - exponent)));
  int above = exponent + kFp8Bias - 1; // of the exponent's bits
  return sign | static_cast<uint8_t>((above << kFp8Mantissa) + steps);
}

float fromFp8(uint8_t bits) {
  int exponent = bits >> kFp8Mantissa & 0x0f,
      mantissa = bits & ((1 << kFp8Mantissa) - 1);
  if (exponent)
    mantissa += 1 << kFp8Mantissa;
  float size = std::ldexp(static_cast<float>(mantissa),
                          std::max(exponent, 1) - kFp8Bias - kFp8Mantissa);
  return bits & 0x80 ? -size : size;
}

Fp8Weight quantizeFp8(const float *data, int64_t outer, int64_t channels,
                      int64_t inner) {
  constexpr float kLargest = 448;
  Fp8Weight result;
  result.values.resize(outer * channels * inner);
  result.scales.assign(channels, 0);
  auto at = [&](int64_t i) { return i / inner % channels; };
  auto count = static_cast<int64_t>(result.values.size());
  for (int64_t i = 0; i < count; ++i)
    result.scales[at(i)] = std::max(result.scales[at(i)], std::fabs(data[i]));
  // The least power of two that is enough.
  for (float &scale : result.scales) {
    int exponent;
    float significand = std::frexp(scale / kLargest, &exponent);
    scale = std::ldexp(1.0f, significand > 0.5f ? exponent : exponent - 1);
  }
  for (int64_t i = 0; i < count; ++i)
    result.values[i] = roundToFp8(data[i] / result.scales[at(i)]);
  return result;
}

} // namespace dl::frontend
