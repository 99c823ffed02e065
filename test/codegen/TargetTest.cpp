// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/Target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace dl::cpu;
using testing::HasSubstr;

TEST(TargetTest, KnowsLevels) {
  std::string error;
  auto v3 = parseTarget("x86-64-v3", error);
  ASSERT_TRUE(v3);
  EXPECT_TRUE(v3->has("avx2"));
  EXPECT_TRUE(v3->has("fma"));
  EXPECT_FALSE(v3->has("avx512f"));
  EXPECT_EQ(v3->vectorBits(), 256u);
  auto v4 = parseTarget("x86-64-v4", error);
  ASSERT_TRUE(v4);
  EXPECT_TRUE(v4->has("avx512vl"));
  EXPECT_FALSE(v4->has("avx512vnni"));
  EXPECT_EQ(v4->vectorBits(), 512u);
  auto zen = parseTarget("znver4", error);
  ASSERT_TRUE(zen);
  EXPECT_TRUE(zen->has("avx512bf16"));
  EXPECT_TRUE(std::is_sorted(zen->features.begin(), zen->features.end()));
  auto old = parseTarget("x86-64", error);
  ASSERT_TRUE(old);
  EXPECT_EQ(old->featureString(), "");
  EXPECT_EQ(old->vectorBits(), 128u);
}

TEST(TargetTest, NamesKnownCpus) {
  std::string error;
  EXPECT_FALSE(parseTarget("pentium", error));
  EXPECT_THAT(error, HasSubstr("unknown CPU 'pentium'; known are native"));
  EXPECT_THAT(error, HasSubstr("x86-64-v3"));
  EXPECT_THAT(error, HasSubstr("znver4"));
}

TEST(TargetTest, ParsesLists) {
  std::string error;
  auto targets = parseTargets("native,x86-64-v3", error);
  ASSERT_TRUE(targets);
  ASSERT_EQ(targets->size(), 2u);
  EXPECT_EQ((*targets)[1].cpu, "x86-64-v3");
  EXPECT_FALSE(parseTargets("x86-64-v3,", error));
  EXPECT_THAT(error, HasSubstr("unknown CPU ''"));
}
