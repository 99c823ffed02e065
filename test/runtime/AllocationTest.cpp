// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// After the first run of a shape, a run takes no memory from the heap. A
// program of its own: it replaces malloc.

#include "test/runtime/Testing.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>

using namespace dl::runtime;
using namespace dltest;
using namespace dlrt;

namespace {

std::atomic<bool> counting{false};
std::atomic<int> allocations{0};

void count() {
  if (counting.load(std::memory_order_relaxed))
    ++allocations;
}

} // namespace

// glibc calls these wherever the program or a library allocates; the aligned
// ones end in memalign.
// Visible, so that libraries find them too.
#pragma GCC visibility push(default)
extern "C" {
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size) {
  count();
  return __libc_malloc(size);
}
void *calloc(size_t number, size_t size) {
  count();
  return __libc_calloc(number, size);
}
void *realloc(void *memory, size_t size) {
  count();
  return __libc_realloc(memory, size);
}
void *memalign(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}
int posix_memalign(void **result, size_t alignment, size_t size) {
  count();
  *result = __libc_memalign(alignment, size);
  return *result ? 0 : ENOMEM;
}
}
#pragma GCC visibility pop

namespace {

/// Counts the allocations of `body`, on all threads.
template <typename Body> int allocationsOf(Body body) {
  allocations = 0;
  counting = true;
  body();
  counting = false;
  return allocations;
}

/// The arena, scratch, loops, calls and several threads, in any size N.
void buildEverything(ModuleBuilder &builder) {
  int n = builder.symbol("N", 0, 0), four = builder.constant(4),
      one = builder.constant(1);
  int bytes = builder.mul(n, four);
  int x = builder.input("x", fb::ElementType_F32, {n});
  int y = builder.output("y", fb::ElementType_F32, {n});
  int v = builder.output("values", fb::ElementType_F32, {one});
  int i = builder.output("indices", fb::ElementType_I64, {one});
  int t = builder.arena(builder.constant(0), bytes);
  builder.plan().arena_size = bytes;
  builder.dispatch(kDouble, {x, t}, n).scratch = builder.constant(1000);
  builder.beginLoop(n);
  fb::DispatchT &step = builder.dispatch(kDouble, {t, t}, one);
  step.args[0]->strides = {four};
  step.args[1]->strides = {four};
  builder.endLoop();
  builder.dispatch(kDouble, {t, y}, n);
  builder.call("topk", {x, v, i}, {0, 1, 1});
}

TEST(Allocation, CounterCounts) {
  void *volatile memory = nullptr;
  EXPECT_GE(allocationsOf([&] { memory = malloc(10); }), 1);
  free(memory);
  EXPECT_GE(
      allocationsOf([&] { memory = ::operator new(10, std::align_val_t(64)); }),
      1);
  ::operator delete(memory, std::align_val_t(64));
}

TEST(Allocation, NoneInARunAfterTheFirstOfItsShape) {
  for (int threadCount : {1, 4}) {
    ModuleBuilder builder;
    buildEverything(builder);
    Module module = open(builder);
    Session session(module, threads(threadCount));
    std::vector<float> x = iota(100), other = iota(100), mine(100);
    std::vector<int64_t> sizes = {100, 7, 40};
    for (int64_t n : sizes) {
      session.bindInput(0, x.data(), {n});
      session.run();
    }
    int64_t dims[1];
    dlrt_tensor tensor = {};
    tensor.struct_size = sizeof(tensor);
    tensor.type = DLRT_FLOAT32;
    tensor.rank = 1;
    tensor.dims = dims;
    dlrt_tensor out = {};
    out.struct_size = sizeof(out);
    dlrt_status worst = DLRT_OK;
    auto keep = [&](dlrt_status status) {
      worst = worst == DLRT_OK ? status : worst;
    };
    EXPECT_EQ(
        allocationsOf([&] {
          for (int round = 0; round < 50; ++round)
            for (int64_t n : sizes) {
              dims[0] = n;
              tensor.data = round % 2 ? x.data() : other.data();
              keep(dlrt_session_bind_input(session.get(), 0, &tensor, nullptr));
              bool bind = round % 3 == 0;
              keep(dlrt_session_bind_output(session.get(), 0,
                                            bind ? mine.data() : nullptr,
                                            bind ? 400 : 0, nullptr));
              keep(dlrt_session_run(session.get(), nullptr));
              keep(dlrt_session_output(session.get(), 0, &out, nullptr));
            }
        }),
        0);
    EXPECT_EQ(worst, DLRT_OK);
  }
}

TEST(Allocation, NoneInAProfiledRunAfterTheFirst) {
  ModuleBuilder builder;
  buildEverything(builder);
  Module module = open(builder);
  SessionOptions options;
  options.profile = 1;
  Session session(module, options);
  std::vector<float> x = iota(20);
  session.bindInput(0, x.data(), {20});
  session.run();
  EXPECT_EQ(allocationsOf([&] { session.run(); }), 0);
  EXPECT_EQ(session.profile().size(), 23u);
}

TEST(Allocation, NoneWhereSizesThatARunReadsCameBefore) {
  ModuleBuilder builder;
  int m = builder.symbol("M", -1, 0), four = builder.constant(4);
  int bytes = builder.mul(m, four), one = builder.constant(1);
  int x = builder.input("x", fb::ElementType_F32, {builder.constant(50)});
  int size = builder.input("size", fb::ElementType_I64, {one});
  int y = builder.output("y", fb::ElementType_F32, {m});
  int zero = builder.constant(0), t = builder.arena(zero, bytes);
  builder.plan().arena_size = zero;
  builder.plan().late_arena_sizes = {bytes};
  builder.bind(size, {0}, "the size");
  builder.dispatch(kDouble, {x, t}, m).scratch = bytes;
  builder.dispatch(kDouble, {t, y}, m);
  Module module = open(builder);
  Session session(module, threads(2));
  std::vector<float> values = iota(50);
  int64_t number = 0;
  session.bindInput(0, values.data(), {50});
  session.bindInput(1, &number, {1});
  for (int64_t n : {50, 3, 20}) {
    number = n;
    session.run();
  }
  EXPECT_EQ(allocationsOf([&] {
              for (int round = 0; round < 50; ++round)
                for (int64_t n : {3, 50, 20}) {
                  number = n;
                  dlrt_session_run(session.get(), nullptr);
                }
            }),
            0);
}

} // namespace
