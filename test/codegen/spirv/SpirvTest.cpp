// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The kernels beside this file as SPIR-V: valid, and right on a device.

#include "test/codegen/spirv/SpirvOnVulkan.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/Program.h"
#include <cstdlib>

//===----------------------------------------------------------------------===//
// Validity
//===----------------------------------------------------------------------===//

namespace {
/// A kernel, and the kind of device that it is for.
struct Case {
  const char *file, *target;
};
} // namespace

class SpirvValidity : public testing::TestWithParam<Case> {};

TEST_P(SpirvValidity, IsValid) {
  if (!*DL_SPIRV_VAL)
    GTEST_SKIP() << "spirv-val is not installed";
  auto [kernel, target] = GetParam();
  dl::spirv::SpirvTarget described = *dl::spirv::parseTarget(target);
  described.busyInvocations = 1; // vectors wherever there may be some
  Compiled compiled(kernel, described);
  ASSERT_TRUE(compiled.isGood);
  llvm::SmallString<128> path;
  int descriptor;
  ASSERT_FALSE(
      llvm::sys::fs::createTemporaryFile("dl-kernel", "spv", descriptor, path));
  llvm::FileRemover remover(path);
  {
    llvm::raw_fd_ostream file(descriptor, /*shouldClose=*/true);
    const auto &words = compiled.spirv.words;
    file.write(reinterpret_cast<const char *>(words.data()),
               words.size() * sizeof(uint32_t));
  }
  const char *environment =
      compiled.spirv.words[1] > 0x10300 ? "vulkan1.3" : "vulkan1.1";
  EXPECT_EQ(
      llvm::sys::ExecuteAndWait(
          DL_SPIRV_VAL, {DL_SPIRV_VAL, "--target-env", environment, path}),
      0);
}

static std::vector<Case> listCases() {
  std::vector<Case> cases;
  for (const char *target : {"generic", "ampere"})
    for (const char *kernel :
         {"matmul.mlir", "layernorm.mlir", "conv.mlir", "movement.mlir",
          "fused.mlir", "attention.mlir", "bytes.mlir", "cooperative.mlir",
          "depthwise.mlir", "panels.mlir"})
      cases.push_back({kernel, target});
  cases.push_back({"cooperative.mlir", "rdna3"});
  cases.push_back({"panels.mlir", "lavapipe"});
  for (const char *kernel :
       {"matmul.mlir", "conv.mlir", "fused.mlir", "attention.mlir",
        "staged.mlir", "bytes.mlir", "panels.mlir"})
    for (const char *target : {"pascal", "rdna3"}) // which stage operands
      cases.push_back({kernel, target});
  for (const char *kernel : {"matmul.mlir", "layernorm.mlir", "conv.mlir"})
    cases.push_back({kernel, "basic"}); // which has no bytes
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Kernels, SpirvValidity, testing::ValuesIn(listCases()),
                         [](const auto &info) {
                           return llvm::StringRef(info.param.file)
                                      .take_until(
                                          [](char c) { return c == '.'; })
                                      .str() +
                                  "_" + info.param.target;
                         });

TEST(Spirv, ModuleWithoutKernelsIsRefused) {
  mlir::MLIRContext context;
  auto module = mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  mlir::OwningOpRef<mlir::ModuleOp> owner(module);
  std::string message;
  mlir::ScopedDiagnosticHandler handler(&context, [&](auto &diagnostic) {
    message = diagnostic.str();
    return mlir::success();
  });
  dl::spirv::SpirvModule result;
  EXPECT_TRUE(failed(dl::spirv::emitSpirv(module, {}, result)));
  EXPECT_EQ(message, "there is no kernel to write as SPIR-V");
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

/// max(x w + b, 0) for w of 64 x 37.
static Floats computeDense(const Floats &x, const Floats &w, const Floats &b) {
  constexpr int64_t kN = 37, kK = 64;
  int64_t m = x.size() / kK;
  Floats result(m * kN);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < kN; ++j) {
      float sum = 0;
      for (int64_t k = 0; k < kK; ++k)
        sum += x[i * kK + k] * w[k * kN + j];
      result[i * kN + j] = std::max(sum + b[j], 0.0f);
    }
  return result;
}

