// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/measure/Machine.h"

#include "tools/measure/Bf16.h"

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
#if defined(__linux__)
#include <sys/mman.h>
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
  struct Times {
    double joint = 0;         // from the first start of work to its last end
    std::vector<double> each; // of each thread
  };

  /// Calls prepare(i), then, once all threads have done so, work(i), for each
  /// thread i, until `seconds` are over, at least twice. Returns the seconds of
  /// the fastest round, and of each thread's own.
  static Times fastest(int threads, double seconds,
                       const std::function<void(int)> &prepare,
                       const std::function<void(int)> &work) {
    Rounds rounds(threads);
    std::vector<double> begins(threads), ends(threads);
    Times best;
    best.each.resize(threads);
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
          best.joint = done == 0 ? time : std::min(best.joint, time);
          for (int t = 0; t < threads; ++t) {
            double own = ends[t] - begins[t];
            best.each[t] = done == 0 ? own : std::min(best.each[t], own);
          }
          ++done;
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
// the registers. The factor is hidden, so that nothing is computed beforehand.
#define DL_PEAK_LOOP(Lanes, count)                                             \
  Lanes factor = {}, sums[count] = {};                                         \
  asm volatile("" : "+v"(factor));                                             \
  for (int64_t i = 0; i < steps; ++i)                                          \
    for (int j = 0; j < (count); ++j)                                          \
      sums[j] = sums[j] * factor + factor;                                     \
  Lanes sum = {};                                                              \
  for (int j = 0; j < (count); ++j)                                            \
    sum += sums[j];                                                            \
  keep(&sum);                                                                  \
  constexpr int64_t lanes = sizeof(Lanes) / sizeof(float);                     \
  return static_cast<double>(2 * (count) * lanes * steps)

// Some vectors at once, and what comes after them from memory already.
#define DL_READ_LOOP(Lanes)                                                    \
  constexpr size_t vectors = 8;                                                \
  Lanes sums[vectors] = {};                                                    \
  const Lanes *lanes = reinterpret_cast<const Lanes *>(data);                  \
  for (size_t i = 0; i < count / (sizeof(Lanes) / sizeof(float));              \
       i += vectors)                                                           \
    for (size_t j = 0; j < vectors; ++j) {                                     \
      __builtin_prefetch(reinterpret_cast<const char *>(lanes + i + j) +       \
                         kFetchAhead);                                         \
      sums[j] += lanes[i + j];                                                 \
    }                                                                          \
  keep(&sums)

constexpr size_t kFetchAhead = 2048;

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512vl"))) double
multiplyAdd512(int64_t steps) {
  DL_PEAK_LOOP(Lanes16, 24);
}
__attribute__((target("avx512f,avx512vl"))) void read512(const float *data,
                                                         size_t count) {
  DL_READ_LOOP(Lanes16);
}
__attribute__((target("avx2,fma"))) double multiplyAdd256(int64_t steps) {
  DL_PEAK_LOOP(Lanes8, 12);
}
__attribute__((target("avx2,fma"))) void read256(const float *data,
                                                 size_t count) {
  DL_READ_LOOP(Lanes8);
}

bool has512() {
  return __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512vl");
}
bool has256() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
double multiplyAdd128(int64_t steps) { DL_PEAK_LOOP(Lanes4, 12); }
#else
// The names of registers are another machine's.
double multiplyAdd128(int64_t steps) {
  Lanes4 sums[12] = {};
  for (int64_t i = 0; i < steps; ++i) {
    for (Lanes4 &sum : sums)
      sum = sum * sum + sum;
    keep(&sums);
  }
  return static_cast<double>(12 * 4 * 2 * steps);
}
#endif
void read128(const float *data, size_t count) { DL_READ_LOOP(Lanes4); }

/// Runs `steps` rounds of multiply-adds; returns the operations.
double multiplyAdd(int64_t steps) {
#if defined(__x86_64__)
  if (has512())
    return multiplyAdd512(steps);
  if (has256())
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

/// `count` is a multiple of 128.
void readAll(const float *data, size_t count) {
#if defined(__x86_64__)
  if (has512())
    return read512(data, count);
  if (has256())
    return read256(data, count);
#endif
  read128(data, count);
}

} // namespace

namespace {
/// What there is of each kind of products.
struct Kind {
  Products products;
  const char *name;
  bool (*exists)();
  double (*multiply)(int64_t steps);
  double MachineLimits::*peak;
};
} // namespace

static const Kind kKinds[] = {
    {Products::Float32, "f32", [] { return true; }, multiplyAdd,
     &MachineLimits::flops},
    {Products::Pairs, "bf16-pairs", hasPairProducts, multiplyPairs,
     &MachineLimits::pairFlops},
    {Products::Tiles, "bf16-tiles", hasTileProducts, multiplyTiles,
     &MachineLimits::tileFlops},
    {Products::Quads, "i8-quads", hasQuadProducts, multiplyQuads,
     &MachineLimits::quadOps},
    {Products::ByteTiles, "i8-tiles", hasByteTileProducts, multiplyByteTiles,
     &MachineLimits::byteTileOps},
};

static const Kind &getKind(Products products) {
  return kKinds[static_cast<int>(products)];
}

const char *getName(Products products) { return getKind(products).name; }

Products parseProducts(const std::string &name) {
  for (const Kind &kind : kKinds)
    if (name == kind.name)
      return kind.products;
  return Products::Float32;
}

double MachineLimits::peak(Products products) const {
  double own = this->*getKind(products).peak;
  return own > 0 ? own : flops;
}

void MachineLimits::raise(const MachineLimits &other) {
  for (const Kind &kind : kKinds)
    this->*kind.peak = std::max(this->*kind.peak, other.*kind.peak);
  bandwidth = std::max(bandwidth, other.bandwidth);
}

double measurePeakFlops(int threads, double seconds, Products products) {
  const Kind &kind = getKind(products);
  if (!kind.exists())
    return 0;
  // About a millisecond, so that some rounds run undisturbed.
  constexpr int64_t steps = 1 << 18;
  std::vector<double> flops(threads);
  Rounds::Times times = Rounds::fastest(
      threads, seconds, [](int) {},
      [&](int i) { flops[i] = kind.multiply(steps); });
  // A thread that is put aside for a while says nothing about the others.
  double sum = 0;
  for (int i = 0; i < threads; ++i)
    sum += times.each[i] > 0 ? flops[i] / times.each[i] : 0;
  return sum;
}

double measureBandwidth(int threads, double seconds, unsigned long bytes) {
  // Shares of whole large pages; unrolled reads take 128 numbers at once.
  constexpr size_t page = size_t(2) << 20;
  size_t share = (bytes / threads + page - 1) / page * page / sizeof(float);
  std::unique_ptr<float, void (*)(void *)> memory(
      static_cast<float *>(
          aligned_alloc(page, share * threads * sizeof(float))),
      free);
  if (!memory)
    return 0;
  float *data = memory.get();
#if defined(__linux__)
  // Only a hint: small pages cost some of the speed.
  madvise(data, share * threads * sizeof(float), MADV_HUGEPAGE);
#endif
  Rounds::Times times = Rounds::fastest(
      threads, seconds, [=](int i) { writeThrough(data + share * i, share); },
      [=](int i) { readAll(data + share * i, share); });
  return times.joint > 0
             ? static_cast<double>(share * threads * sizeof(float)) /
                   times.joint
             : 0;
}

MachineLimits measureMachine(int threads, double seconds,
                             const std::set<Products> &products) {
  MachineLimits limits;
  limits.threads = std::max(threads, 1);
  auto measure = [&](Products each) {
    return measurePeakFlops(limits.threads, seconds / 3, each);
  };
  limits.flops = measure(Products::Float32);
  for (const Kind &kind : kKinds)
    if (products.count(kind.products) && kind.products != Products::Float32)
      limits.*kind.peak = measure(kind.products);
  limits.bandwidth = measureBandwidth(limits.threads, seconds * 2 / 3);
  return limits;
}

} // namespace dl::tools
