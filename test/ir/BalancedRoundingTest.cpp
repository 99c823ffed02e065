// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/BalancedRounding.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/bit.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>

using mlir::dl::roundBalanced;
using mlir::dl::StridedDim;

namespace {

float extend(uint16_t bits) {
  return llvm::bit_cast<float>(uint32_t(bits) << 16);
}

/// All values as one channel.
std::vector<float> round(const std::vector<float> &values) {
  std::vector<uint16_t> bits(values.size());
  roundBalanced(values.data(), bits.data(), {},
                {{static_cast<int64_t>(values.size()), 1}});
  std::vector<float> result(values.size());
  llvm::transform(bits, result.begin(), extend);
  return result;
}

float roundToNearest(float value) {
  return extend(mlir::dl::roundToBFloat16(llvm::bit_cast<uint32_t>(value)));
}

std::vector<float> draw(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float &value : values)
    value = normal(random);
  return values;
}

double sumErrors(const std::vector<float> &from, const std::vector<float> &to) {
  double sum = 0;
  for (size_t i = 0; i < from.size(); ++i)
    sum += static_cast<double>(to[i]) - from[i];
  return sum;
}

TEST(BalancedRounding, ErrorsCancel) {
  for (size_t count : {20, 64, 1000, 4608}) {
    std::vector<float> values = draw(count, count), result = round(values);
    double nearest = 0;
    size_t moved = 0;
    for (size_t i = 0; i < count; ++i) {
      float rounded = roundToNearest(values[i]);
      nearest += static_cast<double>(rounded) - values[i];
      moved += rounded != result[i];
      // A neighbour, if not the nearest one.
      float step = std::ldexp(1.0f, std::ilogb(values[i]) - 7);
      EXPECT_LT(std::fabs(result[i] - values[i]), step);
    }
    EXPECT_LE(std::fabs(sumErrors(values, result)),
              std::min(std::fabs(nearest), 0.5 * std::ldexp(1.0, -7)));
    EXPECT_LT(moved, count / 4);
  }
}

TEST(BalancedRounding, TheNearestToTheMiddleMove) {
  // Steps are of 1/128. Errors are -0.4, -0.3, -0.45 and -0.1 of one: their sum
  // calls for one step up.
  auto at = [](float fraction) { return 1 + fraction / 128; };
  EXPECT_EQ(round({at(0.4f), at(0.3f), at(0.45f), at(0.1f)}),
            (std::vector<float>{at(0), at(0), at(1), at(0)}));
  EXPECT_EQ(round({-at(0.4f), -at(0.3f), -at(0.45f), -at(0.1f)}),
            (std::vector<float>{-at(0), -at(0), -at(1), -at(0)}));
  // The other way, and one of a pair of equals: the first.
  EXPECT_EQ(round({at(0.6f), at(0.6f), at(0.9f)}),
            (std::vector<float>{at(0), at(1), at(1)}));
  // Toward and away from zero.
  EXPECT_EQ(round({at(0.4f), -at(0.6f)}), (std::vector<float>{at(1), -at(1)}));
}

TEST(BalancedRounding, ErrorsOfOneSign) {
  std::vector<float> values(1000, 1 + 0.25f / 128), result = round(values);
  EXPECT_NEAR(sumErrors(values, result), 0, 0.5 / 128);
  EXPECT_EQ(llvm::count(result, 1 + 1.0f / 128), 250);
}

TEST(BalancedRounding, NothingToDo) {
  EXPECT_EQ(round({}), std::vector<float>{});
  EXPECT_EQ(round({1 + 0.4f / 128}), std::vector<float>{1});
  EXPECT_EQ(round({1 + 0.6f / 128}), std::vector<float>{1 + 1.0f / 128});
  EXPECT_EQ(round({0, -0.0f, 1, -2, 0.5f}),
            (std::vector<float>{0, -0.0f, 1, -2, 0.5f}));
  EXPECT_TRUE(std::signbit(round({0, -0.0f})[1]));
}

