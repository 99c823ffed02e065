// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sizes that a run reads from its own data.

#include "test/runtime/Testing.h"

#include <functional>

using namespace dl::runtime;
using namespace dltest;
using namespace dlrt;

namespace {

/// y = 4 x[: M], where M is the number that the input `size` holds, by a
/// temporary of M elements. Formulas: 0 N, 1 M, 2 four, 3 bytes, 4 zero, 5 one.
void buildHead(ModuleBuilder &builder) {
  int n = builder.symbol("N", 0, 0), m = builder.symbol("M", -1, 0);
  int bytes = builder.mul(m, builder.constant(4));
  int zero = builder.constant(0), one = builder.constant(1);
  int x = builder.input("x", fb::ElementType_F32, {n});
  int size = builder.input("size", fb::ElementType_I64, {one});
  int y = builder.output("y", fb::ElementType_F32, {m});
  int t = builder.arena(zero, bytes);
  builder.plan().arena_size = zero;
  builder.plan().late_arena_sizes = {bytes};
  builder.check(fb::Relation_LessEqual, m, n, "M is above N");
  builder.bind(size, {1}, "node 'head': the size is not valid");
  builder.dispatch(kDouble, {x, t}, m);
  builder.dispatch(kDouble, {t, y}, m);
}

TEST(Stages, SizesComeFromData) {
  ModuleBuilder builder;
  buildHead(builder);
  Module module = open(builder);
  Session session(module);
  std::vector<float> x = iota(100);
  int64_t size = 0;
  session.bindInput(0, x.data(), {100});
  session.bindInput(1, &size, {1});
  for (int64_t m : {3, 100, 0, 17, 3}) {
    size = m;
    session.run();
    Tensor y = session.output(0);
    ASSERT_EQ(y.dims, std::vector<int64_t>{m});
    for (int64_t i = 0; i < m; ++i)
      ASSERT_EQ(y.as<float>()[i], 4 * float(i));
    EXPECT_EQ(session.symbol(0), 100);
    EXPECT_EQ(session.symbol(1), m);
    EXPECT_EQ(dlrt_session_arena_bytes(session.get()), uint64_t(4 * m));
  }
  session.bindInput(0, x.data(), {50});
  size = 7;
  session.run();
  EXPECT_EQ(session.output(0).dims, std::vector<int64_t>{7});
}

TEST(Stages, OutputsHaveNoSizeBeforeTheRun) {
  ModuleBuilder builder;
  buildHead(builder);
  Module module = open(builder);
  Session session(module);
  std::vector<float> x = iota(4);
  int64_t size = 2;
  session.bindInput(0, x.data(), {4});
  session.bindInput(1, &size, {1});
  session.prepare();
  EXPECT_EQ(session.output(0).dims, std::vector<int64_t>{-1});
  EXPECT_EQ(session.output(0).bytes, 0u);
  EXPECT_EQ(session.symbol(1), -1);
  session.run();
  EXPECT_EQ(session.output(0).dims, std::vector<int64_t>{2});
  EXPECT_EQ(session.output(0).bytes, 8u);
}

TEST(Stages, WrongValuesEndTheRun) {
  ModuleBuilder builder;
  buildHead(builder);
  Module module = open(builder);
  Session session(module);
  std::vector<float> x = iota(4);
  int64_t size = -2;
  session.bindInput(0, x.data(), {4});
  session.bindInput(1, &size, {1});
  auto run = [&] { session.run(); };
  EXPECT_EQ(errorOf(DLRT_MISMATCH, run),
            "node 'head': the size is not valid (found -2)");
  size = (int64_t(1) << 48) + 1;
  EXPECT_EQ(errorOf(DLRT_MISMATCH, run),
            "node 'head': the size is not valid (found 281474976710657)");
  size = 5;
  EXPECT_EQ(errorOf(DLRT_MISMATCH, run),
            "sizes that the run has found do not fit: M is above N (5 and 4)");
  std::vector<float> y(2);
  session.bindOutput(0, y.data(), 8);
  size = 3;
  EXPECT_EQ(errorOf(DLRT_MISMATCH, run),
            "output 0 'y': its memory has 8 bytes, expected 12");
  size = 2;
  session.run();
  EXPECT_EQ(y, (std::vector<float>{0, 4}));
}

TEST(Stages, AbsurdSizesAreRefused) {
  ModuleBuilder builder;
  buildHead(builder);
  builder.entry().checks.clear();
  Module module = open(builder);
  Session session(module);
  std::vector<float> x = iota(4);
  int64_t size = int64_t(1) << 48;
  session.bindInput(0, x.data(), {4});
  session.bindInput(1, &size, {1});
  EXPECT_EQ(errorOf(DLRT_OUT_OF_MEMORY, [&] { session.run(); }),
            "no memory for 1125899906842624 bytes of intermediate results");
}

TEST(Stages, FormulasThatOverflowAreRefused) {
  ModuleBuilder builder;
  buildHead(builder);
  builder.mul(3, 3);
  builder.entry().checks.clear();
  Module module = open(builder);
  Session session(module);
  std::vector<float> x = iota(4);
  int64_t size = int64_t(1) << 40;
  session.bindInput(0, x.data(), {4});
  session.bindInput(1, &size, {1});
  EXPECT_EQ(errorOf(DLRT_MISMATCH, [&] { session.run(); }),
            "sizes that the run has found are out of range: M * 4 * M * 4 "
            "overflows or divides by zero");
}

TEST(Stages, EachReadsWhatTheOneBeforeMade) {
  ModuleBuilder builder;
  int a = builder.symbol("A", -1, 0), b = builder.symbol("B", -1, 0);
  int two = builder.constant(2), zero = builder.constant(0),
      eight = builder.constant(8);
  int sizes = builder.input("sizes", fb::ElementType_I64, {two});
  int y = builder.output("y", fb::ElementType_I64, {a});
  int z = builder.output("z", fb::ElementType_I64, {b});
  builder.plan().arena_size = zero;
  builder.plan().late_arena_sizes = {zero, zero};
  builder.bind(sizes, {0}, "a");
  // As many as there are tiles, and zeros.
  builder.dispatch(kParts, {y}, a);
  builder.bind(y, {1}, "b").view->offset = zero;
  builder.dispatch(kParts, {z}, b);
  (void)eight;
  Module module = open(builder);
  Session session(module, threads(1));
  int64_t values[2] = {3, 0};
  session.bindInput(0, values, {2});
  session.run();
  EXPECT_EQ(result<int64_t>(session, 0), (std::vector<int64_t>{3, 0, 0}));
  EXPECT_EQ(result<int64_t>(session, 1), (std::vector<int64_t>{3, 0, 0}));
  // There is nothing to read from an empty tensor.
  values[0] = 0;
  EXPECT_EQ(errorOf(DLRT_BAD_MODULE, [&] { session.run(); }),
            "<memory>: sizes lie outside of their buffer");
}

TEST(Stages, ProfilesHaveTheStepsOfAll) {
  ModuleBuilder builder;
  buildHead(builder);
  Module module = open(builder);
  SessionOptions options = threads(1);
  Session session(module, options);
  session.enableProfile(true);
  std::vector<float> x = iota(4);
  int64_t size = 3;
  session.bindInput(0, x.data(), {4});
  session.bindInput(1, &size, {1});
  session.run();
  auto events = session.profile();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[1].tiles, 3);
  // More bindings than are kept.
  for (size = 0; size < 4; ++size)
    for (int64_t n = 4; n < 10; ++n) {
      std::vector<float> more = iota(size_t(n));
      session.bindInput(0, more.data(), {n});
      session.run();
      ASSERT_EQ(session.profile().size(), 2u);
    }
}

