// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Products and convolutions of bytes, on a device.

#include "test/codegen/spirv/SpirvOnVulkan.h"

using Bytes = std::vector<uint8_t>;
using Sums = std::vector<int32_t>;

namespace {
/// Kinds of devices: without instructions that multiply four bytes, and with;
/// and one whose invocations hand each other nothing.
struct Kind {
  const char *name;
  dl::spirv::SpirvTarget target;
};
} // namespace

static std::vector<Kind> getKinds() {
  dl::spirv::SpirvTarget dots, alone;
  dots.dotProducts = true;
  alone.shuffles = false;
  return {{"generic", {}},
          {"dots", dots},
          {"ampere", *dl::spirv::parseTarget("ampere")},
          {"alone", alone}};
}

static int32_t extend(uint8_t byte, bool isUnsigned) {
  return isUnsigned ? byte : int32_t(int8_t(byte));
}

static Bytes makeBytes(size_t count, uint32_t seed) {
  Bytes bytes(count);
  for (uint8_t &byte : bytes) {
    seed = seed * 1664525 + 1013904223;
    byte = uint8_t(seed >> 24);
  }
  return bytes;
}

/// The body of a sum of products of bytes.
static std::string writeBody(bool isUnsignedX, bool isUnsignedW) {
  return std::string("^bb0(%a: i8, %b: i8, %acc: i32):\n    %p = arith.") +
         (isUnsignedX ? "extui" : "extsi") +
         " %a : i8 to i32\n    %q = arith." +
         (isUnsignedW ? "extui" : "extsi") + R"( %b : i8 to i32
    %r = arith.muli %p, %q : i32
    %s = arith.addi %acc, %r : i32
    linalg.yield %s : i32
  })";
}

/// x w for x of m x k and w of k x n, of which columns may lie in one piece.
static std::string writeProduct(int64_t m, int64_t n, int64_t k, bool isColumnW,
                                const std::string &body) {
  auto type = [](int64_t rows, int64_t columns, const char *element) {
    return "tensor<" + std::to_string(rows) + "x" + std::to_string(columns) +
           "x" + element + ">";
  };
  std::string x = type(m, k, "i8"), y = type(m, n, "i32"),
              w = isColumnW ? type(n, k, "i8") : type(k, n, "i8");
  return "func.func private @product(%x: " + x + ", %w: " + w + ", %out: " + y +
         ") -> " + y + R"( attributes {dl.kernel} {
  %zero = arith.constant 0 : i32
  %init = linalg.fill ins(%zero : i32) outs(%out : )" +
         y + ") -> " + y + R"(
  %0 = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>,
        affine_map<(m, n, k) -> ()" +
         (isColumnW ? "n, k" : "k, n") + R"()>,
        affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : )" +
         x + ", " + w + ") outs(%init : " + y + ") {\n  " + body + " -> " + y +
         "\n  return %0 : " + y + "\n}\n";
}

// Each pair of signs, weights in both orders, rests and numbers of four; the
// largest factors, too, whose sums of four do not overflow.
TEST_F(SpirvOnVulkan, ProductsOfBytes) {
  struct Sizes {
    int64_t m, n, k;
  };
  for (const Kind &kind : getKinds())
    for (auto [m, n, k] : {Sizes{40, 36, 64}, {33, 37, 7}})
      for (bool isColumnW : {false, true})
        for (int signs : {0, 1, 2, 3}) {
          SCOPED_TRACE(std::string(kind.name) + ", " + std::to_string(m) +
                       (isColumnW ? ", columns, " : ", ") +
                       std::to_string(signs));
          bool isUnsignedX = signs & 1, isUnsignedW = signs & 2;
          ASSERT_NO_FATAL_FAILURE(
              load(writeProduct(m, n, k, isColumnW,
                                writeBody(isUnsignedX, isUnsignedW)),
                   kind.target));
          Bytes x = makeBytes(m * k, 1), w = makeBytes(k * n, 2);
          std::fill_n(x.begin(), k, isUnsignedX ? 255 : 128);
          for (int64_t l = 0; l < k; ++l)
            w[isColumnW ? l : l * n] = isUnsignedW ? 255 : 128;
          Sums expected(m * n);
          for (int64_t i = 0; i < m; ++i)
            for (int64_t j = 0; j < n; ++j)
              for (int64_t l = 0; l < k; ++l)
                expected[i * n + j] +=
                    extend(x[i * k + l], isUnsignedX) *
                    extend(w[isColumnW ? j * k + l : l * n + j], isUnsignedW);
          add(x), add(w), add(Sums(m * n, -1));
          EXPECT_EQ(run<int32_t>({}), expected);
        }
}