TEST(BalancedRounding, NumbersWithoutNeighboursAreLeftAlone) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kMax = std::numeric_limits<float>::max();
  float largest = extend(0x7f7f), low = 1 + 0.4f / 128;
  std::vector<float> result =
      round({kInfinity, -kInfinity, std::nanf(""), kMax, -kMax, low, low, low});
  EXPECT_EQ(result[0], kInfinity);
  EXPECT_EQ(result[1], -kInfinity);
  EXPECT_TRUE(std::isnan(result[2]));
  EXPECT_EQ(result[3], kInfinity);
  EXPECT_EQ(result[4], -kInfinity);
  EXPECT_EQ(std::vector<float>(result.begin() + 5, result.end()),
            (std::vector<float>{1 + 1.0f / 128, 1, 1}));
  // Just above the largest number: the neighbour would be infinite.
  float above = llvm::bit_cast<float>(0x7f7f4000);
  EXPECT_EQ(round({above, above, above}),
            (std::vector<float>{largest, largest, largest}));
}

TEST(BalancedRounding, Denormals) {
  // Of the least magnitude in bf16, a quarter.
  float quarter = llvm::bit_cast<float>(0x00004000), one = extend(1);
  EXPECT_EQ(round({quarter, quarter, quarter, quarter}),
            (std::vector<float>{one, 0, 0, 0}));
  EXPECT_EQ(round({-quarter, -quarter, -quarter, -quarter}),
            (std::vector<float>{-one, -0.0f, -0.0f, -0.0f}));
}

/// The tensor [2, 5, 3, 40] in which dimensions 1 and 3 are summed, in this
/// order in memory.
std::vector<uint16_t> roundInOrder(const std::vector<float> &tensor,
                                   std::array<int, 4> order) {
  std::array<int64_t, 4> sizes{2, 5, 3, 40}, strides, from;
  int64_t stride = 1;
  for (int i = 3; i >= 0; stride *= sizes[order[i--]])
    strides[order[i]] = stride;
  std::vector<float> moved(tensor.size() + 1);
  // At an odd address.
  char *bytes = reinterpret_cast<char *>(moved.data()) + 1;
  auto forEach = [&](auto visit) {
    int64_t i = 0;
    for (from[0] = 0; from[0] < sizes[0]; ++from[0])
      for (from[1] = 0; from[1] < sizes[1]; ++from[1])
        for (from[2] = 0; from[2] < sizes[2]; ++from[2])
          for (from[3] = 0; from[3] < sizes[3]; ++from[3]) {
            int64_t at = 0;
            for (int d = 0; d < 4; ++d)
              at += from[d] * strides[d];
            visit(i++, at);
          }
  };
  forEach([&](int64_t i, int64_t at) {
    memcpy(bytes + at * sizeof(float), &tensor[i], sizeof(float));
  });
  std::vector<uint16_t> rounded(tensor.size()), result(tensor.size());
  auto dim = [&](int d) { return StridedDim{sizes[d], strides[d]}; };
  roundBalanced(bytes, rounded.data(), {dim(0), dim(2)}, {dim(1), dim(3)});
  forEach([&](int64_t i, int64_t at) { result[i] = rounded[at]; });
  return result;
}

TEST(BalancedRounding, OrderInMemoryDoesNotMatter) {
  std::vector<float> tensor = draw(2 * 5 * 3 * 40, 1);
  // Equal costs, which the order of `summed` decides between.
  for (size_t i = 0; i < 600; ++i)
    tensor[i] = 1 + 0.25f / 128;
  std::vector<uint16_t> expected = roundInOrder(tensor, {0, 1, 2, 3});
  std::array<int, 4> order{0, 1, 2, 3};
  do {
    EXPECT_EQ(roundInOrder(tensor, order), expected);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(BalancedRounding, ManyChannelsSideBySide) {
  // [7, 37]: more channels than are rounded at once, and a rest.
  std::vector<float> tensor = draw(7 * 37, 2);
  std::vector<uint16_t> result(tensor.size()), single(tensor.size());
  roundBalanced(tensor.data(), result.data(), {{37, 1}}, {{7, 37}});
  for (int64_t c = 0; c < 37; ++c)
    roundBalanced(tensor.data() + c, single.data() + c, {}, {{7, 37}});
  EXPECT_EQ(result, single);
  // Channels of one element.
  roundBalanced(tensor.data(), result.data(), {{7 * 37, 1}}, {});
  for (size_t i = 0; i < tensor.size(); ++i)
    EXPECT_EQ(extend(result[i]), roundToNearest(tensor[i]));
}

} // namespace