/// Opens the module after a change; expects a refusal and returns its message.
std::string refusal(const std::function<void(ModuleBuilder &)> &change) {
  ModuleBuilder builder;
  buildHead(builder);
  change(builder);
  return errorOf(DLRT_BAD_MODULE, [&] { open(builder); });
}

TEST(Stages, HeadersAreChecked) {
  const std::string start = "<memory>: module header: ";
  const std::string plan = start + "plan for cpu: ";
  const std::string end = " (entry 'main')";
  auto bind = [](ModuleBuilder &builder) -> fb::BindT & {
    return *builder.plan().steps[0]->action.AsBind();
  };
  EXPECT_EQ(refusal([&](ModuleBuilder &b) { bind(b).symbols = {}; }),
            start + "a symbol is bound to no dimension and by no step" + end);
  for (std::vector<int32_t> symbols :
       {std::vector<int32_t>{0}, {2}, {-1}, {1, 1}})
    EXPECT_EQ(refusal([&](ModuleBuilder &b) { bind(b).symbols = symbols; }),
              start + "step 0 binds a symbol that has a value" + end);
  EXPECT_EQ(refusal([&](ModuleBuilder &b) { bind(b).view->buffer = 99; }),
            plan + "step 0: a view has no buffer" + end);
  EXPECT_EQ(refusal([&](ModuleBuilder &b) { bind(b).view->buffer = 2; }),
            plan + "step 0: a view's buffer has no size yet" + end);
  EXPECT_EQ(refusal([&](ModuleBuilder &b) { bind(b).view->offset = 1; }),
            plan + "step 0: a view's offset or bytes have no formula" + end);
  EXPECT_EQ(
      refusal([](ModuleBuilder &b) {
        std::swap(b.plan().steps[0], b.plan().steps[1]);
      }),
      plan +
          "step 0: tiles, scratch, flops, iterations or trips have no formula" +
          end);
  EXPECT_EQ(refusal([](ModuleBuilder &b) { b.plan().late_arena_sizes = {}; }),
            plan + "there is not one arena for each stage" + end);
  EXPECT_EQ(refusal([](ModuleBuilder &b) { b.plan().late_arena_sizes = {77}; }),
            plan + "an arena's size has no formula" + end);
  EXPECT_EQ(refusal([](ModuleBuilder &b) { b.plan().arena_size = 3; }),
            plan + "the arena's size has no formula" + end);
  EXPECT_EQ(
      refusal([](ModuleBuilder &b) { b.entry().inputs[0]->type->dims = {1}; }),
      plan + "an input's size is not known before the run" + end);
  EXPECT_EQ(refusal([](ModuleBuilder &b) {
              b.plan().buffers[3]->offset = 3;
              b.plan().buffers[3]->size = 4;
            }),
            plan + "an arena buffer has no offset or size" + end);
  EXPECT_EQ(refusal([](ModuleBuilder &b) {
              b.beginLoop(5);
              b.bind(1, {}, "in a loop");
              b.endLoop();
            }),
            plan + "step 3: it binds symbols in a loop" + end);
}

} // namespace
