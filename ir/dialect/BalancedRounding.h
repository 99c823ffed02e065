// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Rounding f32 to bf16 so that the errors of numbers that a product sums over
// cancel.
//
// The product of weights w with values x of mean m and variance v has, by the
// weights' errors e, an expected squared error of m^2 (sum e)^2 + v sum e^2.
// Rounding to nearest makes the second part least, but leaves the first, which
// grows with the number of weights too and dominates where m is not zero. To
// move a weight from one of its neighbours to the other, u away, changes the
// sum of errors by u and costs u^2 - 2 u |e| in the second part, u - 2 |e| for
// a unit of the sum. Those that cost least, nearest to the middle, are moved
// until the sum is zero but for half a step.

#ifndef DL_IR_DIALECT_BALANCEDROUNDING_H
#define DL_IR_DIALECT_BALANCEDROUNDING_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>

namespace mlir::dl {

/// The bits of a float in f32 as those in bf16, to nearest, ties to even; what
/// is not a number stays so, and is quiet.
inline uint16_t roundToBFloat16(uint32_t bits) {
  if ((bits & 0x7fffffff) > 0x7f800000)
    return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/// The same in f16: what is too large becomes an infinity.
inline uint16_t roundToFloat16(uint32_t bits) {
  uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  constexpr uint32_t kInfinity = 0x7f800000, kLeastNormal = 0x38800000,
                     kLeast = 0x33000000, kBelow = 0x47800000, kBits = 13;
  constexpr uint32_t kImplicit = 1u << 23, kRebias = 112u << 10;
  if (magnitude > kInfinity)
    return static_cast<uint16_t>(sign | 0x7e00 | (magnitude >> kBits & 0x3ff));
  if (magnitude >= kBelow)
    return static_cast<uint16_t>(sign | 0x7c00);
  auto shift = [](uint32_t value, uint32_t count) {
    uint32_t half = (1u << (count - 1)) - 1 + (value >> count & 1);
    return (value + half) >> count;
  };
  if (magnitude >= kLeastNormal) // a carry reaches the exponent
    return static_cast<uint16_t>(sign | (shift(magnitude, kBits) - kRebias));
  if (magnitude < kLeast)
    return static_cast<uint16_t>(sign);
  uint32_t fraction = (magnitude & (kImplicit - 1)) | kImplicit;
  return static_cast<uint16_t>(sign | shift(fraction, 126 - (magnitude >> 23)));
}

/// One dimension of a tensor: its size, and how many elements lie between
/// neighbours in memory.
struct StridedDim {
  int64_t size;
  int64_t stride;
};

/// Rounds each channel of a tensor by itself, as above: the first element of a
/// channel is at a position of `channels`, the others from there along
/// `summed`. Infinities, what is not a number and what rounds to an infinity
/// are rounded to nearest and no part of a sum. `source` may have any
/// alignment; `result` takes each element where `source` has it. The result
/// depends on the order of `summed`, not on how the tensor lies in memory.
void roundBalanced(const void *source, uint16_t *result,
                   llvm::ArrayRef<StridedDim> channels,
                   llvm::ArrayRef<StridedDim> summed);

} // namespace mlir::dl

#endif // DL_IR_DIALECT_BALANCEDROUNDING_H
