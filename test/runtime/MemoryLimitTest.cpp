// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A session with a limit holds no more than that, whatever shapes come.

#include "test/runtime/Testing.h"

#include <algorithm>
#include <new>

using namespace dl::runtime;
using namespace dltest;
using namespace dlrt;

namespace {

/// y = 4 x, through an arena of as many bytes as x has.
void buildTwice(ModuleBuilder &builder) {
  int n = builder.symbol("N", 0, 0);
  int bytes = builder.mul(n, builder.constant(4));
  int x = builder.input("x", fb::ElementType_F32, {n});
  int y = builder.output("y", fb::ElementType_F32, {n});
  int t = builder.arena(builder.constant(0), bytes);
  builder.plan().arena_size = bytes;
  builder.dispatch(kDouble, {x, t}, n);
  builder.dispatch(kDouble, {t, y}, n);
}

/// The host's memory, with what is taken of it.
struct Counting {
  size_t now = 0, most = 0;

  dlrt_allocator allocator() {
    return {this,
            [](void *self, size_t bytes, size_t alignment) {
              auto &of = *static_cast<Counting *>(self);
              of.now += bytes;
              of.most = std::max(of.most, of.now);
              return ::operator new(bytes, std::align_val_t(alignment));
            },
            [](void *self, void *memory, size_t bytes, size_t alignment) {
              static_cast<Counting *>(self)->now -= bytes;
              ::operator delete(memory, std::align_val_t(alignment));
            }};
  }
};

TEST(MemoryLimit, RefusesWhatNeedsMoreBeforeItStarts) {
  ModuleBuilder builder;
  buildTwice(builder);
  Module module = open(builder);
  SessionOptions options = threads(1);
  options.memory_limit = 864; // 64 of it are scratch
  Session session(module, options);
  std::vector<float> x = iota(101), y(101, -1);
  session.bindInput(0, x.data(), {100});
  session.run();
  EXPECT_EQ(result<float>(session)[99], 4 * 99);

  session.bindInput(0, x.data(), {101});
  for (bool whole : {false, true})
    EXPECT_EQ(errorOf(DLRT_OUT_OF_MEMORY,
                      [&] { whole ? session.run() : session.prepare(); }),
              "<memory>: a run with these shapes needs 872 bytes "
              "(intermediate results 404, scratch 64, outputs 404), more than "
              "the limit of 864");

  // The caller's memory does not count.
  session.bindOutput(0, y.data(), y.size() * 4);
  session.run();
  EXPECT_EQ(y[100], 400);
}

TEST(MemoryLimit, GivesBackWhatOtherShapesLeft) {
  ModuleBuilder builder;
  int m = builder.symbol("M", 0, 0), n = builder.symbol("N", 1, 0);
  int four = builder.constant(4), bytes = builder.mul(m, four);
  int a = builder.input("a", fb::ElementType_F32, {m});
  int b = builder.input("b", fb::ElementType_F32, {n});
  int y = builder.output("y", fb::ElementType_F32, {n});
  int t = builder.arena(builder.constant(0), bytes);
  builder.plan().arena_size = bytes;
  builder.dispatch(kDouble, {a, t}, m);
  builder.dispatch(kDouble, {b, y}, n);
  Module module = open(builder);
  Counting counting;
  {
    SessionOptions options = threads(1);
    options.memory_limit = 1064;
    options.allocator = counting.allocator();
    Session session(module, options);
    std::vector<float> x = iota(240);
    for (auto [first, second] :
         {std::pair(200, 10), {10, 200}, {200, 10}, {120, 120}}) {
      session.bindInput(0, x.data(), {first});
      session.bindInput(1, x.data(), {second});
      session.run();
      EXPECT_EQ(result<float>(session)[size_t(second) - 1],
                2 * float(second - 1));
    }
  }
  // Blocks of no bytes have one.
  EXPECT_LE(counting.most, 1065u);
  EXPECT_EQ(counting.now, 0u);
}

TEST(MemoryLimit, CountsSizesThatTheRunFinds) {
  ModuleBuilder builder;
  int n = builder.symbol("N", 0, 0), m = builder.symbol("M", -1, 0);
  int bytes = builder.mul(m, builder.constant(4));
  int zero = builder.constant(0), one = builder.constant(1);
  int x = builder.input("x", fb::ElementType_F32, {n});
  int size = builder.input("size", fb::ElementType_I64, {one});
  int y = builder.output("y", fb::ElementType_F32, {m});
  int t = builder.arena(zero, bytes);
  builder.plan().arena_size = zero;
  builder.plan().late_arena_sizes = {bytes};
  builder.bind(size, {1}, "the size is not valid");
  builder.dispatch(kDouble, {x, t}, m);
  builder.dispatch(kDouble, {t, y}, m);
  Module module = open(builder);
  SessionOptions options = threads(1);
  options.memory_limit = 144;
  Session session(module, options);
  std::vector<float> values = iota(100);
  int64_t found = 10;
  session.bindInput(0, values.data(), {100});
  session.bindInput(1, &found, {1});
  session.run();
  found = 11;
  EXPECT_NE(errorOf(DLRT_OUT_OF_MEMORY, [&] { session.run(); })
                .find("needs 152 bytes"),
            std::string::npos);
  found = 10;
  session.run();
  EXPECT_EQ(result<float>(session)[9], 36);
}

} // namespace