TEST_F(SpirvOnVulkan, MatmulBiasRelu) {
  for (auto [file, target] : {Case{"matmul.mlir", "generic"},
                              {"fused.mlir", "generic"},
                              {"fused.mlir", "pascal"}}) {
    SCOPED_TRACE(std::string(file) + ", " + target);
    load(file, *dl::spirv::parseTarget(target));
    Floats w = makeFloats(64 * 37, 1), b = makeFloats(37, 2);
    for (int64_t m : {0, 1, 2, 7, 64, 301}) {
      Floats x = makeFloats(m * 64, 3);
      add(x), add(w), add(b), add(makeResult(m * 37));
      expectNear(run({m, m}), computeDense(x, w, b));
    }
  }
}

TEST_F(SpirvOnVulkan, Attention) {
  load("attention.mlir");
  constexpr int64_t kWidth = 8;
  for (int64_t t : {1, 3, 16, 17, 64, 130}) {
    Floats q = makeFloats(t * kWidth, 1), k = makeFloats(t * kWidth, 2),
           v = makeFloats(t * kWidth, 3), expected(t * kWidth);
    for (int64_t i = 0; i < t; ++i) {
      std::vector<double> weights(t);
      double sum = 0;
      for (int64_t j = 0; j < t; ++j) {
        double score = 0;
        for (int64_t c = 0; c < kWidth; ++c)
          score += q[i * kWidth + c] * k[c * t + j];
        sum += weights[j] = std::exp(score);
      }
      for (int64_t c = 0; c < kWidth; ++c) {
        double result = 0;
        for (int64_t j = 0; j < t; ++j)
          result += weights[j] / sum * v[j * kWidth + c];
        expected[i * kWidth + c] = float(result);
      }
    }
    add(q), add(k), add(v), add(makeResult(expected.size()));
    expectNear(run({t, t, t, t}), expected);
  }
}

