// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_DEVICE_CPU_FLOATENVIRONMENT_H
#define DLRT_DEVICE_CPU_FLOATENVIRONMENT_H

#include <cstdint>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace dlrt {

#if defined(__x86_64__) || defined(_M_X64)
inline uint32_t floatEnvironment() { return _mm_getcsr(); }
inline void setFloatEnvironment(uint32_t state) { _mm_setcsr(state); }
/// Rounding to nearest, denormals kept, no traps.
constexpr uint32_t kDefaultFloatEnvironment = 0x1f80;
/// The bits that are settings; the others record past exceptions.
constexpr uint32_t kFloatSettings = 0xffc0;
#elif defined(__aarch64__) && (defined(__GNUC__) || defined(__clang__))
inline uint32_t floatEnvironment() {
  uint64_t state;
  __asm__ volatile("mrs %0, fpcr" : "=r"(state));
  return static_cast<uint32_t>(state);
}
inline void setFloatEnvironment(uint32_t state) {
  __asm__ volatile("msr fpcr, %0" ::"r"(uint64_t(state)));
}
constexpr uint32_t kDefaultFloatEnvironment = 0;
constexpr uint32_t kFloatSettings = 0xffffffff;
#else
inline uint32_t floatEnvironment() { return 0; }
inline void setFloatEnvironment(uint32_t) {}
constexpr uint32_t kDefaultFloatEnvironment = 0;
constexpr uint32_t kFloatSettings = 0;
#endif

inline void setDefaultFloatEnvironment() {
  setFloatEnvironment(kDefaultFloatEnvironment);
}

/// Gives kernels IEEE arithmetic on a thread of the host, whose own setting
/// (for example, denormals flushed to zero) comes back at the end of the scope.
class FloatEnvironmentScope {
public:
  FloatEnvironmentScope() : saved(floatEnvironment()) {
    changed = ((saved ^ kDefaultFloatEnvironment) & kFloatSettings) != 0;
    if (changed)
      setDefaultFloatEnvironment();
  }
  ~FloatEnvironmentScope() {
    if (changed)
      setFloatEnvironment(saved);
  }
  FloatEnvironmentScope(const FloatEnvironmentScope &) = delete;
  FloatEnvironmentScope &operator=(const FloatEnvironmentScope &) = delete;

private:
  uint32_t saved;
  bool changed;
};

} // namespace dlrt

#endif // DLRT_DEVICE_CPU_FLOATENVIRONMENT_H
