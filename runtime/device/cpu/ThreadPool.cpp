// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/cpu/ThreadPool.h"

#include "runtime/device/cpu/FloatEnvironment.h"
#include "runtime/device/cpu/Parking.h"

#include <chrono>
#include <system_error>
#include <thread>
#include <vector>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif
#if !defined(_WIN32)
#include <unistd.h>
#endif

namespace dlrt {
namespace {

/// A worker's word. The caller moves Idle or Asleep to Posted; the worker moves
/// Posted to Taken, or the caller takes the part back to Idle; after Taken, or
/// Awaited where the caller has gone to sleep, the worker moves to Idle.
enum State : uint32_t { Idle, Asleep, Posted, Taken, Awaited, Quit };

/// How long a thread spins before it sleeps: longer than the gap between two
/// dispatches, about what a wake-up costs.
constexpr auto kSpinTime = std::chrono::microseconds(40);

void pause() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

long processId() {
#if defined(_WIN32)
  return 0;
#else
  return getpid();
#endif
}

/// Spins until `word` is not `value`, but not for longer than the spin time.
/// With `crowded`, gives the CPU away instead: the thread waited for may need
/// it.
void spinWhile(const std::atomic<uint32_t> &word, uint32_t value,
               bool crowded) {
  if (crowded) {
    for (int i = 0; i < 4; ++i) {
      if (word.load(std::memory_order_acquire) != value)
        return;
      std::this_thread::yield();
    }
    return;
  }
  for (int i = 0; i < 64; ++i) {
    if (word.load(std::memory_order_acquire) != value)
      return;
    pause();
  }
  auto end = std::chrono::steady_clock::now() + kSpinTime;
  do {
    for (int i = 0; i < 32; ++i) {
      if (word.load(std::memory_order_acquire) != value)
        return;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
}

/// A worker and its word, on cache lines of its own.
struct alignas(128) Worker {
  std::atomic<uint32_t> state{Idle};
  Parking parking;
  std::thread thread;
};

} // namespace

struct ThreadPool::Team {
  Team(int count, bool crowded)
      : workers(std::make_unique<Worker[]>(count)), capacity(count),
        crowded(crowded), process(processId()) {}

  ~Team() {
    for (int i = 0; i < started; ++i) {
      Worker &worker = workers[i];
      if (worker.state.exchange(Quit) == Asleep)
        worker.parking.wake(worker.state);
      worker.thread.join();
    }
  }

  void start() {
    for (; started < capacity; ++started) {
      // No more threads: the parts of the missing ones fall to the caller.
      try {
        Worker &worker = workers[started];
        size_t part = static_cast<size_t>(started) + 1;
        worker.thread = std::thread([this, &worker, part] {
          setDefaultFloatEnvironment();
          serve(worker, part);
        });
      } catch (const std::system_error &) {
        return;
      }
    }
  }

  void serve(Worker &worker, size_t part) {
    for (;;) {
      spinWhile(worker.state, Idle, crowded);
      uint32_t seen = Idle;
      if (worker.state.compare_exchange_strong(seen, Asleep)) {
        do
          worker.parking.wait(worker.state, Asleep);
        while (worker.state.load(std::memory_order_acquire) == Asleep);
        continue;
      }
      if (seen == Quit)
        return;
      // The caller may take the part back first.
      if (seen != Posted || !worker.state.compare_exchange_strong(seen, Taken))
        continue;
      task(context, part);
      if (worker.state.exchange(Idle) == Awaited)
        worker.parking.wake(worker.state);
    }
  }

  void post(Worker &worker) {
    if (worker.state.exchange(Posted) == Asleep)
      worker.parking.wake(worker.state);
  }

  /// Runs the worker's part unless it has begun; then waits for its end.
  void finish(Worker &worker, size_t part) {
    uint32_t seen = Posted;
    if (worker.state.compare_exchange_strong(seen, Idle)) {
      task(context, part);
      return;
    }
    spinWhile(worker.state, Taken, crowded);
    seen = Taken;
    if (!worker.state.compare_exchange_strong(seen, Awaited))
      return;
    while (worker.state.load(std::memory_order_acquire) == Awaited)
      worker.parking.wait(worker.state, Awaited);
  }

  std::unique_ptr<Worker[]> workers;
  int capacity;
  int started = 0;
  bool crowded; ///< more threads than CPUs
  long process;
  // The work at hand; a worker reads them between Taken and Idle alone.
  Task task = nullptr;
  void *context = nullptr;
};

ThreadPool::ThreadPool(int threads) : threads(threads < 1 ? 1 : threads) {}

ThreadPool::~ThreadPool() {
  // In a child after fork the threads to join do not exist.
  if (team && team->process != processId())
    static_cast<void>(team.release());
}

void ThreadPool::prepare() {
  if (threads == 1)
    return;
  if (team) {
    if (team->process == processId())
      return;
    static_cast<void>(team.release());
  }
  team = std::make_unique<Team>(threads - 1, threads > availableCpus());
  team->start();
}

void ThreadPool::run(Task task, void *context, size_t parts) {
  size_t helpers = parts - 1;
  if (!team || helpers == 0) {
    for (size_t part = 0; part < parts; ++part)
      task(context, part);
    return;
  }
  team->task = task;
  team->context = context;
  if (helpers > static_cast<size_t>(team->started))
    helpers = static_cast<size_t>(team->started);
  for (size_t i = 0; i < helpers; ++i)
    team->post(team->workers[i]);
  task(context, 0);
  for (size_t part = helpers + 1; part < parts; ++part)
    task(context, part);
  // Backwards: the last to be posted is the likeliest not to have begun.
  for (size_t i = helpers; i-- > 0;)
    team->finish(team->workers[i], i + 1);
}

} // namespace dlrt
