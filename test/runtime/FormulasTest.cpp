// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/session/Formulas.h"
#include "runtime/artifact/Artifact.h"
#include "test/runtime/Testing.h"

#include <climits>

using namespace dltest;
using namespace dlrt;

namespace {

/// Evaluates one operator on two numbers.
Status evaluate(ExprOp op, int64_t a, int64_t b, int64_t &result) {
  ModuleBuilder builder;
  builder.expr(op, builder.constant(a), builder.constant(b));
  builder.finish();
  std::unique_ptr<Artifact> artifact;
  Status status =
      Artifact::openMemory(builder.data(), builder.size(), artifact);
  EXPECT_TRUE(status.ok()) << status.message();
  int64_t values[3] = {};
  status =
      evaluateFormulas(*artifact->header().entries()->Get(0), nullptr, values);
  result = values[2];
  return status;
}

int64_t value(ExprOp op, int64_t a, int64_t b) {
  int64_t result = 0;
  Status status = evaluate(op, a, b, result);
  EXPECT_TRUE(status.ok()) << status.message();
  return result;
}

std::string failure(ExprOp op, int64_t a, int64_t b) {
  int64_t result = 0;
  Status status = evaluate(op, a, b, result);
  EXPECT_EQ(status.code(), Code::Mismatch);
  return status.message();
}

TEST(Formulas, Arithmetic) {
  EXPECT_EQ(value(fb::ExprOp_Add, 3, -5), -2);
  EXPECT_EQ(value(fb::ExprOp_Sub, 3, -5), 8);
  EXPECT_EQ(value(fb::ExprOp_Mul, 3, -5), -15);
  EXPECT_EQ(value(fb::ExprOp_Min, 3, -5), -5);
  EXPECT_EQ(value(fb::ExprOp_Max, 3, -5), 3);
}

TEST(Formulas, DivisionRoundsAsNamed) {
  struct {
    int64_t a, b, floor, ceil, mod;
  } rows[] = {{7, 2, 3, 4, 1},   {-7, 2, -4, -3, 1},
              {6, 2, 3, 3, 0},   {-6, 2, -3, -3, 0},
              {0, 5, 0, 0, 0},   {1, 5, 0, 1, 1},
              {-1, 5, -1, 0, 4}, {INT64_MIN, 1, INT64_MIN, INT64_MIN, 0}};
  for (const auto &row : rows) {
    EXPECT_EQ(value(fb::ExprOp_FloorDiv, row.a, row.b), row.floor);
    EXPECT_EQ(value(fb::ExprOp_CeilDiv, row.a, row.b), row.ceil);
    EXPECT_EQ(value(fb::ExprOp_Mod, row.a, row.b), row.mod);
  }
}

TEST(Formulas, RefusesDivisionByZeroAndOverflow) {
  EXPECT_EQ(failure(fb::ExprOp_FloorDiv, 1, 0),
            "these input shapes are out of range: 1 floordiv 0 overflows or "
            "divides by zero");
  failure(fb::ExprOp_CeilDiv, 1, -1);
  failure(fb::ExprOp_Mod, 1, 0);
  failure(fb::ExprOp_Add, INT64_MAX, 1);
  failure(fb::ExprOp_Sub, INT64_MIN, 1);
  failure(fb::ExprOp_Mul, INT64_MAX / 2, 3);
  failure(fb::ExprOp_Mul, INT64_MIN, -1);
}

TEST(Formulas, TextHasNamesAndParentheses) {
  ModuleBuilder builder;
  int n = builder.symbol("N", 0, 0), one = builder.constant(1);
  builder.input("x", fb::ElementType_F32, {n});
  int sum = builder.add(n, one);
  int twice = builder.mul(builder.constant(2), sum);
  int floor = builder.expr(fb::ExprOp_FloorDiv, twice, n);
  int mod = builder.expr(fb::ExprOp_Mod, floor, n);
  int minus = builder.expr(fb::ExprOp_Sub, n, sum);
  int low = builder.expr(fb::ExprOp_Min, minus, twice);
  builder.finish();
  std::unique_ptr<Artifact> artifact;
  ASSERT_TRUE(
      Artifact::openMemory(builder.data(), builder.size(), artifact).ok());
  const fb::Entry &entry = *artifact->header().entries()->Get(0);
  EXPECT_EQ(formulaText(entry, twice), "2 * (N + 1)");
  EXPECT_EQ(formulaText(entry, floor), "(2 * (N + 1)) floordiv N");
  EXPECT_EQ(formulaText(entry, mod), "((2 * (N + 1)) floordiv N) mod N");
  EXPECT_EQ(formulaText(entry, minus), "N - (N + 1)");
  EXPECT_EQ(formulaText(entry, low), "min(N - (N + 1), 2 * (N + 1))");
  int64_t size = 0;
  EXPECT_FALSE(isConstantFormula(entry, n, size));
  EXPECT_TRUE(isConstantFormula(entry, one, size));
  EXPECT_EQ(size, 1);
}

/// The text of a formula, in the module that is finished with it.
std::string getText(ModuleBuilder &builder, int formula) {
  builder.finish();
  std::unique_ptr<Artifact> artifact;
  EXPECT_TRUE(
      Artifact::openMemory(builder.data(), builder.size(), artifact).ok());
  return artifact ? formulaText(*artifact->header().entries()->Get(0), formula)
                  : std::string();
}

TEST(Formulas, TextOfSharedOperandsStaysShort) {
  ModuleBuilder builder;
  int formula = builder.symbol("N", 0, 0);
  builder.input("x", fb::ElementType_F32, {formula});
  for (int i = 0; i < 1000; ++i)
    formula = builder.add(formula, formula);
  std::string text = getText(builder, formula);
  EXPECT_LE(text.size(), 203u);
  EXPECT_EQ(text.substr(text.size() - 3), "...");
}

TEST(Formulas, TextOfManyFormulasInOneAnotherStaysShort) {
  ModuleBuilder builder;
  int formula = builder.symbol("N", 0, 0), one = builder.constant(1);
  builder.input("x", fb::ElementType_F32, {formula});
  for (int i = 0; i < 200000; ++i)
    formula = builder.add(formula, one);
  std::string text = getText(builder, formula);
  EXPECT_LE(text.size(), 203u);
  EXPECT_EQ(text.substr(0, 6), ".. + 1");
}

} // namespace