TEST_F(SpirvOnVulkan, Functions) {
  using Function = double (*)(double);
  const std::pair<const char *, Function> functions[] = {
      {"exp", std::exp},
      {"log", std::log},
      {"sin", std::sin},
      {"cos", std::cos},
      {"tan", std::tan},
      {"asin", std::asin},
      {"acos", std::acos},
      {"atan", std::atan},
      {"sinh", std::sinh},
      {"cosh", std::cosh},
      {"tanh", std::tanh},
      {"asinh", std::asinh},
      {"acosh", std::acosh},
      {"atanh", std::atanh},
      {"erf", std::erf},
      {"sqrt", std::sqrt},
      {"floor", std::floor},
      {"ceil", std::ceil},
      {"round", std::nearbyint},
      {"sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }},
  };
  const Floats x = {-100,  -9,   -3.5f, -2.5f, -1,   -0.75f, -0.5f, -1e-3f,
                    1e-3f, 0.5f, 0.75f, 1,     1.5f, 2.5f,   9,     100};
  for (auto [name, function] : functions) {
    SCOPED_TRACE(name);
    std::string type = "tensor<?xf32, #dl.dims<()[s0] -> (s0)>>";
    load("func.func @main(%x: " + type + ") -> " + type +
         " attributes {dl.symbols = [\"N\"]} { %0 = dl." + name + " %x : (" +
         type + ") -> " + type + " return %0 : " + type + " }");
    add(x), add(makeResult(x.size()));
    Floats found = run({int64_t(x.size()), int64_t(x.size())});
    for (size_t i = 0; i < x.size(); ++i) {
      float expected = float(function(x[i]));
      if (std::isnan(expected))
        continue; // not defined in Vulkan
      if (std::isinf(expected))
        EXPECT_EQ(found[i], expected) << "at " << x[i];
      else
        EXPECT_NEAR(found[i], expected, 2e-5 * (1 + std::fabs(expected)))
            << "at " << x[i];
    }
  }
}

TEST_F(SpirvOnVulkan, LayerNorm) {
  load("layernorm.mlir");
  for (auto [rows, columns] : {std::pair<int64_t, int64_t>(1, 1),
                               {1, 8},
                               {3, 5},
                               {17, 101},
                               {128, 64}}) {
    Floats x = makeFloats(rows * columns, 1), scale = makeFloats(columns, 2),
           shift = makeFloats(columns, 3), expected(x.size());
    for (int64_t i = 0; i < rows; ++i) {
      const float *row = &x[i * columns];
      double sum = 0, squares = 0;
      for (int64_t j = 0; j < columns; ++j)
        sum += row[j];
      double mean = sum / columns;
      for (int64_t j = 0; j < columns; ++j)
        squares += (row[j] - mean) * (row[j] - mean);
      double deviation = std::sqrt(squares / columns + 1e-5);
      for (int64_t j = 0; j < columns; ++j)
        expected[i * columns + j] =
            float((row[j] - mean) / deviation * scale[j] + shift[j]);
    }
    add(x), add(scale), add(shift), add(makeResult(x.size()));
    expectNear(run({rows, columns, columns, columns, rows, columns}), expected);
  }
}

TEST_F(SpirvOnVulkan, ConvReluWithBorder) {
  load("conv.mlir");
  constexpr int64_t kC = 3, kO = 5, kW = 9, kOutW = 5;
  Floats w = makeFloats(kO * kC * 9, 1), b = makeFloats(kO, 2);
  for (auto [n, h] :
       {std::pair<int64_t, int64_t>(1, 1), {1, 2}, {2, 7}, {3, 16}}) {
    int64_t outH = (h - 1) / 2 + 1;
    Floats x = makeFloats(n * kC * h * kW, 3);
    Floats skip = makeFloats(n * kO * outH * kOutW, 4), expected(skip.size());
    size_t at = 0;
    for (int64_t image = 0; image < n; ++image)
      for (int64_t o = 0; o < kO; ++o)
        for (int64_t row = 0; row < outH; ++row)
          for (int64_t column = 0; column < kOutW; ++column, ++at) {
            float sum = 0;
            for (int64_t c = 0; c < kC; ++c)
              for (int64_t k = 0; k < 9; ++k) {
                int64_t y = 2 * row + k / 3 - 1, z = 2 * column + k % 3 - 1;
                if (y >= 0 && y < h && z >= 0 && z < kW)
                  sum += x[((image * kC + c) * h + y) * kW + z] *
                         w[(o * kC + c) * 9 + k];
              }
            expected[at] = std::max(sum + b[o] + skip[at], 0.0f);
          }
    add(x), add(w), add(b), add(skip), add(makeResult(skip.size()));
    expectNear(run({n, h, n, outH, n, outH}), expected);
  }
}

TEST_F(SpirvOnVulkan, GatheredRowsBehindOthers) {
  load("movement.mlir");
  constexpr int64_t kTable = 11, kW = 7;
  Floats table = makeFloats(kTable * kW, 1);
  for (auto [rows, head] :
       {std::pair<int64_t, int64_t>(1, 0), {0, 3}, {1, 1}, {33, 5}}) {
    std::vector<int64_t> indices(rows);
    std::vector<uint8_t> mask(rows * kW);
    Floats first = makeFloats(head * kW, 2), expected = first;
    for (int64_t i = 0; i < rows; ++i) {
      indices[i] = i * 5 % kTable;
      for (int64_t j = 0; j < kW; ++j) {
        mask[i * kW + j] = (i + j) % 3 != 0;
        float value = std::erf(table[indices[i] * kW + j]);
        expected.push_back(mask[i * kW + j] ? value : 0);
      }
    }
    add(table), add(indices), add(mask), add(first);
    add(makeResult(expected.size()));
    int64_t total = rows + head;
    expectNear(run({kTable, rows, rows, head, total, total}), expected);
  }
}

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

TEST_F(SpirvOnVulkan, BadProgramsAndDispatchesAreRefused) {
  load("matmul.mlir");
  std::vector<uint32_t> words(compiled->spirv.words.begin(),
                              compiled->spirv.words.end());
  std::unique_ptr<VulkanProgram> other;
  auto message = [](const dlrt::Status &status) { return status.message(); };
  EXPECT_EQ(message(VulkanProgram::load(*device, {1, 2, 3}, {}, other)),
            "the program is not SPIR-V");
  EXPECT_EQ(
      message(VulkanProgram::load(*device, words,
                                  {{"dense.0", 1000000000, 0, 64}}, other))
          .find("entry dense.0 takes 1000000000 buffers and 0 sizes; "),
      0u);
  EXPECT_EQ(message(VulkanProgram::load(*device, words, {{"dense.0", 4, 2, 0}},
                                        other))
                .find("workgroups of 0; "),
            0u);
  words[1] = 0x10700;
  EXPECT_NE(message(VulkanProgram::load(*device, words, {}, other))
                .find(" takes SPIR-V up to version 1."),
            std::string::npos);
  words[1] = compiled->spirv.words[1];
  words[6] = 4; // the first capability becomes Addresses
  EXPECT_EQ(message(VulkanProgram::load(*device, words, {}, other)),
            "SPIR-V capability 4 is not known to this runtime");

  add(Floats(1));
  VulkanBuffer *one = buffers.front().get();
  EXPECT_EQ(message(program->run({{1, 1, {}, {}}})), "there is no entry 1");
  EXPECT_EQ(message(program->run({{0, 1, {one}, {}}})),
            "dense.0 takes 4 buffers, not 1");
  std::vector<dlrt::VulkanBinding> four(4, one);
  EXPECT_EQ(message(program->run({{0, 1, four, {1}}})),
            "dense.0 takes 2 sizes, not 1");
  EXPECT_EQ(message(program->run({{0, 1, four, {1, -1}}})),
            "size -1 of dense.0 is not in [0, 2^30]");
  EXPECT_EQ(message(program->run({{0, uint64_t(1) << 31, four, {1, 1}}})),
            "dense.0 has 2147483648 elements, more than 2^30");
  EXPECT_EQ(message(program->run({{0, 1, {one, one, one, nullptr}, {1, 1}}})),
            "a buffer of dense.0 is not of its device");
  std::unique_ptr<VulkanBuffer> huge;
  EXPECT_EQ(device->createBuffer(device->maxBufferBytes() + 1, huge).code(),
            dlrt::Code::Unsupported);
}

TEST_F(SpirvOnVulkan, DevicesWithoutMatricesAreNamed) {
  Compiled matrices("cooperative.mlir", *dl::spirv::parseTarget("ampere"));
  ASSERT_TRUE(matrices.isGood);
  dlrt::VulkanOptions options;
  options.onOpen = [](dlrt::VulkanState &state) {
    state.featuresMatrix.cooperativeMatrix = VK_FALSE;
  };
  std::unique_ptr<VulkanDevice> without;
  ASSERT_TRUE(VulkanDevice::open(options, without).ok());
  const auto &words = matrices.spirv.words;
  dlrt::Status status =
      VulkanProgram::load(*without, {words.begin(), words.end()}, {}, program);
  EXPECT_EQ(status.code(), dlrt::Code::Unsupported);
  EXPECT_NE(status.message().find(
                " lacks the SPIR-V capability CooperativeMatrixKHR"),
            std::string::npos)
      << status.message();
}

// Sizes and types of matrices are looked up among those that the device has.
TEST(Spirv, MatricesOfOtherSizesAreNamed) {
  Compiled matrices("cooperative.mlir", *dl::spirv::parseTarget("ampere"));
  ASSERT_TRUE(matrices.isGood);
  std::vector<uint32_t> words(matrices.spirv.words.begin(),
                              matrices.spirv.words.end());
  constexpr uint32_t kHalf = 0, kFloat = 1, kSigned = 3, kSignedSum = 5,
                     kUnsigned = 7, kUnsignedSum = 9, kSubgroup = 3;
  dlrt::VulkanState state;
  state.name = "a device";
  auto add = [&](uint32_t m, uint32_t n, uint32_t k, uint32_t type,
                 uint32_t sum) {
    state.matrices.push_back({dlrt::CooperativeMatrix::kType, nullptr, m, n, k,
                              type, type, sum, sum, VK_FALSE, kSubgroup});
  };
  auto check = [&] { return dlrt::checkMatrices(state, words); };
  EXPECT_EQ(check().message(),
            "a device multiplies no matrices of 16 x 16 16-bit floats");
  add(16, 8, 16, kHalf, kFloat);
  EXPECT_EQ(check().code(), dlrt::Code::Unsupported);
  add(16, 16, 16, kHalf, kFloat);
  EXPECT_EQ(check().message(),
            "a device multiplies no matrices of 16 x 32 bytes");
  add(16, 16, 32, kSigned, kSignedSum);
  EXPECT_EQ(check().code(), dlrt::Code::Unsupported); // without a sign
  add(16, 16, 32, kUnsigned, kUnsignedSum);
  EXPECT_TRUE(check().ok()) << check().message();
  words.resize(words.size() - 1); // damaged: read as far as it goes
  EXPECT_TRUE(check().ok());
}

TEST_F(SpirvOnVulkan, CommandsAreTimedAndRunAgain) {
  load("matmul.mlir");
  std::unique_ptr<VulkanBuffer> from, to;
  ASSERT_TRUE(device->createBuffer(8, from).ok());
  ASSERT_TRUE(device->createBuffer(8, to).ok());
  dlrt::VulkanDispatch copy;
  copy.copiedBytes = 8;
  copy.buffers = {{from.get()}, {to.get()}};
  std::unique_ptr<VulkanProgram::Commands> commands;
  ASSERT_TRUE(program->record({copy}, commands).ok());
  for (int64_t value : {5, 7}) {
    *static_cast<int64_t *>(from->data()) = value;
    int64_t nanoseconds = 0;
    ASSERT_TRUE(program->run(*commands, &nanoseconds).ok());
    EXPECT_EQ(*static_cast<int64_t *>(to->data()), value);
    EXPECT_EQ(nanoseconds > 0, device->hasTimer());
  }
  commands.reset();
}

namespace {
/// Opens the device with some of Vulkan's functions in others' place; a test
/// without a device is skipped.
class FailingVulkan : public testing::Test {
protected:
  dlrt::Status open(std::function<void(dlrt::VulkanState &)> replace) {
    dlrt::VulkanOptions options;
    options.onOpen = std::move(replace);
    return VulkanDevice::open(options, device);
  }
  std::unique_ptr<VulkanDevice> device;
};
} // namespace

#define OPEN_OR_SKIP(...)                                                      \
  if (dlrt::Status status = open(__VA_ARGS__); !status.ok())                   \
  GTEST_SKIP() << status.message()

TEST_F(FailingVulkan, LossOfTheDeviceIsAStatusAndLasts) {
  static int submitted;
  submitted = 0;
  OPEN_OR_SKIP([](dlrt::VulkanState &state) {
    state.vkQueueSubmit = [](VkQueue, uint32_t, const VkSubmitInfo *,
                             VkFence) -> VkResult {
      ++submitted;
      return VK_ERROR_DEVICE_LOST;
    };
  });
  std::unique_ptr<VulkanProgram> program;
  ASSERT_TRUE(VulkanProgram::load(*device, {}, {}, program).ok());
  std::unique_ptr<VulkanBuffer> buffer;
  ASSERT_TRUE(device->createBuffer(8, buffer).ok());
  dlrt::VulkanDispatch copy;
  copy.copiedBytes = 4;
  copy.buffers = {{buffer.get(), 0}, {buffer.get(), 4}};
  for (int i = 0; i < 2; ++i) {
    dlrt::Status status = program->run({copy});
    EXPECT_EQ(status.code(), dlrt::Code::DeviceLost);
    EXPECT_NE(status.message().find("lost"), std::string::npos);
  }
  EXPECT_EQ(submitted, 1); // a lost device is given nothing more
}

TEST_F(FailingVulkan, LackOfMemoryIsAStatus) {
  OPEN_OR_SKIP([](dlrt::VulkanState &state) {
    state.vkAllocateMemory = [](VkDevice, const VkMemoryAllocateInfo *,
                                const VkAllocationCallbacks *,
                                VkDeviceMemory *) -> VkResult {
      return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    };
  });
  std::unique_ptr<VulkanBuffer> buffer;
  dlrt::Status status = device->createBuffer(8, buffer);
  EXPECT_EQ(status.code(), dlrt::Code::OutOfMemory);
  EXPECT_EQ(status.message(), "vkAllocateMemory failed with VkResult -2");
  EXPECT_FALSE(buffer);
}

TEST_F(FailingVulkan, DevicesThatAreNotThereAreNamed) {
  OPEN_OR_SKIP({});
  dlrt::VulkanOptions options;
  options.ordinal = int(VulkanDevice::list().size());
  ASSERT_GT(options.ordinal, 0);
  dlrt::Status status = VulkanDevice::open(options, device);
  EXPECT_EQ(status.code(), dlrt::Code::NotFound);
  EXPECT_EQ(status.message().find("there is no device vulkan:"), 0u);
}

#ifdef __linux__
TEST(Vulkan, AbsenceOfADriverIsAStatus) {
  auto open = [] {
    setenv("VK_ICD_FILENAMES", "/nonexistent.json", 1);
    setenv("VK_DRIVER_FILES", "/nonexistent.json", 1);
    std::unique_ptr<VulkanDevice> device;
    dlrt::Status status = VulkanDevice::open({}, device);
    _exit(status.code() == dlrt::Code::NotFound && !device ? 0 : 1);
  };
  EXPECT_EXIT(open(), testing::ExitedWithCode(0), "");
}
#endif
