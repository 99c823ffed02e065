// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/cpu/ThreadPool.h"
#include "test/runtime/Testing.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace dl::runtime;
using namespace dltest;
using namespace dlrt;

namespace {

/// Counts how often each part ran.
struct Counters {
  explicit Counters(size_t parts) : ran(parts) {}
  std::vector<std::atomic<int>> ran;

  static void task(void *context, size_t part) {
    ++static_cast<Counters *>(context)->ran[part];
  }
};

void runMany(ThreadPool &pool, size_t parts, int rounds) {
  Counters counters(parts);
  for (int i = 0; i < rounds; ++i)
    pool.run(Counters::task, &counters, parts);
  for (const std::atomic<int> &ran : counters.ran)
    ASSERT_EQ(ran, rounds);
}

TEST(ThreadPool, RunsEachPartOnce) {
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    pool.prepare();
    for (size_t parts = 1; parts <= size_t(threads); ++parts)
      runMany(pool, parts, 2000);
  }
}

TEST(ThreadPool, MoreThreadsThanCpusFinishInTime) {
  ThreadPool pool(64);
  pool.prepare();
  auto start = std::chrono::steady_clock::now();
  runMany(pool, 64, 500);
  auto seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  EXPECT_LT(seconds, 30);
}

TEST(ThreadPool, WorksWithoutPrepareAndAgainAfterIt) {
  ThreadPool pool(3);
  runMany(pool, 3, 10);
  pool.prepare();
  pool.prepare();
  runMany(pool, 3, 10);
}

TEST(ThreadPool, WakesSleepingWorkers) {
  ThreadPool pool(4);
  pool.prepare();
  for (int i = 0; i < 20; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    runMany(pool, 4, 1);
  }
}

TEST(ThreadPool, WaitsForLongParts) {
  // The caller sleeps while a worker still runs.
  ThreadPool pool(2);
  pool.prepare();
  struct State {
    std::atomic<bool> begun{false};
    std::atomic<bool> finished{false};
  };
  for (int i = 0; i < 10; ++i) {
    State state;
    pool.run(
        [](void *context, size_t part) {
          State &state = *static_cast<State *>(context);
          if (part == 0) {
            // The worker has taken its part before the caller looks for it.
            while (!state.begun)
              std::this_thread::yield();
            return;
          }
          state.begun = true;
          std::this_thread::sleep_for(std::chrono::milliseconds(5));
          state.finished = true;
        },
        &state, 2);
    EXPECT_TRUE(state.finished);
  }
}

TEST(ThreadPool, ManyPoolsAtOnce) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([] {
      ThreadPool pool(4);
      pool.prepare();
      runMany(pool, 4, 300);
    });
  for (std::thread &thread : threads)
    thread.join();
}

TEST(ThreadPool, WorkersHaveIeeeArithmetic) {
#if defined(__x86_64__)
  // A host that flushes denormals to zero does not hand that to the workers.
  unsigned saved = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(saved | 0x8040);
  ModuleBuilder builder;
  int n = builder.constant(8);
  int x = builder.input("x", fb::ElementType_F32, {n});
  int y = builder.output("y", fb::ElementType_F32, {n});
  builder.dispatch(kDouble, {x, y}, n);
  Module module = open(builder);
  Session session(module, threads(4));
  uint32_t denormal = 0x00000100;
  std::vector<uint32_t> values(8, denormal), doubled(8);
  session.bindInput(0, reinterpret_cast<float *>(values.data()), {8});
  session.bindOutput(0, doubled.data(), 32);
  for (int run = 0; run < 50; ++run) {
    session.run();
    EXPECT_EQ(doubled, std::vector<uint32_t>(8, 2 * denormal));
    EXPECT_EQ(__builtin_ia32_stmxcsr() & 0x8040, 0x8040u);
  }
  __builtin_ia32_ldmxcsr(saved);
#endif
}

TEST(ThreadPool, SessionsInManyThreadsShareAModule) {
  ModuleBuilder builder;
  buildDouble(builder);
  Module module = open(builder);
  std::vector<std::thread> runners;
  for (int t = 0; t < 4; ++t)
    runners.emplace_back([&module, t] {
      Session session(module, threads(3));
      std::vector<float> x = iota(64, float(t));
      for (int64_t n = 1; n <= 64; ++n) {
        session.bindInput(0, x.data(), {n});
        session.run();
        ASSERT_EQ(result<float>(session)[size_t(n) - 1], 2 * float(t + n - 1));
      }
    });
  for (std::thread &runner : runners)
    runner.join();
}

/// Runs each task on a thread of its own, and in each a session of the same
/// module before the task: a host that runs sessions inside its tasks.
struct NestingHost {
  Module *module;
  std::atomic<int> nested{0};

  static void run(void *context, void (*task)(void *, size_t),
                  void *taskContext, size_t count) {
    NestingHost &host = *static_cast<NestingHost *>(context);
    std::vector<std::thread> runners;
    for (size_t i = 0; i < count; ++i)
      runners.emplace_back([&, i] {
        Session inner(*host.module, threads(2));
        std::vector<float> x = iota(16);
        inner.bindInput(0, x.data(), {16});
        inner.run();
        host.nested += result<float>(inner)[15] == 30;
        task(taskContext, i);
      });
    for (std::thread &runner : runners)
      runner.join();
  }
};

TEST(ThreadPool, HostExecutorAndNestedSessions) {
  ModuleBuilder builder;
  buildDouble(builder);
  Module module = open(builder);
  NestingHost host;
  host.module = &module;
  SessionOptions options;
  options.executor.context = &host;
  options.executor.concurrency = 4;
  options.executor.run = NestingHost::run;
  Session session(module, options);
  EXPECT_EQ(session.threads(), 4);
  std::vector<float> x = iota(10);
  session.bindInput(0, x.data(), {10});
  session.run();
  EXPECT_EQ(host.nested, 4);
  for (size_t i = 0; i < 10; ++i)
    EXPECT_EQ(result<float>(session)[i], 2 * float(i));
  // One tile runs on the caller.
  session.bindInput(0, x.data(), {1});
  session.run();
  EXPECT_EQ(host.nested, 4);
  options.executor.concurrency = 0;
  EXPECT_EQ(errorOf(DLRT_INVALID_ARGUMENT, [&] { Session(module, options); }),
            "the executor's concurrency is below 1");
}

TEST(ThreadPool, SessionsGoOnAfterFork) {
  ModuleBuilder builder;
  buildDouble(builder);
  Module module = open(builder);
  auto session = std::make_unique<Session>(module, threads(3));
  std::vector<float> x = iota(32);
  session->bindInput(0, x.data(), {32});
  session->run();
  pid_t child = fork();
  ASSERT_NE(child, -1);
  if (child == 0) {
    alarm(20); // ends the child if it hangs
    bool good = true;
    for (int i = 0; i < 10; ++i) {
      session->run();
      good &= result<float>(*session)[31] == 62;
    }
    session.reset();
    _exit(good ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  session->run();
  EXPECT_EQ(result<float>(*session)[31], 62);
}

TEST(ThreadPool, CountsAtLeastOneCpu) {
  EXPECT_GE(availableCpus(), 1);
  EXPECT_LE(availableCpus(), int(std::thread::hardware_concurrency()));
  EXPECT_EQ(dlrt_available_cpus(), availableCpus());
}

} // namespace
