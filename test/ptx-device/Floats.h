// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Small floating-point types, by bits: to float exactly, from float to nearest,
// ties to even.

#ifndef DL_TEST_PTXDEVICE_FLOATS_H
#define DL_TEST_PTXDEVICE_FLOATS_H

#include <cmath>
#include <cstdint>
#include <cstring>

namespace dl::ptxdevice {

template <typename To, typename From> inline To bitCast(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  memcpy(&to, &from, sizeof(to));
  return to;
}

/// Of so many bits of exponent and mantissa. `finite`: the largest exponent has
/// numbers, too, and only all bits set is no number (e4m3).
template <int exponentBits, int mantissaBits, bool finite = false>
struct SmallFloat {
  static constexpr int kBias = (1 << (exponentBits - 1)) - 1;
  static constexpr uint32_t kExponentMask = (1u << exponentBits) - 1,
                            kMantissaMask = (1u << mantissaBits) - 1;

  static float toFloat(uint32_t bits) {
    bool negative = bits >> (exponentBits + mantissaBits) & 1;
    uint32_t exponent = bits >> mantissaBits & kExponentMask,
             mantissa = bits & kMantissaMask;
    float value;
    if (exponent == kExponentMask && (!finite || mantissa == kMantissaMask))
      value = mantissa ? NAN : INFINITY;
    else if (exponent == 0)
      value = std::ldexp(float(mantissa), 1 - kBias - mantissaBits);
    else
      value = std::ldexp(float(mantissa | 1u << mantissaBits),
                         int(exponent) - kBias - mantissaBits);
    return negative ? -value : value;
  }

  /// Beyond the largest number: infinity, or that number with `saturates`.
  static uint32_t fromFloat(float value, bool saturates = false) {
    uint32_t sign = (bitCast<uint32_t>(value) >> 31)
                    << (exponentBits + mantissaBits);
    uint32_t nan = kExponentMask << mantissaBits | kMantissaMask;
    if (std::isnan(value))
      return finite ? sign | nan : nan;
    uint32_t most = finite ? nan - 1 : (kExponentMask << mantissaBits) - 1;
    uint32_t infinite = saturates ? most : most + 1;
    float magnitude = std::fabs(value);
    if (std::isinf(magnitude))
      return sign | infinite;
    if (magnitude == 0)
      return sign;
    int exponent = std::ilogb(magnitude);
    if (exponent < 1 - kBias)
      exponent = 1 - kBias;
    auto steps = static_cast<uint32_t>(
        std::nearbyint(std::ldexp(double(magnitude), mantissaBits - exponent)));
    uint64_t bits = (uint64_t(exponent + kBias - 1) << mantissaBits) + steps;
    return sign | (bits > most ? infinite : static_cast<uint32_t>(bits));
  }
};

using E4M3 = SmallFloat<4, 3, true>;
using E5M2 = SmallFloat<5, 2>;

struct F16 : SmallFloat<5, 10> {};

struct BF16 {
  static float toFloat(uint32_t bits) { return bitCast<float>(bits << 16); }
  static uint32_t fromFloat(float value, bool = false) {
    auto bits = bitCast<uint32_t>(value);
    if (std::isnan(value))
      return 0x7fff;
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  }
};

} // namespace dl::ptxdevice

#endif // DL_TEST_PTXDEVICE_FLOATS_H
