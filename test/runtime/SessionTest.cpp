// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/runtime/Testing.h"

#include "runtime/device/cpu/TileShares.h"

#include <atomic>
#include <thread>

using namespace dl::runtime;
using namespace dltest;
using namespace dlrt;

namespace {

TEST(Session, DoublesAVectorOfAnySize) {
  ModuleBuilder builder;
  buildDouble(builder);
  Module module = open(builder);
  Session session(module);
  for (int64_t n : {5, 1, 0, 1000, 5}) {
    std::vector<float> x = iota(size_t(n));
    session.bindInput(0, x.data(), {n});
    session.run();
    Tensor y = session.output(0);
    ASSERT_EQ(y.dims, std::vector<int64_t>{n});
    ASSERT_NE(y.data, nullptr);
    for (int64_t i = 0; i < n; ++i)
      ASSERT_EQ(y.as<float>()[i], 2 * float(i));
  }
}

TEST(Session, WritesToTheCallersMemory) {
  ModuleBuilder builder;
  buildDouble(builder);
  Module module = open(builder);
  Session session(module);
  // Not aligned to anything but the element.
  std::vector<float> x = iota(8), y(8, -1);
  session.bindInput(0, x.data() + 1, {6});
  session.bindOutput(0, y.data() + 1, 6 * sizeof(float));
  session.run();
  EXPECT_EQ(y, (std::vector<float>{-1, 2, 4, 6, 8, 10, 12, -1}));
  EXPECT_EQ(session.output(0).data, y.data() + 1);
  session.bindOutput(0, y.data(), 5 * sizeof(float));
  EXPECT_EQ(errorOf(DLRT_MISMATCH, [&] { session.run(); }),
            "output 0 'y': its memory has 20 bytes, expected 24");
  session.bindOutput(0, nullptr, 0);
  session.run();
  EXPECT_EQ(result<float>(session), (std::vector<float>{2, 4, 6, 8, 10, 12}));
}

TEST(Session, DecodesWeights) {
  for (size_t more : {0, 1}) {
    ModuleBuilder builder;
    std::vector<float> weights = iota(32, 100);
    int w = builder.codedWeights(weights);
    int y = builder.output("y", fb::ElementType_F32, {builder.constant(32)});
    builder.call("copy", {w, y}).args[0]->bytes = builder.constant(128);
    fb::ConstantT &constant = *builder.module.constants[0];
    constant.coding->bytes += static_cast<int64_t>(more * sizeof(float));
    constant.type->dims[0] += static_cast<int32_t>(more);
    Module module = open(builder);
    EXPECT_EQ(module.info().decoded_bytes, 128 + more * sizeof(float));
    EXPECT_LT(module.info().coded_bytes, 80u);
    module.verify();
    Session session(module);
    if (!more) {
      session.run();
      EXPECT_EQ(result<float>(session), weights);
      continue;
    }
    // One more than there are: each session's run says so.
    for (int i = 0; i < 2; ++i)
      EXPECT_EQ(errorOf(DLRT_BAD_MODULE, [&] { session.run(); }),
                "<memory>: constant 0 'weights0' is damaged at byte 40 of its "
                "coded form: there is no such kind of plane");
  }
}

TEST(Session, UnpacksDecodedWeights) {
  ModuleBuilder builder;
  int w = builder.codedWeights(iota(32));
  int y = builder.output("y", fb::ElementType_F32, {builder.constant(32)});
  builder.call("copy", {w, y}).args[0]->bytes = builder.constant(128);
  // Of a matrix of 4 x 8, the other order.
  fb::ConstantT &constant = *builder.module.constants[0];
  constant.type.reset();
  constant.unpack = std::make_unique<fb::UnpackT>();
  constant.unpack->bytes = 128;
  constant.unpack->element_bytes = sizeof(float);
  constant.unpack->sizes = {4, 8};
  constant.unpack->strides = {1, 4};
  Module module = open(builder);
  Session session(module);
  session.run();
  std::vector<float> found = result<float>(session);
  for (size_t row = 0; row < 4; ++row)
    for (size_t column = 0; column < 8; ++column)
      EXPECT_EQ(found[column * 4 + row], float(row * 8 + column));
}

TEST(Session, ScalarsHaveRankZero) {
  ModuleBuilder builder;
  int x = builder.input("x", fb::ElementType_F32, {});
  int y = builder.output("y", fb::ElementType_F32, {});
  builder.dispatch(kDouble, {x, y}, builder.constant(1));
  Module module = open(builder);
  Session session(module);
  float value = 21;
  session.bindInput(0, &value, {});
  session.run();
  Tensor result = session.output(0);
  EXPECT_TRUE(result.dims.empty());
  EXPECT_EQ(result.bytes, sizeof(float));
  EXPECT_EQ(*result.as<float>(), 42);
}

TEST(Session, ReadsTheCallersMemoryAnewInEachRun) {
  ModuleBuilder builder;
  buildDouble(builder);
  Module module = open(builder);
  Session session(module);
  std::vector<float> x = {1, 2}, other = {5, 6};
  session.bindInput(0, x.data(), {2});
  session.run();
  x = {3, 4};
  session.run();
  EXPECT_EQ(result<float>(session), (std::vector<float>{6, 8}));
  session.bindInput(0, other.data(), {2});
  session.run();
  EXPECT_EQ(result<float>(session), (std::vector<float>{10, 12}));
}

/// y = 4 * x through the arena, whose size is 64 * ceil(4 * N / 64).
void buildArena(ModuleBuilder &builder) {
  int n = builder.symbol("N", 0, 0), unit = builder.constant(64);
  int bytes = builder.mul(n, builder.constant(4));
  int size = builder.mul(builder.expr(fb::ExprOp_CeilDiv, bytes, unit), unit);
  int x = builder.input("x", fb::ElementType_F32, {n});
  int y = builder.output("y", fb::ElementType_F32, {n});
  int t = builder.arena(builder.constant(0), bytes);
  builder.plan().arena_size = size;
  builder.dispatch(kDouble, {x, t}, n);
  builder.dispatch(kDouble, {t, y}, n);
}

TEST(Session, ArenaGrowsWithTheShapes) {
  ModuleBuilder builder;
  buildArena(builder);
  Module module = open(builder);
  Session session(module);
  EXPECT_EQ(session.arenaBytes(), 0u);
  for (int64_t n : {3, 100000, 3, 17}) {
    std::vector<float> x = iota(size_t(n));
    session.bindInput(0, x.data(), {n});
    session.run();
    EXPECT_EQ(session.arenaBytes(), uint64_t((4 * n + 63) / 64 * 64));
    EXPECT_EQ(result<float>(session)[size_t(n) - 1], 4 * float(n - 1));
  }
}

TEST(Session, ArenaAndScratchAreAligned) {
  ModuleBuilder builder;
  int one = builder.constant(1), zero = builder.constant(0),
      size = builder.constant(8);
  int y = builder.output("y", fb::ElementType_I64, {one});
  int t = builder.arena(builder.constant(64), size);
  builder.arena(zero, size);
  builder.plan().arena_size = builder.constant(128);
  builder.dispatch(kAddress, {t, y}, one);
  Module module = open(builder);
  Session session(module);
  session.run();
  EXPECT_EQ(result<int64_t>(session)[0] % 64, 0);
}

TEST(Session, RefusesBuffersOutsideTheArena) {
  for (int64_t offset : {64, 32, -64}) {
    ModuleBuilder builder;
    int y = builder.output("y", fb::ElementType_I64, {builder.constant(1)});
    int t = builder.arena(builder.constant(offset), builder.constant(64));
    builder.plan().arena_size = builder.constant(96);
    builder.dispatch(kAddress, {t, y}, builder.constant(1));
    Module module = open(builder);
    Session session(module);
    EXPECT_EQ(errorOf(DLRT_BAD_MODULE, [&] { session.run(); }),
              "<memory>: buffer 1 of 64 bytes at " + std::to_string(offset) +
                  " is misplaced in the arena of 96 bytes");
  }
}

TEST(Session, RefusesViewsOutsideTheirBuffer) {
  ModuleBuilder builder;
  buildDouble(builder);
  builder.plan().steps[0]->action.AsDispatch()->args[1]->offset =
      builder.constant(12);
  Module module = open(builder);
  Session session(module);
  std::vector<float> x(4);
  session.bindInput(0, x.data(), {2});
  EXPECT_EQ(errorOf(DLRT_BAD_MODULE, [&] { session.run(); }),
            "<memory>: step 0 'double': argument 1 at bytes 12 to 12 lies "
            "outside its buffer of 8 bytes");
}

TEST(Session, LoopsMoveTheirViews) {
  // Prefix sums, forwards and backwards, with a carry in the arena.
  for (bool backwards : {false, true}) {
    ModuleBuilder builder;
    int n = builder.symbol("N", 0, 0), four = builder.constant(4),
        minus = builder.constant(-4);
    int last =
        builder.mul(builder.expr(fb::ExprOp_Sub, n, builder.constant(1)), four);
    int x = builder.input("x", fb::ElementType_F32, {n});
    int start =
        builder.input("start", fb::ElementType_F32, {builder.constant(1)});
    int y = builder.output("y", fb::ElementType_F32, {n});
    int carry = builder.arena(builder.constant(0), four);
    builder.plan().arena_size = four;
    int one = builder.constant(1);
    int zero = builder.expr(fb::ExprOp_Sub, one, one);
    builder.dispatch(kDouble, {start, carry}, one);
    builder.beginLoop(n);
    fb::DispatchT &step = builder.dispatch(kScan, {x, carry, y}, one);
    for (size_t argument : {0, 2}) {
      step.args[argument]->offset = backwards ? last : zero;
      step.args[argument]->strides = {backwards ? minus : four};
    }
    builder.endLoop();
    Module module = open(builder);
    Session session(module);
    std::vector<float> values = {1, 2, 3, 4}, begin = {50};
    session.bindInput(1, begin.data(), {1});
    session.bindInput(0, values.data(), {4});
    session.run();
    EXPECT_EQ(result<float>(session),
              backwards ? (std::vector<float>{110, 109, 107, 104})
                        : (std::vector<float>{101, 103, 106, 110}));
    // No iteration at all.
    session.bindInput(0, values.data(), {0});
    session.run();
    EXPECT_EQ(session.output(0).bytes, 0u);
  }
}

TEST(Session, NestedLoops) {
  // y[i][j] = 2 * x[j][i] for 3 by 2, by single elements.
  ModuleBuilder builder;
  int three = builder.constant(3), two = builder.constant(2),
      one = builder.constant(1), four = builder.constant(4),
      eight = builder.constant(8), twelve = builder.constant(12);
  int x = builder.input("x", fb::ElementType_F32, {two, three});
  int y = builder.output("y", fb::ElementType_F32, {three, two});
  builder.beginLoop(three);
  builder.beginLoop(two);
  fb::DispatchT &step = builder.dispatch(kDouble, {x, y}, one);
  step.args[0]->strides = {four, twelve};
  step.args[1]->strides = {eight, four};
  builder.endLoop();
  builder.endLoop();
  Module module = open(builder);
  Session session(module);
  std::vector<float> values = iota(6);
  session.bindInput(0, values.data(), {2, 3});
  session.run();
  EXPECT_EQ(result<float>(session), (std::vector<float>{0, 6, 2, 8, 4, 10}));
}

TEST(Session, RefusesStridesOutsideTheirBuffer) {
  ModuleBuilder builder;
  int three = builder.constant(3), one = builder.constant(1);
  int x = builder.input("x", fb::ElementType_F32, {three});
  int y = builder.output("y", fb::ElementType_F32, {three});
  builder.beginLoop(three);
  builder.dispatch(kDouble, {x, y}, one).args[1]->strides = {
      builder.constant(8)};
  builder.endLoop();
  Module module = open(builder);
  Session session(module);
  std::vector<float> values = iota(3);
  session.bindInput(0, values.data(), {3});
  EXPECT_EQ(errorOf(DLRT_BAD_MODULE, [&] { session.run(); }),
            "<memory>: step 1 'double': argument 1 at bytes 0 to 16 lies "
            "outside its buffer of 12 bytes");
}

TEST(Session, ConstantsAndSplats) {
  ModuleBuilder builder;
  int n = builder.constant(20), tiles = builder.constant(2);
  int x = builder.input("x", fb::ElementType_F32, {n});
  int y = builder.output("y", fb::ElementType_F32, {n});
  int z = builder.output("z", fb::ElementType_F32, {n});
  int weights = builder.weights(iota(20, 100));
  int splat = builder.splat(0.5f, {4, 5});
  builder.dispatch(kAdd, {x, weights, y}, tiles, {n});
  builder.dispatch(kAdd, {x, splat, z}, tiles, {n});
  Module module = open(builder);
  Session first(module), second(module);
  std::vector<float> values = iota(20);
  for (Session *session : {&first, &second}) {
    session->bindInput(0, values.data(), {20});
    session->run();
    for (size_t i = 0; i < 20; ++i) {
      EXPECT_EQ(result<float>(*session, 0)[i], 100 + 2 * float(i));
      EXPECT_EQ(result<float>(*session, 1)[i], 0.5f + float(i));
    }
  }
}

TEST(Session, WeightsAreNotCopied) {
  ModuleBuilder builder;
  int one = builder.constant(1);
  int y = builder.output("y", fb::ElementType_I64, {one});
  builder.dispatch(kAddress, {builder.weights({1, 2, 3}), y}, one);
  Module module = open(builder);
  Session first(module), second(module);
  first.run();
  second.run();
  int64_t expected = reinterpret_cast<int64_t>(builder.data()) +
                     int64_t(builder.constantRanges[0].first);
  EXPECT_EQ(result<int64_t>(first)[0], expected);
  EXPECT_EQ(result<int64_t>(second)[0], expected);
}

TEST(Session, ModuleMayCloseBeforeItsSessions) {
  ModuleBuilder builder;
  buildDouble(builder);
  std::vector<float> x = {1};
  auto module = std::make_unique<Module>(open(builder));
  Session session(*module);
  module.reset();
  session.bindInput(0, x.data(), {1});
  session.run();
  EXPECT_EQ(result<float>(session)[0], 2);
}

TEST(Session, ScratchIsEachPartsOwn) {
  ModuleBuilder builder;
  int n = builder.constant(33), tiles = builder.constant(64);
  int x = builder.input("x", fb::ElementType_F32, {n});
  int y = builder.output("y", fb::ElementType_F32, {tiles});
  builder.dispatch(kScratch, {x, y}, tiles, {n}).scratch =
      builder.constant(33 * 4);
  Module module = open(builder);
  Session session(module, threads(4));
  std::vector<float> values = iota(33);
  session.bindInput(0, values.data(), {33});
  for (int run = 0; run < 100; ++run) {
    session.run();
    EXPECT_EQ(result<float>(session), std::vector<float>(64, 33 * 16));
  }
}

TEST(Session, EachTileRunsOnceInPiecesOfItsShare) {
  ModuleBuilder builder;
  int tiles = builder.constant(20);
  int y = builder.output("y", fb::ElementType_I64, {tiles});
  builder.dispatch(kParts, {y}, tiles);
  Module module = open(builder);
  Session session(module, threads(2));
  for (int run = 0; run < 200; ++run) {
    session.run();
    // Two shares of 10 tiles, in pieces of up to 2 tiles, whoever ran them.
    ASSERT_EQ(result<int64_t>(session),
              (std::vector<int64_t>{2, 0, 2, 0, 2, 0, 2, 0, 2, 0,
                                    2, 0, 2, 0, 2, 0, 2, 0, 2, 0}));
  }
  EXPECT_EQ(session.threads(), 2);
}

TEST(TileShares, ForwardAndBackward) {
  for (int64_t tiles : {1, 7, 8, 9, 20, 100})
    for (int64_t parts : {1, 2, 3}) {
      std::vector<TileShare> shares(static_cast<size_t>(parts));
      std::vector<std::pair<int64_t, int64_t>> pieces[2];
      for (bool backward : {false, true}) {
        divideTiles(tiles, parts, shares.data(), backward);
        for (TileShare &share : shares) {
          int64_t from = 0, to = 0;
          size_t first = pieces[backward].size();
          while (share.take(from, to))
            pieces[backward].emplace_back(from, to);
          if (backward)
            std::reverse(pieces[1].begin() + std::ptrdiff_t(first),
                         pieces[1].end());
        }
      }
      // Every tile once, and the same pieces in either order.
      int64_t next = 0;
      for (auto [from, to] : pieces[0]) {
        EXPECT_EQ(from, next);
        EXPECT_GT(to, from);
        next = to;
      }
      EXPECT_EQ(next, tiles);
      EXPECT_EQ(pieces[0], pieces[1]);
    }
}

TEST(Session, CancelEndsTheRunAfterTheStep) {
  ModuleBuilder builder;
  int one = builder.constant(1);
  int x = builder.input("x", fb::ElementType_I64, {one});
  int begun = builder.output("begun", fb::ElementType_I64, {one});
  int y = builder.output("y", fb::ElementType_I64, {one});
  int z = builder.output("z", fb::ElementType_I64, {one});
  builder.dispatch(kAddress, {x, begun}, one);
  builder.dispatch(kWait, {x, y}, one);
  builder.dispatch(kWait, {y, z}, one);
  Module module = open(builder);
  Session session(module);
  std::atomic<int64_t> gate{0}, running{0};
  int64_t end = -1;
  session.bindInput(0, reinterpret_cast<int64_t *>(&gate), {1});
  session.bindOutput(0, &running, sizeof(running));
  session.bindOutput(2, &end, sizeof(end));
  std::string message;
  std::thread runner(
      [&] { message = errorOf(DLRT_CANCELLED, [&] { session.run(); }); });
  while (running == 0)
    std::this_thread::yield();
  EXPECT_EQ(errorOf(DLRT_BUSY, [&] { session.run(); }),
            "the session is in use by another call");
  EXPECT_EQ(errorOf(DLRT_BUSY, [&] { session.bindOutput(0, nullptr, 0); }),
            "the session is in use by another call");
  session.cancel();
  gate = 7;
  runner.join();
  EXPECT_EQ(message, "the run was cancelled");
  EXPECT_EQ(end, -1);
  session.run();
  EXPECT_EQ(end, 7);
}

TEST(Session, ProfileHasOneEventAStep) {
  ModuleBuilder builder;
  int n = builder.symbol("N", 0, 0);
  int x = builder.input("x", fb::ElementType_F32, {n});
  int y = builder.output("y", fb::ElementType_F32, {n});
  fb::DispatchT &first = builder.dispatch(kDouble, {x, y}, n);
  first.name = "twice";
  first.flops = n;
  builder.beginLoop(builder.constant(3));
  builder.dispatch(kDouble, {x, y}, n).flops = builder.constant(10);
  builder.endLoop();
  Module module = open(builder);
  SessionOptions options;
  options.profile = 1;
  Session session(module, options);
  std::vector<float> values = iota(8);
  session.bindInput(0, values.data(), {8});
  session.run();
  session.run();
  std::vector<dlrt_profile_event> events = session.profile();
  ASSERT_EQ(events.size(), 4u);
  EXPECT_STREQ(events[0].name, "twice");
  EXPECT_STREQ(events[0].kernel, "double");
  EXPECT_STREQ(events[1].name, "double");
  EXPECT_EQ(events[0].flops, 8);
  EXPECT_EQ(events[0].tiles, 8);
  EXPECT_GE(events[0].duration_ns, 0);
  EXPECT_LE(events[0].start_ns + events[0].duration_ns, events[1].start_ns);
  EXPECT_EQ(session.flops(), 38);
  session.enableProfile(false);
  session.run();
  EXPECT_EQ(session.profile().size(), 4u);
}

TEST(Session, ShowsEachStepBeforeAndAfter) {
  ModuleBuilder builder;
  int n = builder.symbol("N", 0, 0);
  int x = builder.input("x", fb::ElementType_F32, {n});
  int y = builder.output("y", fb::ElementType_F32, {n});
  builder.beginLoop(builder.constant(2));
  builder.dispatch(kDouble, {x, y}, n).name = "twice";
  builder.endLoop();
  Module module = open(builder);
  SessionOptions options;
  Session session(module, options);
  std::vector<float> values = iota(4);
  session.bindInput(0, values.data(), {4});
  std::vector<std::string> seen;
  auto observer = [](void *context, const dlrt_step *step) {
    std::string text = step->name;
    text += step->is_done ? " after" : " before";
    EXPECT_STREQ(step->kernel, "double");
    ASSERT_EQ(step->arg_count, 2u);
    EXPECT_EQ(step->bytes[0], 16);
    EXPECT_EQ(step->bytes[1], 16);
    if (step->is_done) {
      EXPECT_EQ(static_cast<const float *>(step->args[1])[3],
                2 * static_cast<const float *>(step->args[0])[3]);
    }
    static_cast<std::vector<std::string> *>(context)->push_back(text);
  };
  session.observe(observer, &seen);
  session.run();
  EXPECT_EQ(seen, std::vector<std::string>({"twice before", "twice after",
                                            "twice before", "twice after"}));
  session.observe(nullptr, nullptr);
  session.run();
  EXPECT_EQ(seen.size(), 4u);
}

TEST(Session, UsesTheHostsAllocatorAndLogger) {
  struct Counts {
    int allocated = 0, released = 0;
    std::vector<std::string> messages;
  } counts;
  {
    ModuleBuilder builder;
    buildArena(builder);
    Module module = open(builder);
    SessionOptions options = threads(2);
    options.allocator.context = &counts;
    options.allocator.allocate = [](void *context, size_t bytes,
                                    size_t alignment) -> void * {
      ++static_cast<Counts *>(context)->allocated;
      return bytes > 1000000
                 ? nullptr
                 : ::operator new(bytes, std::align_val_t(alignment));
    };
    options.allocator.release = [](void *context, void *memory, size_t,
                                   size_t alignment) {
      ++static_cast<Counts *>(context)->released;
      ::operator delete(memory, std::align_val_t(alignment));
    };
    options.logger.context = &counts;
    options.logger.log = [](void *context, const char *message) {
      static_cast<Counts *>(context)->messages.push_back(message);
    };
    Session session(module, options);
    std::vector<float> x = iota(400000);
    session.bindInput(0, x.data(), {20});
    session.run();
    EXPECT_EQ(counts.allocated, 3); // arena, scratch and output
    session.bindInput(0, x.data(), {400000});
    EXPECT_EQ(errorOf(DLRT_OUT_OF_MEMORY, [&] { session.run(); }),
              "no memory for 1600000 bytes of intermediate results");
    session.bindInput(0, x.data(), {20});
    session.run();
    EXPECT_EQ(result<float>(session)[19], 76);
  }
  EXPECT_EQ(counts.released, counts.allocated - 1);
  ASSERT_GE(counts.messages.size(), 2u);
  EXPECT_EQ(counts.messages[0], "runs code for test-level on 2 threads");
  EXPECT_EQ(counts.messages[1], "arena grows to 128 bytes");
}

TEST(Session, RefusesWhatItDoesNotHave) {
  ModuleBuilder builder;
  buildDouble(builder);
  Module module = open(builder);
  SessionOptions options;
  options.target = "cuda";
  EXPECT_EQ(errorOf(DLRT_UNSUPPORTED, [&] { Session(module, options); }),
            "<memory>: the module has no plan for 'cuda', only for cpu");
  options = SessionOptions();
  options.entry = "step";
  EXPECT_EQ(errorOf(DLRT_NOT_FOUND, [&] { Session(module, options); }),
            "<memory>: the module has no entry 'step', only 'main'");
  options = SessionOptions();
  options.threads = -1;
  EXPECT_EQ(errorOf(DLRT_INVALID_ARGUMENT, [&] { Session(module, options); }),
            "the number of threads is out of range");
}

} // namespace
