// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shapes: what is accepted, what is refused and how the message reads.

#include "test/runtime/Testing.h"

using namespace dl::runtime;
using namespace dltest;
using namespace dlrt;

namespace {

/// Two inputs of N and N + P elements; output 3 * N.
void buildRelated(ModuleBuilder &builder) {
  int n = builder.symbol("N", 0, 0), p = builder.symbol("P", 1, 1);
  int sum = builder.add(n, p), two = builder.constant(2);
  builder.input("x", fb::ElementType_F32, {n});
  builder.input("past", fb::ElementType_F32, {two, p, sum});
  builder.output("y", fb::ElementType_F32,
                 {builder.mul(n, builder.constant(3))});
}

TEST(Binding, RefusesWrongTypeRankAndSize) {
  ModuleBuilder builder;
  buildRelated(builder);
  Module module = open(builder);
  Session session(module);
  std::vector<float> x(100);
  EXPECT_EQ(errorOf(DLRT_MISMATCH,
                    [&] { session.bindInput(0, x.data(), DLRT_FLOAT64, {4}); }),
            "input 0 'x': type is float64, expected float32");
  EXPECT_EQ(
      errorOf(DLRT_MISMATCH, [&] { session.bindInput(0, x.data(), {4, 1}); }),
      "input 0 'x': rank is 2, expected 1");
  EXPECT_EQ(errorOf(DLRT_INVALID_ARGUMENT,
                    [&] { session.bindInput(0, x.data(), {-1}); }),
            "input 0 'x': its sizes are negative or too large");
  EXPECT_EQ(errorOf(DLRT_INVALID_ARGUMENT,
                    [&] { session.bindInput(2, x.data(), {4}); }),
            "input 2 does not exist: the entry has 2");
  EXPECT_EQ(errorOf(DLRT_INVALID_ARGUMENT,
                    [&] {
                      session.bindInput(0, static_cast<float *>(nullptr), {4});
                    }),
            "input 0 'x': has no data");
  session.bindInput(0, x.data(), {4});
  EXPECT_EQ(errorOf(DLRT_NOT_BOUND, [&] { session.run(); }),
            "input 1 'past' is not bound");
  session.bindInput(1, x.data(), {3, 2, 6});
  EXPECT_EQ(errorOf(DLRT_MISMATCH, [&] { session.run(); }),
            "input 1 'past': dimension 0 is 3, expected 2");
  session.bindInput(1, x.data(), {2, 2, 5});
  EXPECT_EQ(errorOf(DLRT_MISMATCH, [&] { session.run(); }),
            "input 1 'past': dimension 2 is 5, expected 6 (N + P)");
  session.bindInput(1, x.data(), {2, 2, 6});
  session.prepare();
  EXPECT_EQ(session.output(0).dims, std::vector<int64_t>{12});
  // The same symbols, found among the kept bindings, and a wrong size.
  session.bindInput(1, x.data(), {2, 2, 7});
  EXPECT_EQ(errorOf(DLRT_MISMATCH, [&] { session.prepare(); }),
            "input 1 'past': dimension 2 is 7, expected 6 (N + P)");
  EXPECT_EQ(errorOf(DLRT_NOT_BOUND, [&] { session.output(0); }),
            "the session has not been prepared");
}

TEST(Binding, ZeroSizesNeedNoMemory) {
  ModuleBuilder builder;
  buildRelated(builder);
  Module module = open(builder);
  Session session(module);
  float x = 0;
  session.bindInput(0, &x, {1});
  session.bindInput(1, static_cast<float *>(nullptr), {2, 0, 1});
  session.prepare();
  EXPECT_EQ(session.output(0).dims, std::vector<int64_t>{3});
}

TEST(Binding, ChecksAreReportedWithTheirMessage) {
  ModuleBuilder builder;
  buildDouble(builder);
  int limit = builder.constant(8), even = builder.constant(2);
  int rest = builder.expr(fb::ExprOp_Mod, 0, even);
  builder.check(fb::Relation_LessEqual, 0, limit, "N is at most 8");
  builder.check(fb::Relation_Equal, rest, builder.constant(0), "N is even");
  Module module = open(builder);
  Session session(module);
  std::vector<float> x(100);
  session.bindInput(0, x.data(), {10});
  EXPECT_EQ(errorOf(DLRT_MISMATCH, [&] { session.run(); }),
            "these input shapes do not fit: N is at most 8 (10 and 8)");
  session.bindInput(0, x.data(), {7});
  EXPECT_EQ(errorOf(DLRT_MISMATCH, [&] { session.run(); }),
            "these input shapes do not fit: N is even (1 and 0)");
  session.bindInput(0, x.data(), {8});
  session.run();
}

TEST(Binding, RefusesSizesThatOverflow) {
  ModuleBuilder builder;
  buildDouble(builder);
  int square = builder.mul(0, 0);
  builder.output("z", fb::ElementType_F32, {builder.mul(square, square)});
  Module module = open(builder);
  Session session(module);
  float x = 0;
  int64_t huge = int64_t(1) << 40;
  session.bindInput(0, &x, {huge});
  EXPECT_EQ(errorOf(DLRT_MISMATCH, [&] { session.prepare(); }),
            "these input shapes are out of range: N * N overflows or divides "
            "by zero");
  EXPECT_NE(errorOf(DLRT_INVALID_ARGUMENT,
                    [&] { session.bindInput(0, &x, {INT64_MAX}); }),
            "");
}

TEST(Binding, RefusesNegativeOutputs) {
  ModuleBuilder builder;
  buildDouble(builder);
  builder.output("z", fb::ElementType_F32,
                 {builder.expr(fb::ExprOp_Sub, 0, builder.constant(4))});
  Module module = open(builder);
  Session session(module);
  std::vector<float> x(8);
  session.bindInput(0, x.data(), {3});
  EXPECT_EQ(errorOf(DLRT_MISMATCH, [&] { session.prepare(); }),
            "output 1 'z': has no possible size for these input shapes");
  session.bindInput(0, x.data(), {5});
  session.prepare();
}

TEST(Binding, FindsValuesByName) {
  ModuleBuilder builder;
  buildRelated(builder);
  Module module = open(builder);
  Session session(module);
  EXPECT_EQ(session.findInput("past"), 1u);
  EXPECT_EQ(session.findOutput("y"), 0u);
  EXPECT_EQ(errorOf(DLRT_NOT_FOUND, [&] { session.findInput("y"); }),
            "the entry has no input 'y'");
  EXPECT_EQ(module.findEntry("main"), 0u);
  EXPECT_EQ(errorOf(DLRT_NOT_FOUND, [&] { module.findEntry("step"); }),
            "<memory>: the module has no entry 'step', only 'main'");
}

TEST(Binding, SignatureAsTextAndNumbers) {
  ModuleBuilder builder;
  buildRelated(builder);
  Module module = open(builder);
  std::vector<dl::runtime::Value> inputs = module.inputs();
  ASSERT_EQ(inputs.size(), 2u);
  EXPECT_EQ(inputs[1].name, "past");
  EXPECT_EQ(inputs[1].type, DLRT_FLOAT32);
  EXPECT_EQ(inputs[1].sizes, (std::vector<int64_t>{2, -1, -1}));
  EXPECT_EQ(inputs[1].dims, (std::vector<std::string>{"2", "P", "N + P"}));
  EXPECT_EQ(module.outputs()[0].dims[0], "N * 3");
  EXPECT_EQ(dlrt_module_symbol_count(module.get(), 0), 2u);
  EXPECT_EQ(module.targets(0), std::vector<std::string>{"cpu"});
}

TEST(Binding, ManyShapesOneAfterAnother) {
  ModuleBuilder builder;
  buildDouble(builder);
  Module module = open(builder);
  Session session(module);
  std::vector<float> x = iota(64);
  for (int round = 0; round < 3; ++round)
    for (int64_t n = 1; n < 20; ++n) {
      session.bindInput(0, x.data(), {n});
      session.run();
      ASSERT_EQ(result<float>(session).size(), size_t(n));
      ASSERT_EQ(result<float>(session)[size_t(n) - 1], 2 * float(n - 1));
    }
}

} // namespace
