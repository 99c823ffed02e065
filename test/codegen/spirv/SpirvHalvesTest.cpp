// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// 16-bit floats, on a device: as such, and as integers where it has none.

#include "test/codegen/spirv/SpirvOnVulkan.h"
#include "llvm/ADT/APFloat.h"
#include <cstring>
#include <limits>

using Bits = std::vector<uint16_t>;

/// A kernel of one operation on each element of a tensor.
static std::string writeCast(size_t count, const std::string &operation,
                             const std::string &from, const std::string &to) {
  auto type = [&](const std::string &element) {
    return "tensor<" + std::to_string(count) + "x" + element + ">";
  };
  std::string x = type(from), y = type(to);
  return "func.func private @cast(%x: " + x + ", %out: " + y + ") -> " + y +
         R"( attributes {dl.kernel} {
  %0 = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>],
      iterator_types = ["parallel"]} ins(%x : )" +
         x + ") outs(%out : " + y + ") {\n  ^bb0(%a: " + from + ", %o: " + to +
         "):\n    %r = " + operation + " %a : " + from + " to " + to +
         "\n    linalg.yield %r : " + to + "\n  } -> " + y +
         "\n  return %0 : " + y + "\n}\n";
}

static llvm::APFloat toHalf(double value) {
  llvm::APFloat half(value);
  bool losesInfo;
  half.convert(llvm::APFloat::IEEEhalf(), llvm::APFloat::rmNearestTiesToEven,
               &losesInfo);
  return half;
}

static float toFloat(uint16_t bits) {
  return llvm::APFloat(llvm::APFloat::IEEEhalf(), llvm::APInt(16, bits))
      .convertToFloat();
}

static uint16_t toBits(double value) {
  return uint16_t(toHalf(value).bitcastToAPInt().getZExtValue());
}

static bool isNan(uint16_t bits) { return (bits & 0x7fff) > 0x7c00; }

/// A desktop's GPU with 16-bit floats, and one without.
static const char *const kTargets[] = {"ampere", "pascal"};

TEST_F(SpirvOnVulkan, EveryHalfAsFloat) {
  Bits halves(1 << 16);
  for (size_t i = 0; i < halves.size(); ++i)
    halves[i] = uint16_t(i);
  for (const char *target : kTargets) {
    SCOPED_TRACE(target);
    ASSERT_NO_FATAL_FAILURE(
        load(writeCast(halves.size(), "arith.extf", "f16", "f32"),
             *dl::spirv::parseTarget(target)));
    add(halves), add(makeResult(halves.size()));
    Floats found = run({});
    for (size_t i = 0; i < halves.size(); ++i) {
      float expected = toFloat(halves[i]);
      if (std::isnan(expected))
        EXPECT_TRUE(std::isnan(found[i])) << i;
      else
        EXPECT_EQ(std::memcmp(&found[i], &expected, sizeof(float)), 0)
            << i << ": " << found[i] << ", not " << expected;
    }
  }
}

// All halves, what lies half-way between neighbours and beside that, and what
// is too large or too small.
TEST_F(SpirvOnVulkan, FloatsAsHalves) {
  Floats values = {1e-10f, 1e30f,  65519.0f, 65520.0f,
                   1e-45f, -1e30f, INFINITY, std::nanf("")};
  for (unsigned i = 0; i < 0x7c00; ++i) {
    float half = toFloat(uint16_t(i)),
          next = i + 1 < 0x7c00 ? toFloat(uint16_t(i + 1)) : 65536.0f,
          middle = (half + next) / 2;
    for (float value : {half, middle, std::nextafter(middle, 0.0f),
                        std::nextafter(middle, next)}) {
      values.push_back(value);
      values.push_back(-value);
    }
  }
  for (const char *target : kTargets) {
    SCOPED_TRACE(target);
    ASSERT_NO_FATAL_FAILURE(
        load(writeCast(values.size(), "arith.truncf", "f32", "f16"),
             *dl::spirv::parseTarget(target)));
    add(values), add(Bits(values.size(), 0xabcd));
    Bits found = run<uint16_t>({});
    for (size_t i = 0; i < values.size(); ++i)
      if (std::isnan(values[i]))
        EXPECT_TRUE(isNan(found[i]));
      else
        EXPECT_EQ(found[i], toBits(values[i])) << values[i];
  }
}

// Rounded once, not to float32 first.
TEST_F(SpirvOnVulkan, DoublesAsHalves) {
  std::vector<double> values = {1 + 0x1p-11 + 0x1p-40,
                                1 + 0x1p-11,
                                1 + 0x1p-11 - 0x1p-40,
                                -1e9,
                                0x1p-25 + 0x1p-60,
                                0x1p-25,
                                0.1};
  load(writeCast(values.size(), "arith.truncf", "f64", "f16"),
       *dl::spirv::parseTarget("pascal"));
  add(values), add(Bits(values.size(), 0xabcd));
  Bits found = run<uint16_t>({});
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_EQ(found[i], toBits(values[i])) << values[i];
}

// What a device has not is named.
TEST_F(SpirvOnVulkan, DevicesWithoutHalvesAreNamed) {
  std::string source = writeCast(64, "arith.extf", "f16", "f32");
  dlrt::VulkanOptions options;
  options.onOpen = [](dlrt::VulkanState &state) {
    state.features12.shaderFloat16 = VK_FALSE;
  };
  std::unique_ptr<VulkanDevice> without;
  ASSERT_TRUE(VulkanDevice::open(options, without).ok());
  auto loadFor = [&](const char *target) {
    Compiled compiled(source, *dl::spirv::parseTarget(target));
    EXPECT_TRUE(compiled.isGood);
    const auto &words = compiled.spirv.words;
    std::unique_ptr<VulkanProgram> loaded;
    return VulkanProgram::load(*without, {words.begin(), words.end()}, {},
                               loaded);
  };
  dlrt::Status status = loadFor("ampere");
  EXPECT_EQ(status.code(), dlrt::Code::Unsupported);
  EXPECT_NE(status.message().find(" lacks the SPIR-V capability Float16"),
            std::string::npos)
      << status.message();
  EXPECT_TRUE(loadFor("pascal").ok());
}