// Words of channels, of which those outside are the border.
TEST_F(SpirvOnVulkan, ConvOfBytesWithBorder) {
  constexpr int64_t kC = 12, kO = 20, kW = 21;
  constexpr uint8_t kBorder = 200;
  std::string source =
      R"(func.func private @conv(%x: tensor<21x12xi8>, %w: tensor<3x12x20xi8>,
    %out: tensor<21x20xi32>) -> tensor<21x20xi32> attributes {dl.kernel} {
  %zero = arith.constant 0 : i32
  %border = arith.constant 200 : i8
  %padded = tensor.pad %x low[1, 0] high[1, 0] {
  ^bb0(%i: index, %j: index):
    tensor.yield %border : i8
  } : tensor<21x12xi8> to tensor<23x12xi8>
  %init = linalg.fill ins(%zero : i32) outs(%out : tensor<21x20xi32>) -> tensor<21x20xi32>
  %0 = linalg.generic {indexing_maps = [
        affine_map<(x, o, k, c) -> (x + k, c)>, affine_map<(x, o, k, c) -> (k, c, o)>,
        affine_map<(x, o, k, c) -> (x, o)>],
      iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%padded, %w : tensor<23x12xi8>, tensor<3x12x20xi8>) outs(%init : tensor<21x20xi32>) {
  )" + writeBody(true, false) +
      R"( -> tensor<21x20xi32>
  return %0 : tensor<21x20xi32>
}
)";
  Bytes x = makeBytes(kW * kC, 1), w = makeBytes(3 * kC * kO, 2);
  Sums expected(kW * kO);
  for (int64_t i = 0; i < kW; ++i)
    for (int64_t o = 0; o < kO; ++o)
      for (int64_t k = 0; k < 3; ++k)
        for (int64_t c = 0; c < kC; ++c) {
          int64_t at = i + k - 1;
          expected[i * kO + o] +=
              (at >= 0 && at < kW ? x[at * kC + c] : kBorder) *
              extend(w[(k * kC + c) * kO + o], false);
        }
  for (const Kind &kind : getKinds()) {
    SCOPED_TRACE(kind.name);
    ASSERT_NO_FATAL_FAILURE(load(source, kind.target));
    add(x), add(w), add(Sums(expected.size(), -1));
    EXPECT_EQ(run<int32_t>({}), expected);
  }
}

// Kernels that multiply four bytes at once name what they ask for.
TEST_F(SpirvOnVulkan, DevicesWithoutDotProductsAreNamed) {
  std::string source = writeProduct(32, 512, 32, false, writeBody(true, false));
  Compiled compiled(source, *dl::spirv::parseTarget("ampere"));
  ASSERT_TRUE(compiled.isGood);
  dlrt::VulkanOptions options;
  options.onOpen = [](dlrt::VulkanState &state) {
    state.featuresDot.shaderIntegerDotProduct = VK_FALSE;
  };
  std::unique_ptr<VulkanDevice> without;
  ASSERT_TRUE(VulkanDevice::open(options, without).ok());
  const auto &words = compiled.spirv.words;
  dlrt::Status status =
      VulkanProgram::load(*without, {words.begin(), words.end()}, {}, program);
  EXPECT_EQ(status.code(), dlrt::Code::Unsupported);
  EXPECT_NE(status.message().find(" lacks the SPIR-V capability DotProduct"),
            std::string::npos)
      << status.message();
}
