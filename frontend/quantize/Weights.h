// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Weights as integers.

#ifndef DL_FRONTEND_QUANTIZE_WEIGHTS_H
#define DL_FRONTEND_QUANTIZE_WEIGHTS_H

#include "frontend/quantize/Reconstruct.h"

#include <cstdint>
#include <vector>

namespace dl::frontend {

/// Symmetric si8, a scale for each position along one dimension.
struct Int8Weight {
  std::vector<int8_t> values; ///< in the weight's own order
  std::vector<float> scales;
};

/// `data` is [outer, channels, inner]. Scales minimize the squared error.
Int8Weight quantizeInt8(const float *data, int64_t outer, int64_t channels,
                        int64_t inner);

/// As MatMulNBits takes it: of each of n columns, blocks of 32 along k, low
/// half byte first; 8 stands for zero.
struct Int4Weight {
  std::vector<uint8_t> packed; ///< [n, blocks, 16]
  std::vector<float> scales;   ///< [n, blocks]
};

/// `data` is [k, n], or [n, k] where `isTransposed`. With the correlation of
/// what it is multiplied with, roundings make up for one another (see
/// reconstruct()), otherwise each is to the nearest.
Int4Weight quantizeInt4(const float *data, int64_t k, int64_t n,
                        bool isTransposed,
                        const Correlation *correlation = nullptr);

/// The weight that `quantized` stands for, in [k, n] or [n, k] likewise.
std::vector<float> dequantizeInt4(const Int4Weight &quantized, int64_t k,
                                  int64_t n, bool isTransposed);

constexpr int64_t kInt4Block = 32;

/// Numbers of FLOAT8E4M3FN, a scale for each position along one dimension.
/// Being powers of two, scales leave the numbers' few digits as they are, which
/// float32 of them is coded by.
struct Fp8Weight {
  std::vector<uint8_t> values; ///< in the weight's own order
  std::vector<float> scales;
};

/// `data` is [outer, channels, inner]. A channel's largest magnitude becomes
/// 224 to 448, the format's largest.
Fp8Weight quantizeFp8(const float *data, int64_t outer, int64_t channels,
                      int64_t inner);

/// The nearest number of FLOAT8E4M3FN, the even one of two; those beyond 448
/// become that.
uint8_t roundToFp8(float value);
float fromFp8(uint8_t bits);

} // namespace dl::frontend

#endif // DL_FRONTEND_QUANTIZE_WEIGHTS_H
