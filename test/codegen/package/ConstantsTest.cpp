// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Constants on their way to the file: rounded.

#include "codegen/package/Constants.h"
#include "test/codegen/package/Testing.h"

using dl::package::ConstantData;
using dl::package::Layout;
using dltest::TextModule;

/// Floats on their way out, in pieces of several sizes.
static void expectRounded(std::vector<uint32_t> floats,
                          ConstantData::Rounding rounding,
                          const std::vector<uint16_t> &expected) {
  ConstantData data;
  data.source = {reinterpret_cast<const char *>(floats.data()),
                 floats.size() * sizeof(uint32_t)};
  data.elementBytes = sizeof(uint32_t);
  data.rounding = rounding;
  data.layouts = {Layout::identity({static_cast<int64_t>(floats.size())})};
  for (size_t maxBytes : {2, 6, 100}) {
    std::vector<uint16_t> rounded;
    EXPECT_TRUE(data.produce(maxBytes, [&](llvm::ArrayRef<char> piece) {
      EXPECT_LE(piece.size(), maxBytes);
      size_t old = rounded.size();
      rounded.resize(old + piece.size() / sizeof(uint16_t));
      memcpy(rounded.data() + old, piece.data(), piece.size());
      return true;
    }));
    EXPECT_EQ(rounded, expected);
  }
}

TEST(Constants, RoundToNearestEven) {
  // One, the ties to both sides of an odd last bit, just above a tie, the
  // largest number, a denormal, infinity, and two that are not numbers.
  expectRounded(
      {0x3f800000, 0x3f808000, 0x3f818000, 0x3f808001, 0x7f7fffff, 0x00018001,
       0xff800000, 0x7f800001, 0xffc00000},
      ConstantData::Rounding::ToBF16,
      {0x3f80, 0x3f80, 0x3f82, 0x3f81, 0x7f80, 0x0002, 0xff80, 0x7fc0, 0xffc0});
}

TEST(Constants, RoundToFloat16) {
  // One, ties to both sides, just above one; the largest number and what is
  // beyond it, by a tie; normals that a carry makes; denormals: the largest, a
  // tie between two, the least and its half, which is a tie, and just above
  // it; infinity, and what is not a number.
  expectRounded(
      {0x3f800000, 0x3f801000, 0x3f803000, 0x3f801001, 0x477fe000, 0x477fefff,
       0x477ff000, 0x7f7fffff, 0xbffff000, 0x387fffff, 0x387fc000, 0xb4200000,
       0x33800000, 0x33000000, 0x33000001, 0x32ffffff, 0xff800000, 0x7f800001},
      ConstantData::Rounding::ToF16,
      {0x3c00, 0x3c00, 0x3c02, 0x3c01, 0x7bff, 0x7bff, 0x7c00, 0x7c00, 0xc000,
       0x0400, 0x03ff, 0x8002, 0x0001, 0x0000, 0x0001, 0x0000, 0xfc00, 0x7e00});
}

/// The bytes of the first constant, as elements of bf16.
static std::vector<uint16_t> getConstant(TextModule &module) {
  dl::package::Constants constants;
  std::vector<uint16_t> result;
  module.module->walk([&](mlir::dl::DispatchOp op) {
    auto number = constants.add(op.getInputs().front());
    ASSERT_TRUE(succeeded(number));
    constants.get()[*number].produce(64, [&](llvm::ArrayRef<char> piece) {
      size_t old = result.size();
      result.resize(old + piece.size() / sizeof(uint16_t));
      memcpy(&result[old], piece.data(), piece.size());
      return true;
    });
  });
  EXPECT_EQ(module.diagnostics, "");
  return result;
}

// Steps at 1 are of 2^-7. Channels are columns, then rows: one element of each
// has to move, the one nearer to the middle.
TEST(Constants, RoundBalanced) {
  const uint16_t one = 0x3f80, next = 0x3f81;
  auto round = [](const std::string &balanced) {
    TextModule module(R"(
func.func private @k(tensor<2x3xbf16>, tensor<2xf32>) -> tensor<2xf32> attributes {dl.kernel}
func.func @main() -> tensor<2xf32> {
  %w = dl.constant dense<[[1.003125, 1.001953125], [1.0, 1.0], [1.001953125, 1.003125]]> : tensor<3x2xf32>
  )" + balanced + R"(
  %r = dl.dispatch @k(%b) sizes affine_map<() -> ()> : (tensor<2x3xbf16>) -> tensor<2xf32>
  return %r : tensor<2xf32>
})");
    return getConstant(module);
  };
  // Elements are moved before, after, and in a way that strides cannot say.
  EXPECT_EQ(round(R"(
  %t = dl.transpose %w {permutation = array<i64: 1, 0>} : (tensor<3x2xf32>) -> tensor<2x3xf32>
  %b = dl.round_balanced %t {axes = array<i64: 1>} : (tensor<2x3xf32>) -> tensor<2x3xbf16>)"),
            (std::vector<uint16_t>{next, one, one, one, one, next}));
  EXPECT_EQ(round(R"(
  %n = dl.round_balanced %w {axes = array<i64: 0>} : (tensor<3x2xf32>) -> tensor<3x2xbf16>
  %b = dl.transpose %n {permutation = array<i64: 1, 0>} : (tensor<3x2xbf16>) -> tensor<2x3xbf16>)"),
            (std::vector<uint16_t>{next, one, one, one, one, next}));
  EXPECT_EQ(round(R"(
  %t = dl.transpose %w {permutation = array<i64: 1, 0>} : (tensor<3x2xf32>) -> tensor<2x3xf32>
  %f = dl.reshape %t : (tensor<2x3xf32>) -> tensor<6xf32>
  %n = dl.round_balanced %f {axes = array<i64: 0>} : (tensor<6xf32>) -> tensor<6xbf16>
  %b = dl.reshape %n : (tensor<6xbf16>) -> tensor<2x3xbf16>)"),
            (std::vector<uint16_t>{next, one, one, one, one, one}));
}

TEST(Constants, BalancedSplatsDiffer) {
  TextModule module(R"(
func.func private @k(tensor<1x4xbf16>, tensor<2xf32>) -> tensor<2xf32> attributes {dl.kernel}
func.func @main() -> tensor<2xf32> {
  %w = dl.constant dense<1.001953125> : tensor<4x1xf32>
  %n = dl.round_balanced %w {axes = array<i64: 0>} : (tensor<4x1xf32>) -> tensor<4x1xbf16>
  %b = dl.transpose %n {permutation = array<i64: 1, 0>} : (tensor<4x1xbf16>) -> tensor<1x4xbf16>
  %r = dl.dispatch @k(%b) sizes affine_map<() -> ()> : (tensor<1x4xbf16>) -> tensor<2xf32>
  return %r : tensor<2xf32>
})");
  EXPECT_EQ(getConstant(module),
            (std::vector<uint16_t>{0x3f81, 0x3f80, 0x3f80, 0x3f80}));
}

// Of equal weights, those are one constant whose channels are the same.
