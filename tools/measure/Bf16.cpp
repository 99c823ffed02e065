// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/measure/Bf16.h"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace dl::tools {

#if defined(__x86_64__) && defined(__linux__)

namespace {

/// A bit of the CPU's seventh leaf.
bool hasFeature(unsigned subleaf, unsigned number, unsigned bit) {
  unsigned words[4] = {}; // eax, ebx, ecx, edx
  return __get_cpuid_count(7, subleaf, &words[0], &words[1], &words[2],
                           &words[3]) &&
         (words[number] >> bit & 1);
}

/// What `ldtilecfg` reads: palette 1, eight registers of 16 rows of 64 bytes.
struct alignas(64) TileShapes {
  uint8_t palette = 1, startRow = 0, reserved[14] = {};
  uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileShapes) == 64);

using Words16 = int32_t __attribute__((vector_size(64)));

} // namespace

bool hasPairProducts() {
  // The first asks the system, too, whether it keeps such registers.
  return __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512vl") && hasFeature(1, 0, 5);
}

/// Whether the system lets this process use tile registers.
static bool mayUseTiles() {
  constexpr long requestPermission = 0x1023, tileData = 18;
  return hasFeature(0, 3, 24) &&
         syscall(SYS_arch_prctl, requestPermission, tileData) == 0;
}

bool hasTileProducts() { return hasFeature(0, 3, 22) && mayUseTiles(); }

bool hasQuadProducts() {
  return __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512vl") && hasFeature(0, 2, 11);
}

bool hasByteTileProducts() { return hasFeature(0, 3, 25) && mayUseTiles(); }

__attribute__((target("avx512f,avx512vl,avx512bf16"))) double
multiplyPairs(int64_t steps) {
  // As many sums as hide the latency, as for float32.
  constexpr int count = 24;
  Words16 factor = {};
  asm volatile("" : "+v"(factor));
  __m512 sums[count] = {};
  for (int64_t i = 0; i < steps; ++i)
    for (int j = 0; j < count; ++j)
      sums[j] = _mm512_dpbf16_ps(sums[j], (__m512bh)factor, (__m512bh)factor);
  for (int j = 0; j < count; ++j)
    asm volatile("" : : "v"(sums[j]));
  // In each lane, two products are added to a sum.
  return static_cast<double>(count * 16 * 4 * steps);
}

__attribute__((target("avx512f,avx512vl,avx512vnni"))) double
multiplyQuads(int64_t steps) {
  constexpr int count = 24;
  __m512i factor = {};
  asm volatile("" : "+v"(factor));
  __m512i sums[count] = {};
  for (int64_t i = 0; i < steps; ++i)
    for (int j = 0; j < count; ++j)
      sums[j] = _mm512_dpbusd_epi32(sums[j], factor, factor);
  for (int j = 0; j < count; ++j)
    asm volatile("" : : "v"(sums[j]));
  return static_cast<double>(count * 16 * 8 * steps);
}

// Registers are immediates of the instructions.
#define DL_TILE_LOOP(multiply)                                                 \
  TileShapes shapes;                                                           \
  _tile_loadconfig(&shapes);                                                   \
  _tile_zero(0);                                                               \
  _tile_zero(1);                                                               \
  _tile_zero(2);                                                               \
  _tile_zero(3);                                                               \
  _tile_zero(4);                                                               \
  _tile_zero(5);                                                               \
  _tile_zero(6);                                                               \
  _tile_zero(7);                                                               \
  for (int64_t i = 0; i < steps; ++i) {                                        \
    multiply(0, 6, 7);                                                         \
    multiply(1, 6, 7);                                                         \
    multiply(2, 6, 7);                                                         \
    multiply(3, 6, 7);                                                         \
    multiply(4, 6, 7);                                                         \
    multiply(5, 6, 7);                                                         \
  }                                                                            \
  _tile_release()

__attribute__((target("amx-tile,amx-bf16"))) double
multiplyTiles(int64_t steps) {
  // A product takes as long as many of float32.
  steps /= 8;
  DL_TILE_LOOP(_tile_dpbf16ps);
  // 16 x 16 sums, 32 products for each.
  return static_cast<double>(6 * 16 * 16 * 32 * 2 * steps);
}

__attribute__((target("amx-tile,amx-int8"))) double
multiplyByteTiles(int64_t steps) {
  steps /= 8;
  DL_TILE_LOOP(_tile_dpbusd);
  return static_cast<double>(6 * 16 * 16 * 64 * 2 * steps);
}

#else

bool hasPairProducts() { return false; }
bool hasTileProducts() { return false; }
bool hasQuadProducts() { return false; }
bool hasByteTileProducts() { return false; }
double multiplyPairs(int64_t) { return 0; }
double multiplyTiles(int64_t) { return 0; }
double multiplyQuads(int64_t) { return 0; }
double multiplyByteTiles(int64_t) { return 0; }

#endif

} // namespace dl::tools
