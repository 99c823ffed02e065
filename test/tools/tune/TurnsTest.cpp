// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/tune/Turns.h"
#include "gtest/gtest.h"
#include <random>

namespace dl::tools {
namespace {

constexpr double kShare = 0.95;

Turns repeat(double first, double second, int count) {
  Turns turns;
  for (int i = 0; i < count; ++i)
    turns.add(first * (1 + 0.002 * (i % 5)), second * (1 + 0.003 * (i % 3)));
  return turns;
}

TEST(TurnsTest, QuietTimesDecide) {
  EXPECT_EQ(judge(repeat(0.24, 0.08, 8), kShare), Verdict::Less);
  EXPECT_EQ(judge(repeat(0.08, 0.08, 8), kShare), Verdict::NotLess);
  EXPECT_EQ(judge(repeat(0.08, 0.24, 8), kShare), Verdict::NotLess);
}

TEST(TurnsTest, FewTurnsDecideNothing) {
  EXPECT_EQ(judge(repeat(0.24, 0.08, 7), kShare), Verdict::Open);
  EXPECT_EQ(judge({}, kShare), Verdict::Open);
}

TEST(TurnsTest, NearTheShareMoreTurnsAreNeeded) {
  Turns turns;
  for (int i = 0; i < 8; ++i)
    turns.add(1 + 0.01 * i, 0.945 + 0.01 * i);
  EXPECT_EQ(judge(turns, kShare), Verdict::Open);
}

/// Turns that others have slowed down, but for a few.
TEST(TurnsTest, FewQuietTurnsAreEnoughForWhatIsFaster) {
  Turns turns = repeat(0.9, 0.7, 12);
  turns.second[3] = 0.081;
  turns.second[4] = 0.08;
  turns.second[9] = 0.082;
  turns.first[5] = 0.24;
  EXPECT_EQ(judge(turns, kShare), Verdict::Less);
}

/// The first had a quiet moment, the second had none: no time of it comes
/// again.
TEST(TurnsTest, OneQuietMomentDoesNotDecideAgainstTheOther) {
  Turns turns;
  const double first[] = {0.24, 0.25, 0.7, 0.9, 1.3, 0.8, 0.24, 1.1};
  const double second[] = {0.31, 0.5, 0.9, 0.42, 0.66, 0.37, 0.8, 0.53};
  for (int i = 0; i < 8; ++i)
    turns.add(first[i], second[i]);
  EXPECT_EQ(judge(turns, kShare), Verdict::Open);
}

/// The first turn finds a cold machine, the last a busy one.
TEST(TurnsTest, OutliersAreNoHindrance) {
  Turns turns = repeat(0.08, 0.09, 8);
  turns.first[0] = 3;
  turns.second[7] = 12;
  EXPECT_EQ(judge(turns, kShare), Verdict::NotLess);
}

/// A third of the time, and turns that others stretch up to tenfold: never is
/// the slower one taken for the faster one.
TEST(TurnsTest, DisturbedTurnsDoNotMislead) {
  int wrong = 0, right = 0;
  constexpr int kContests = 2000;
  for (int seed = 0; seed < kContests; ++seed) {
    std::mt19937 generator(seed); // NOLINT(bugprone-random-generator-seed)
    std::uniform_real_distribution<double> stretch(1, 10);
    Turns turns;
    for (int i = 0; i < 32 && judge(turns, kShare) == Verdict::Open; ++i)
      turns.add(0.24 * stretch(generator), 0.08 * stretch(generator));
    wrong += judge(turns, kShare) == Verdict::NotLess;
    right += judge(turns, kShare) == Verdict::Less;
  }
  EXPECT_LE(wrong, kContests / 1000);
  EXPECT_GE(right, kContests / 2);
}

} // namespace
} // namespace dl::tools
