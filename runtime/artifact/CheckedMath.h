// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_ARTIFACT_CHECKEDMATH_H
#define DLRT_ARTIFACT_CHECKEDMATH_H

#include <cstdint>
#include <limits>

namespace dlrt {

/// Each stores its result and returns true, or returns false on overflow.
inline bool checkedAdd(int64_t a, int64_t b, int64_t &result) {
#if defined(__GNUC__) || defined(__clang__)
  return !__builtin_add_overflow(a, b, &result);
#else
  constexpr int64_t low = (std::numeric_limits<int64_t>::min)();
  constexpr int64_t high = (std::numeric_limits<int64_t>::max)();
  if (b > 0 ? a > high - b : a < low - b)
    return false;
  result = a + b;
  return true;
#endif
}

inline bool checkedSub(int64_t a, int64_t b, int64_t &result) {
#if defined(__GNUC__) || defined(__clang__)
  return !__builtin_sub_overflow(a, b, &result);
#else
  constexpr int64_t low = (std::numeric_limits<int64_t>::min)();
  constexpr int64_t high = (std::numeric_limits<int64_t>::max)();
  if (b < 0 ? a > high + b : a < low + b)
    return false;
  result = a - b;
  return true;
#endif
}

inline bool checkedMul(int64_t a, int64_t b, int64_t &result) {
#if defined(__GNUC__) || defined(__clang__)
  return !__builtin_mul_overflow(a, b, &result);
#else
  constexpr int64_t low = (std::numeric_limits<int64_t>::min)();
  constexpr int64_t high = (std::numeric_limits<int64_t>::max)();
  if (a != 0 && b != 0) {
    if (a > 0 ? (b > 0 ? a > high / b : b < low / a)
              : (b > 0 ? a < low / b : b < high / a))
      return false;
  }
  result = a * b;
  return true;
#endif
}

} // namespace dlrt

#endif // DLRT_ARTIFACT_CHECKEDMATH_H
