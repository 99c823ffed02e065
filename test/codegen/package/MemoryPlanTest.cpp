// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/MemoryPlan.h"
#include <gtest/gtest.h>
#include <random>

using namespace dl::package;

static int64_t evaluate(const Formulas &formulas, FormulaId id,
                        const std::vector<int64_t> &symbols) {
  return formulas.evaluate(symbols).value()[id];
}

TEST(MemoryPlan, NothingNeedsNothing) {
  Formulas f;
  MemoryPlan plan = planMemory(f, {});
  EXPECT_EQ(f.getConstant(plan.arenaSize), 0);
}

TEST(MemoryPlan, StaticChainTakesTwoBuffers) {
  Formulas f;
  std::vector<PlanItem> items;
  items.reserve(10);
  for (int i = 0; i < 10; ++i)
    items.push_back({i, i + 1, f.constant(1000)});
  MemoryPlan plan = planMemory(f, items);
  EXPECT_EQ(f.getConstant(plan.arenaSize), 2048);
  for (FormulaId offset : plan.offsets)
    EXPECT_TRUE(f.getConstant(offset));
}

TEST(MemoryPlan, SmallBuffersFillGaps) {
  Formulas f;
  // A large one, then small ones while a middle one stays.
  std::vector<PlanItem> items = {{0, 1, f.constant(640)},
                                 {1, 5, f.constant(128)},
                                 {2, 3, f.constant(320)},
                                 {2, 4, f.constant(320)},
                                 {4, 5, f.constant(256)}};
  MemoryPlan plan = planMemory(f, items);
  EXPECT_EQ(f.getConstant(plan.arenaSize), 768);
}

TEST(MemoryPlan, SymbolicChainTakesTwoBuffers) {
  Formulas f;
  FormulaId n = f.symbol(0);
  std::vector<PlanItem> items;
  items.reserve(10);
  for (int i = 0; i < 10; ++i)
    items.push_back({i, i + 1, f.scale(n, 3072)});
  MemoryPlan plan = planMemory(f, items);
  EXPECT_EQ(f.print(plan.arenaSize), "s0*6144");
}

TEST(MemoryPlan, MixedSizesShareMemory) {
  Formulas f;
  FormulaId n = f.symbol(0), m = f.symbol(1);
  std::vector<PlanItem> items = {{0, 1, f.scale(n, 3072)},
                                 {1, 2, f.constant(1 << 20)},
                                 {2, 3, f.scale(f.mul(n, m), 48)},
                                 {3, 4, f.scale(m, 4)},
                                 {0, 4, f.constant(100)}};
  MemoryPlan plan = planMemory(f, items);
  std::string error;
  for (int64_t a : {0, 1, 7, 300})
    for (int64_t b : {0, 1, 13, 500})
      ASSERT_TRUE(verifyMemoryPlan(f, items, plan, {a, b}, error)) << error;
  // Never all at once.
  EXPECT_LT(evaluate(f, plan.arenaSize, {300, 300}),
            evaluate(f, f.scale(n, 3072), {300, 300}) + (1 << 20) +
                300 * 300 * 48);
}

// Random lifetimes and sizes, static and symbolic, against the verifier for
// random values of the symbols.
TEST(MemoryPlan, RandomItemsNeverOverlap) {
  double worst = 0, sum = 0;
  int plans = 0;
  for (unsigned round = 0; round < 400; ++round) {
    std::mt19937 random(round);
    Formulas f;
    std::vector<FormulaId> symbols{f.symbol(0), f.symbol(1), f.symbol(2)};
    bool symbolic = round % 2;
    int count = 1 + random() % 60, steps = 1 + random() % 50;
    std::vector<PlanItem> items;
    for (int i = 0; i < count; ++i) {
      int64_t first = random() % steps;
      int64_t last = std::min<int64_t>(steps, first + random() % 8);
      FormulaId size = f.constant(random() % 5000);
      if (symbolic && random() % 4) {
        size = f.scale(symbols[random() % 3], 4 * (1 + random() % 800));
        if (random() % 3 == 0)
          size = f.mul(size, symbols[random() % 3]);
        if (random() % 4 == 0)
          size = f.add(size, f.scale(symbols[random() % 3], 12));
      }
      items.push_back({first, last, size});
    }
    MemoryPlan plan = planMemory(f, items);
    for (int binding = 0; binding < 20; ++binding) {
      std::vector<int64_t> values(3);
      for (int64_t &value : values)
        value = random() % (binding < 5 ? 3 : 600);
      std::string error;
      ASSERT_TRUE(verifyMemoryPlan(f, items, plan, values, error)) << error;
      auto all = f.evaluate(values).value();
      int64_t least = std::max<int64_t>(1, getPeakUse(items, all));
      double ratio = static_cast<double>(all[plan.arenaSize]) / least;
      if (!symbolic) {
        worst = std::max(worst, ratio);
        sum += ratio;
        ++plans;
      }
    }
  }
  RecordProperty("static_worst_to_lower_bound", std::to_string(worst));
  EXPECT_LT(worst, 1.35);
  EXPECT_LT(sum / plans, 1.03);
}

TEST(MemoryPlan, VerifierFindsOverlap) {
  Formulas f;
  std::vector<PlanItem> items = {{0, 1, f.constant(64)},
                                 {1, 2, f.constant(64)}};
  MemoryPlan plan{{f.constant(0), f.constant(0)}, f.constant(128)};
  std::string error;
  EXPECT_FALSE(verifyMemoryPlan(f, items, plan, {}, error));
  EXPECT_EQ(error, "items 0 and 1 overlap");
  plan.offsets[1] = f.constant(32);
  EXPECT_FALSE(verifyMemoryPlan(f, items, plan, {}, error));
  plan.offsets[1] = f.constant(128);
  EXPECT_FALSE(verifyMemoryPlan(f, items, plan, {}, error));
  EXPECT_EQ(error, "item 1 at 128 is not aligned or leaves the arena");
}

TEST(MemoryPlan, ManyItemsTakeLittleTime) {
  // As a training step: forward values stay until the backward pass.
  Formulas f;
  constexpr int kLayers = 1500;
  std::vector<PlanItem> items;
  items.reserve(kLayers);
  for (int i = 0; i < kLayers; ++i)
    items.push_back({i, 2 * kLayers - i, f.constant(64 * (1 + i % 7))});
  MemoryPlan plan = planMemory(f, items);
  std::string error;
  EXPECT_TRUE(verifyMemoryPlan(f, items, plan, {}, error)) << error;
}
