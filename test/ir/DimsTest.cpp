// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/Dims.h"
#include "ir/reference/Interpreter.h"
#include "mlir/IR/MLIRContext.h"
#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace mlir::dl;

namespace {

class DimsTest : public ::testing::Test {
protected:
  AffineExpr constant(int64_t value) {
    return getAffineConstantExpr(value, &context);
  }

  /// An expression that MLIR has not simplified: terms in any order.
  AffineExpr random(std::mt19937 &engine, int depth) {
    auto pick = [&](int count) {
      return static_cast<int>(engine() % static_cast<unsigned>(count));
    };
    if (depth == 0 || pick(5) == 0)
      return pick(3) ? getAffineSymbolExpr(pick(3), &context)
                     : constant(pick(9) - 4);
    AffineExpr a = random(engine, depth - 1), b = random(engine, depth - 1);
    switch (pick(6)) {
    case 0:
      return a + b;
    case 1:
      return a - b;
    case 2:
      return a * b;
    case 3:
      return a.floorDiv(pick(5) + 1);
    case 4:
      return a.ceilDiv(pick(5) + 1);
    default:
      return a % (pick(5) + 1);
    }
  }

  MLIRContext context;
  AffineExpr a = getAffineSymbolExpr(0, &context);
  AffineExpr b = getAffineSymbolExpr(1, &context);
  AffineExpr c = getAffineSymbolExpr(2, &context);
};

TEST_F(DimsTest, MultipliesOut) {
  EXPECT_EQ(simplify((a + 1) * (b + 2)), simplify(a * b + a * 2 + b + 2));
  EXPECT_EQ(simplify((a + b) * (a - b)), simplify(a * a - b * b));
  EXPECT_EQ(simplify((a + b) - b), a);
  EXPECT_EQ(simplify(a * b - b * a), constant(0));
}

TEST_F(DimsTest, DoesNotDependOnOrder) {
  EXPECT_EQ(simplify(c + a + b), simplify(b + c + a));
  EXPECT_EQ(simplify(a.floorDiv(3) + b.floorDiv(2)),
            simplify(b.floorDiv(2) + a.floorDiv(3)));
  EXPECT_EQ(simplify(b.floorDiv(2) * a + (a % 3) * c),
            simplify(c * (a % 3) + a * b.floorDiv(2)));
  EXPECT_EQ(simplify(a * b * c), simplify(c * b * a));
}

TEST_F(DimsTest, DividesExactly) {
  EXPECT_EQ(simplify((a * 6).floorDiv(3)), simplify(a * 2));
  EXPECT_EQ(simplify((a * b).floorDiv(b)), a);
  EXPECT_EQ(simplify((a * b * 4).floorDiv(b * 2)), simplify(a * 2));
  EXPECT_EQ(simplify((a * b) % b), constant(0));
  // Not exact: the quotient stays.
  EXPECT_NE(simplify((a * b + 1).floorDiv(b)), a);
  EXPECT_NE(simplify((a * 3).floorDiv(2)), a);
}

TEST_F(DimsTest, TakesMultiplesOutOfDivisions) {
  // A convolution's size, with stride 2: equal however it was padded.
  EXPECT_EQ(simplify((a - 1).floorDiv(2) + 1), simplify((a + 1).floorDiv(2)));
  EXPECT_EQ(simplify((a * 4 + b + 5).floorDiv(4)),
            simplify(a + (b + 1).floorDiv(4) + 1));
  EXPECT_EQ(simplify((a * 4 + b + 5) % 4), simplify((b + 1) % 4));
  EXPECT_EQ(simplify(a.ceilDiv(4)), simplify((a + 3).floorDiv(4)));
  EXPECT_EQ(simplify((a * 2 + 1).floorDiv(4)), simplify(a.floorDiv(2)));
  // Two after each other.
  EXPECT_EQ(simplify((a + 1).floorDiv(2).floorDiv(2)),
            simplify((a + 1).floorDiv(4)));
  EXPECT_EQ(simplify(((a + 1).floorDiv(2) + 1).floorDiv(2)),
            simplify((a + 3).floorDiv(4)));
}

TEST_F(DimsTest, KeepsTheValue) {
  std::mt19937 engine(1);
  for (int i = 0; i < 20000; ++i) {
    AffineExpr expr = random(engine, 4), simple = simplify(expr);
    EXPECT_EQ(simplify(simple), simple);
    for (int j = 0; j < 5; ++j) {
      SmallVector<int64_t> symbols;
      for (int k = 0; k < 3; ++k)
        symbols.push_back(engine() % 12);
      auto before = reference::evaluate(expr, symbols);
      auto after = reference::evaluate(simple, symbols);
      ASSERT_TRUE(before && after);
      ASSERT_EQ(*before, *after);
    }
  }
}

TEST_F(DimsTest, LeavesWhatOverflows) {
  AffineExpr large = (a * (int64_t(1) << 40)) * ((b + 1) * (int64_t(1) << 40));
  EXPECT_EQ(simplify(large), large);
  EXPECT_FALSE(reference::evaluate(large, {1, 1}));
  EXPECT_FALSE(provablyLessEqual(large, a));
  EXPECT_FALSE(reference::evaluate(a + b, {INT64_MAX, 1}));
}

TEST_F(DimsTest, ProvesOnlyWhatHolds) {
  EXPECT_TRUE(provablyLessEqual(a, a + b));
  EXPECT_TRUE(provablyLessEqual(constant(0), a * b));
  EXPECT_TRUE(provablyLessEqual(constant(1), a + 1));
  EXPECT_TRUE(provablyLessEqual(constant(0), (a - 1).floorDiv(2) + 1));
  EXPECT_FALSE(provablyLessEqual(constant(1), a));
  EXPECT_FALSE(provablyLessEqual(a, b));
  EXPECT_FALSE(provablyLessEqual(a + 1, a));
  EXPECT_FALSE(provablyLessEqual(AffineExpr(), a));
  EXPECT_TRUE(provablyEqual(a + b, b + a));
  EXPECT_FALSE(provablyEqual(a, b));
  std::mt19937 engine(2);
  for (int i = 0; i < 20000; ++i) {
    AffineExpr x = random(engine, 3), y = random(engine, 3);
    if (!provablyLessEqual(x, y))
      continue;
    for (int j = 0; j < 5; ++j) {
      SmallVector<int64_t> symbols;
      for (int k = 0; k < 3; ++k)
        symbols.push_back(engine() % 12);
      ASSERT_LE(*reference::evaluate(x, symbols),
                *reference::evaluate(y, symbols));
    }
  }
}

TEST_F(DimsTest, BroadcastsAsNumpyDoes) {
  EXPECT_EQ(broadcastDim(constant(1), a), a);
  EXPECT_EQ(broadcastDim(a, constant(1)), a);
  EXPECT_EQ(broadcastDim(a, constant(4)), constant(4));
  EXPECT_EQ(broadcastDim(constant(4), constant(4)), constant(4));
  EXPECT_FALSE(broadcastDim(constant(4), constant(3)));
  SmallVector<SmallVector<AffineExpr>> shapes = {{a, constant(1)},
                                                 {constant(3)}};
  auto dims = broadcastDims(shapes);
  ASSERT_TRUE(succeeded(dims));
  EXPECT_EQ((*dims)[0], a);
  EXPECT_EQ((*dims)[1], constant(3));
}

TEST_F(DimsTest, MakesTypesOfDimensions) {
  context.loadDialect<DlDialect>();
  Type f32 = Float32Type::get(&context);
  RankedTensorType type = getTensorType({a + b - b, constant(4)}, f32);
  EXPECT_TRUE(type.isDynamicDim(0));
  EXPECT_EQ(type.getDimSize(1), 4);
  EXPECT_EQ(getDim(type, 0), a);
  EXPECT_EQ(getNumElements(type), simplify(a * 4));
  EXPECT_FALSE(getTensorType({constant(2)}, f32).getEncoding());
  // The same dimensions make the same type.
  EXPECT_EQ(getTensorType({a + b}, f32), getTensorType({b + a}, f32));
}

} // namespace
