// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is coded is decoded to the same bytes; anything else is refused.

#include "codegen/package/Coding.h"
#include "runtime/artifact/Coding.h"
#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace dl::package;

namespace {

using Bytes = std::vector<char>;

std::string decode(const Bytes &coded, unsigned width, Bytes &to) {
  dlrt::Status status = dlrt::decodeConstant(
      reinterpret_cast<const std::byte *>(coded.data()), coded.size(), width,
      reinterpret_cast<std::byte *>(to.data()), to.size(), "constant 0");
  return status.ok() ? "" : status.message();
}

/// The bytes of `count` elements, each made by `next`.
template <typename Next> auto make(size_t count, Next next) {
  Bytes bytes;
  for (size_t i = 0; i < count; ++i) {
    auto element = next();
    const char *begin = reinterpret_cast<const char *>(&element);
    bytes.insert(bytes.end(), begin, begin + sizeof(element));
  }
  return bytes;
}

/// Codes, decodes and compares; returns the coded bytes for each of the
/// elements' bytes.
double roundTrip(const Bytes &elements, unsigned width) {
  Bytes coded = codeConstant(elements, width), decoded(elements.size());
  EXPECT_EQ(decode(coded, width, decoded), "");
  EXPECT_TRUE(decoded == elements) << elements.size() << " bytes of " << width;
  return static_cast<double>(coded.size()) /
         static_cast<double>(elements.size());
}

class Coding : public testing::Test {
protected:
  Bytes normal(size_t count) {
    std::normal_distribution<float> distribution(0, 0.02f);
    return make(count, [&] { return distribution(random); });
  }

  /// Of `kinds` values.
  Bytes clustered(size_t count, unsigned kinds) {
    std::vector<float> values(kinds);
    std::normal_distribution<float> distribution(0, 0.02f);
    for (float &value : values)
      value = distribution(random);
    return make(count, [&] { return values[random() % kinds]; });
  }

  std::mt19937 random{1};
};

TEST_F(Coding, EverySizeAndWidth) {
  constexpr size_t kBlock = dlrt::kCodedBlock;
  for (unsigned width : {1U, 2U, 4U, 8U, 16U})
    for (size_t count : {size_t(1), size_t(3), size_t(257), kBlock - 1, kBlock,
                         kBlock + 1, 2 * kBlock + 77}) {
      // Random bytes, few of them, one, and none but at the end.
      for (unsigned kinds : {256U, 5U, 1U})
        roundTrip(make(count * width,
                       [&] { return static_cast<char>(random() % kinds); }),
                  width);
      Bytes last(count * width);
      last.back() = 1;
      roundTrip(last, width);
    }
  EXPECT_TRUE(codeConstant({}, 4).empty());
}

TEST_F(Coding, ShorterWhereThereIsLessToSay) {
  EXPECT_LT(roundTrip(normal(100000), 4), 0.85);
  Bytes halves = make(100000, [&] {
    std::normal_distribution<float> distribution(0, 0.02f);
    float value = distribution(random);
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    return static_cast<uint16_t>(bits >> 16); // bf16
  });
  EXPECT_LT(roundTrip(halves, 2), 0.70);
  // Four bits of 32, eight, and none.
  EXPECT_LT(roundTrip(clustered(100000, 16), 4), 0.130);
  EXPECT_LT(roundTrip(clustered(100000, 256), 4), 0.27);
  EXPECT_LT(roundTrip(clustered(100000, 1), 4), 0.001);
  // A palette of skewed numbers takes less than a number's bits.
  std::geometric_distribution<int> skewed(0.5);
  EXPECT_LT(roundTrip(make(100000, [&] { return float(skewed(random)); }), 4),
            0.07);
  // Nothing to gain costs a byte a block.
  Bytes noise = make(100000, [&] { return static_cast<char>(random()); });
  EXPECT_EQ(codeConstant(noise, 1).size(), noise.size() + 2);
}

TEST_F(Coding, WhatIsCutShortIsRefused) {
  for (const Bytes &elements : {normal(3000), clustered(3000, 16)}) {
    Bytes coded = codeConstant(elements, 4), decoded(elements.size());
    for (size_t size = 0; size < coded.size(); size += 1 + size / 64) {
      // In memory of its own, so that sanitizers see its end.
      std::string error =
          decode(Bytes(coded.begin(), coded.begin() + size), 4, decoded);
      EXPECT_NE(error.find("it ends too early"), std::string::npos) << error;
    }
    coded.push_back(0);
    EXPECT_EQ(decode(coded, 4, decoded),
              "constant 0 is damaged at byte " +
                  std::to_string(coded.size() - 1) +
                  " of its coded form: there is more than its elements");
  }
}

TEST_F(Coding, WhatIsDamagedNeverReachesBeyondItsMemory) {
  for (const Bytes &elements : {normal(3000), clustered(3000, 16)}) {
    Bytes coded = codeConstant(elements, 4);
    size_t refused = 0;
    constexpr size_t kTries = 2000;
    for (size_t i = 0; i < kTries; ++i) {
      Bytes damaged = coded, decoded(elements.size());
      damaged[random() % damaged.size()] ^=
          static_cast<char>(1 + random() % 255);
      refused += !decode(damaged, 4, decoded).empty();
    }
    // Mantissas that are stored as they are may be anything.
    EXPECT_GT(refused, kTries / 10);
  }
}

TEST_F(Coding, EachMistakeHasItsName) {
  Bytes four(4), two(2);
  std::string where = "constant 0 is damaged at byte 1 of its coded form: ";
  EXPECT_EQ(decode({7}, 4, four), where + "there is no such kind of block");
  EXPECT_EQ(decode({1, 9}, 1, two),
            "constant 0 is damaged at byte 2 of its coded form: there is no "
            "such kind of plane");
  EXPECT_EQ(decode({2, 0, 5, 5, 0, 0, 1}, 2, four),
            "constant 0 is damaged at byte 7 of its coded form: an element is "
            "beyond its palette");
  EXPECT_EQ(decode({0, 1, 2, 3}, 3, four),
            "constant 0 has no whole number of elements");
  // Frequencies of 1 and 4095, 1 and 4096, and 0.
  auto coded = [&](Bytes frequencies, Bytes rest) {
    Bytes bytes{1, 2, 3};
    bytes.resize(2 + 32);
    bytes.insert(bytes.end(), frequencies.begin(), frequencies.end());
    bytes.insert(bytes.end(), rest.begin(), rest.end());
    return decode(bytes, 1, two);
  };
  auto endsWith = [](const std::string &text, const std::string &end) {
    return text.size() > end.size() &&
           text.substr(text.size() - end.size()) == end;
  };
  char high = static_cast<char>(0x80), all = static_cast<char>(0xff);
  EXPECT_TRUE(
      endsWith(coded({1, high, 32}, {}), "its frequencies do not add up"));
  EXPECT_TRUE(
      endsWith(coded({0, all, 31}, {}), "its frequencies do not add up"));
  EXPECT_TRUE(endsWith(coded({1, 5, 0}, {}), "its frequencies do not add up"));
  EXPECT_TRUE(
      endsWith(coded({1, all, 31}, Bytes(16)), "a coder's state is too small"));
  EXPECT_TRUE(endsWith(coded({1, all, 31}, Bytes(16, 2)),
                       "its symbols end in a wrong state"));
}

} // namespace
