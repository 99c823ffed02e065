// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/measure/Machine.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <thread>
#include <vector>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace dl::tools {
namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Threads that begin each round together.
class Rounds {
public:
  /// Calls prepare(i), then, once all threads have done so, work(i), for each
  /// thread i, until `seconds` are over, at least twice. Returns the seconds of
  /// the fastest round: from the first start of work to its last end.
  static double fastest(int threads, double seconds,
                        const std::function<void(int)> &prepare,
                        const std::function<void(int)> &work) {
    Rounds rounds(threads);
    std::vector<double> begins(threads), ends(threads);
    double best = 0;
    bool isOver = false;
    int done = 0;
    Clock::time_point start = Clock::now();
    auto run = [&](int i) {
      for (;;) {
        prepare(i);
        rounds.wait();
        begins[i] = secondsSince(start);
        work(i);
        ends[i] = secondsSince(start);
        rounds.wait();
        if (i == 0) {
          double time = *std::max_element(ends.begin(), ends.end()) -
                        *std::min_element(begins.begin(), begins.end());
          best = done++ == 0 ? time : std::min(best, time);
          isOver = done >= 2 && secondsSince(start) > seconds;
        }
        rounds.wait();
        if (isOver)
          return;
      }
    };
    std::vector<std::thread> others;
    for (int i = 1; i < threads; ++i)
      others.emplace_back(run, i);
    run(0);
    for (std::thread &other : others)
      other.join();
    return best;
  }

private:
  explicit Rounds(int threads) : threads(threads) {}

  void wait() {
    int round = passed.load();
    if (arrived.fetch_add(1) + 1 == threads) {
      arrived = 0;
      passed = round + 1;
      return;
    }
    while (passed.load() == round)
      std::this_thread::yield();
  }

  const int threads;
  std::atomic<int> arrived{0}, passed{0};
};

/// Keeps a result from being optimized away.
void keep(const void *value) { asm volatile("" : : "r"(value) : "memory"); }

using Lanes4 = float __attribute__((vector_size(16)));
using Lanes8 = float __attribute__((vector_size(32)));
using Lanes16 = float __attribute__((vector_size(64)));

// As many sums as hide the latency of a multiply-add on two ports, and fit into
// the registers.
#define DL_PEAK_LOOP(Lanes, count)                                             \
  Lanes factor = {}, sums[count] = {};                                         \
  asm volatile("" : "+x"(factor));                                             \
  for (int64_t i = 0; i < steps; ++i)                                          \
    for (int j = 0; j < (count); ++j)                                          \
      sums[j] = sums[j] * factor + factor;                                     \
  Lanes sum = {};                                                              \
  for (int j = 0; j < (count); ++j)                                            \
    sum += sums[j];                                                            \
  keep(&sum);                                                                  \
  return 2.0 * (count) * (sizeof(Lanes) / sizeof(float)) *                     \
         static_cast<double>(steps)

#if defined(__x86_64__)
__attribute__((target("avx512f"))) double multiplyAdd512(int64_t steps) {
  DL_PEAK_LOOP(Lanes16, 24);
}
__attribute__((target("avx2,fma"))) double multiplyAdd256(int64_t steps) {
  DL_PEAK_LOOP(Lanes8, 12);
}
#endif
double multiplyAdd128(int64_t steps) { DL_PEAK_LOOP(Lanes4, 12); }

/// Runs `steps` rounds of multiply-adds; returns the operations.
double multiplyAdd(int64_t steps) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    return multiplyAdd512(steps);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return multiplyAdd256(steps);
#endif
  return multiplyAdd128(steps);
}

/// Writes past the caches, so that the next reads come from memory.
void writeThrough(float *data, size_t count) {
  for (size_t i = 0; i < count; i += 4) {
#if defined(__x86_64__)
    _mm_stream_ps(data + i, _mm_setzero_ps());
#else
    std::fill_n(data + i, 4, 0.0f);
#endif
  }
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

void readAll(const float *data, size_t count) {
  Lanes4 sums[8] = {};
  const Lanes4 *lanes = reinterpret_cast<const Lanes4 *>(data);
  for (size_t i = 0; i < count / 4; i += 8)
    for (size_t j = 0; j < 8; ++j)
      sums[j] += lanes[i + j];
  keep(&sums);
}

} // namespace

double measurePeakFlops(int threads, double seconds) {
  // About a millisecond, so that some rounds run undisturbed.
  constexpr int64_t steps = 1 << 18;
  std::vector<double> flops(threads);
  double time = Rounds::fastest(
      threads, seconds, [](int) {},
      [&](int i) { flops[i] = multiplyAdd(steps); });
  return time > 0 ? flops[0] * threads / time : 0;
}

double measureBandwidth(int threads, double seconds, unsigned long bytes) {
  constexpr size_t line = 64, floatsInLine = line / sizeof(float);
  size_t share = bytes / line / threads * floatsInLine;
  std::unique_ptr<float, void (*)(void *)> memory(
      static_cast<float *>(
          aligned_alloc(line, share * threads * sizeof(float))),
      free);
  if (!memory || share == 0)
    return 0;
  float *data = memory.get();
  // Unrolled reads take 32 numbers at once.
  size_t count = share / 32 * 32;
  double time = Rounds::fastest(
      threads, seconds, [=](int i) { writeThrough(data + share * i, count); },
      [=](int i) { readAll(data + share * i, count); });
  return time > 0 ? static_cast<double>(count * threads * sizeof(float)) / time
                  : 0;
}

MachineLimits measureMachine(int threads, double seconds) {
  MachineLimits limits;
  limits.threads = std::max(threads, 1);
  limits.flops = measurePeakFlops(limits.threads, seconds / 3);
  limits.bandwidth = measureBandwidth(limits.threads, seconds * 2 / 3);
  return limits;
}

} // namespace dl::tools
