// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/Formulas.h"
#include <gtest/gtest.h>
#include <random>

using namespace dl::package;

TEST(Formulas, FoldsConstantsAndSharesEqualOnes) {
  Formulas f;
  FormulaId n = f.symbol(0), m = f.symbol(1);
  EXPECT_EQ(f.symbol(0), n);
  EXPECT_EQ(f.getConstant(f.add(f.constant(2), f.constant(3))), 5);
  EXPECT_EQ(f.getConstant(f.mul(f.constant(2), f.constant(3))), 6);
  EXPECT_EQ(f.getConstant(f.floorDiv(f.constant(-7), f.constant(2))), -4);
  EXPECT_EQ(f.getConstant(f.ceilDiv(f.constant(-7), f.constant(2))), -3);
  EXPECT_EQ(f.getConstant(f.mod(f.constant(-7), f.constant(2))), 1);
  EXPECT_EQ(f.add(n, m), f.add(m, n));
  EXPECT_EQ(f.mul(n, m), f.mul(m, n));
  EXPECT_EQ(f.add(n, f.constant(0)), n);
  EXPECT_EQ(f.scale(n, 1), n);
  EXPECT_EQ(f.getConstant(f.scale(n, 0)), 0);
  EXPECT_EQ(f.getConstant(f.sub(n, n)), 0);
  EXPECT_EQ(f.add(f.add(n, f.constant(3)), f.constant(-3)), n);
}

TEST(Formulas, PullsFactorsOut) {
  Formulas f;
  FormulaId n = f.symbol(0), m = f.symbol(1);
  EXPECT_EQ(f.print(f.mul(f.scale(n, 4), f.scale(m, 8))), "s0*s1*32");
  FormulaId a = f.scale(n, 256), b = f.scale(m, 384);
  EXPECT_EQ(f.print(f.add(a, b)), "(s1*3 + s0*2)*128");
  EXPECT_EQ(f.add(a, b), f.add(b, a));
  EXPECT_EQ(f.print(f.add(f.scale(n, 4), f.constant(8))), "(s0 + 2)*4");
  EXPECT_EQ(f.floorDiv(f.scale(n, 64), f.constant(32)), f.scale(n, 2));
  EXPECT_EQ(f.getConstant(f.mod(f.scale(n, 64), f.constant(32))), 0);
}

TEST(Formulas, RoundsUpOnlyWhereItMatters) {
  Formulas f;
  FormulaId n = f.symbol(0);
  EXPECT_EQ(f.roundUp(f.scale(n, 128), 64), f.scale(n, 128));
  EXPECT_EQ(f.print(f.roundUp(f.scale(n, 4), 64)), "(s0*4 ceildiv 64)*64");
  EXPECT_EQ(f.getConstant(f.roundUp(f.constant(65), 64)), 128);
  EXPECT_TRUE(f.isMultipleOf(f.scale(f.scale(n, 16), 4), 64));
  EXPECT_FALSE(f.isMultipleOf(f.scale(n, 32), 64));
}

TEST(Formulas, TakesTheLargerOfSizes) {
  Formulas f;
  FormulaId n = f.symbol(0), m = f.symbol(1);
  EXPECT_EQ(f.maxSize(f.scale(n, 4), f.scale(n, 8)), f.scale(n, 8));
  EXPECT_EQ(f.maxSize(f.constant(0), n), n);
  EXPECT_EQ(f.getConstant(f.maxSize(f.constant(3), f.constant(7))), 7);
  EXPECT_EQ(f.print(f.maxSize(n, m)), "max(s0, s1)");
}

TEST(Formulas, TakesTheSmallerOfSizes) {
  Formulas f;
  FormulaId n = f.symbol(0), m = f.symbol(1);
  EXPECT_EQ(f.minSize(f.scale(n, 4), f.scale(n, 8)), f.scale(n, 4));
  EXPECT_EQ(f.getConstant(f.minSize(f.constant(3), f.constant(7))), 3);
  EXPECT_EQ(f.minSize(n, n), n);
  EXPECT_EQ(f.print(f.minSize(n, m)), "min(s0, s1)");
}

TEST(Formulas, DoesNotFoldWhatOverflows) {
  Formulas f;
  FormulaId big = f.constant(int64_t(1) << 62);
  FormulaId product = f.mul(big, f.constant(4));
  EXPECT_FALSE(f.getConstant(product));
  EXPECT_FALSE(f.evaluate({}));
  Formulas g;
  g.floorDiv(g.symbol(0), g.symbol(1));
  EXPECT_TRUE(g.evaluate({7, 2}));
  EXPECT_FALSE(g.evaluate({7, 0}));
}

// Random formulas, evaluated beside a direct computation.
TEST(Formulas, KeepTheirValue) {
  for (unsigned round = 0; round < 2000; ++round) {
    std::mt19937 random(round);
    Formulas f;
    std::vector<int64_t> symbols;
    std::vector<std::pair<FormulaId, int64_t>> pool;
    for (int i = 0; i < 3; ++i) {
      symbols.push_back(random() % 20);
      pool.push_back({f.symbol(i), symbols.back()});
    }
    for (int64_t value : {0, 1, 2, 3, 64, -1})
      pool.push_back({f.constant(value), value});
    for (int i = 0; i < 12; ++i) {
      auto [a, x] = pool[random() % pool.size()];
      auto [b, y] = pool[random() % pool.size()];
      if (std::abs(x) > 1000000 || std::abs(y) > 1000000)
        continue;
      int64_t divisor = 1 + random() % 9;
      int64_t floor = x / divisor - (x % divisor < 0);
      switch (random() % 6) {
      case 0:
        pool.push_back({f.add(a, b), x + y});
        break;
      case 1:
        pool.push_back({f.mul(a, b), x * y});
        break;
      case 2:
        pool.push_back({f.sub(a, b), x - y});
        break;
      case 3:
        pool.push_back({f.floorDiv(a, f.constant(divisor)), floor});
        break;
      case 4:
        pool.push_back({f.mod(a, f.constant(divisor)), x - floor * divisor});
        break;
      case 5:
        pool.push_back({f.ceilDiv(a, f.constant(divisor)),
                        floor + (x != floor * divisor)});
        break;
      }
    }
    auto values = f.evaluate(symbols);
    ASSERT_TRUE(values);
    for (auto [id, expected] : pool)
      ASSERT_EQ((*values)[id], expected) << f.print(id);
    for (size_t i = 0; i < f.size(); ++i)
      if (f[i].op >= FormulaOp::Add) {
        ASSERT_LT(f[i].a, static_cast<FormulaId>(i));
        ASSERT_LT(f[i].b, static_cast<FormulaId>(i));
      }
  }
}
