// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The kernels beside this file as SPIR-V: valid, and right on a device.

#include "codegen/spirv/Emit.h"
#include "passes/Pipeline.h"
#include "runtime/device/vulkan/VulkanProgram.h"
#include "runtime/device/vulkan/VulkanState.h"
#include "test/codegen/Floats.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/Program.h"
#include <cmath>
#include <cstdlib>
#include <gtest/gtest.h>

using dlrt::VulkanBuffer;
using dlrt::VulkanDevice;
using dlrt::VulkanProgram;

namespace {

/// The one kernel of a file or of a text, as SPIR-V; a model is fused and
/// lowered first.
struct Compiled {
  explicit Compiled(const std::string &source) {
    mlir::DialectRegistry registry;
    dl::registerDialects(registry);
    context.appendDialectRegistry(registry);
    auto module =
        llvm::StringRef(source).ends_with(".mlir")
            ? mlir::parseSourceFile<mlir::ModuleOp>(DL_KERNELS "/" + source,
                                                    &context)
            : mlir::parseSourceString<mlir::ModuleOp>(source, &context);
    isGood = module && succeeded(lower(*module)) &&
             succeeded(dl::spirv::emitSpirv(*module, {}, spirv)) &&
             spirv.kernels.size() == 1;
  }
  mlir::LogicalResult lower(mlir::ModuleOp module) {
    if ((*module.getOps<mlir::func::FuncOp>().begin())->hasAttr("dl.kernel"))
      return mlir::success();
    mlir::PassManager manager(&context);
    dl::addPhasesUpTo(dl::Phase::Lower, manager, {});
    return manager.run(module);
  }
  mlir::MLIRContext context;
  dl::spirv::SpirvModule spirv;
  bool isGood;
};

int64_t evaluate(mlir::AffineMap formula, const std::vector<int64_t> &sizes) {
  llvm::SmallVector<mlir::AffineExpr> values;
  for (int64_t size : sizes)
    values.push_back(mlir::getAffineConstantExpr(size, formula.getContext()));
  mlir::AffineExpr value = formula.getResult(0).replaceSymbols(values);
  return llvm::cast<mlir::AffineConstantExpr>(value).getValue();
}

/// Runs kernels on the device of this machine; the test is skipped where there
/// is none. The validation layer, where it is installed, must have nothing to
/// say.
class SpirvOnVulkan : public testing::Test {
protected:
  void SetUp() override {
    dlrt::VulkanOptions options;
    options.validate = true;
    options.onMessage = [this](const std::string &text) {
      messages += text + "\n";
    };
    dlrt::Status status = VulkanDevice::open(options, device);
    if (status.code() == dlrt::Code::NotFound)
      GTEST_SKIP() << status.message();
    ASSERT_TRUE(status.ok()) << status.message();
    RecordProperty("device", device->name());
    RecordProperty("validated", device->isValidated());
  }

  void TearDown() override {
    program.reset();
    buffers.clear();
    device.reset();
    EXPECT_EQ(messages, "");
  }

  void load(const std::string &source) {
    compiled = std::make_unique<Compiled>(source);
    ASSERT_TRUE(compiled->isGood);
    const dl::spirv::SpirvKernel &kernel = compiled->spirv.kernels.front();
    std::vector<VulkanProgram::Entry> entries;
    for (const dl::spirv::SpirvStage &stage : kernel.stages)
      entries.push_back({stage.entry, uint32_t(stage.buffers.size()),
                         stage.sizes, uint32_t(stage.workgroup)});
    const auto &words = compiled->spirv.words;
    dlrt::Status status = VulkanProgram::load(
        *device, {words.begin(), words.end()}, entries, program);
    ASSERT_TRUE(status.ok()) << status.message();
  }

  template <typename T> void add(const std::vector<T> &values) {
    std::unique_ptr<VulkanBuffer> buffer;
    dlrt::Status status =
        device->createBuffer(values.size() * sizeof(T), buffer);
    ASSERT_TRUE(status.ok()) << status.message();
    std::copy(values.begin(), values.end(), static_cast<T *>(buffer->data()));
    buffers.push_back(std::move(buffer));
  }

  /// Runs the kernel; the last buffer that was added is its result.
  Floats run(const std::vector<int64_t> &sizes) {
    const dl::spirv::SpirvKernel &kernel = compiled->spirv.kernels.front();
    VulkanBuffer &result = *buffers.back();
    for (mlir::AffineMap bytes : kernel.temporaries)
      add(std::vector<char>(evaluate(bytes, sizes)));
    std::vector<dlrt::VulkanDispatch> dispatches;
    for (const auto &[i, stage] : llvm::enumerate(kernel.stages)) {
      dlrt::VulkanDispatch &dispatch = dispatches.emplace_back();
      dispatch.entry = uint32_t(i);
      dispatch.elements = uint64_t(evaluate(stage.elements, sizes));
      for (int64_t number : stage.buffers)
        dispatch.buffers.push_back({buffers[size_t(number)].get()});
      dispatch.sizes = sizes;
      if (stage.trips)
        llvm::append_values(dispatch.sizes, 0, evaluate(stage.trips, sizes));
    }
    dlrt::Status status = program->run(dispatches);
    EXPECT_TRUE(status.ok()) << status.message();
    const float *data = static_cast<const float *>(result.data());
    Floats values(data, data + result.size() / sizeof(float));
    buffers.clear();
    return values;
  }

  std::unique_ptr<VulkanDevice> device;
  std::unique_ptr<VulkanProgram> program;
  std::unique_ptr<Compiled> compiled;
  std::vector<std::unique_ptr<VulkanBuffer>> buffers;
  std::string messages;
};

void expectNear(const Floats &found, const Floats &expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i)
    ASSERT_NEAR(found[i], expected[i], 1e-5 * (1 + std::fabs(expected[i])))
        << "at " << i;
}

/// What stands in the result before a run: no element may keep it.
Floats makeResult(size_t count) { return Floats(count, 1e30f); }

} // namespace

//===----------------------------------------------------------------------===//
// Validity
//===----------------------------------------------------------------------===//

class SpirvValidity : public testing::TestWithParam<const char *> {};

TEST_P(SpirvValidity, IsValid) {
  if (!*DL_SPIRV_VAL)
    GTEST_SKIP() << "spirv-val is not installed";
  Compiled compiled(GetParam());
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
  EXPECT_EQ(
      llvm::sys::ExecuteAndWait(
          DL_SPIRV_VAL, {DL_SPIRV_VAL, "--target-env", "vulkan1.1", path}),
      0);
}

INSTANTIATE_TEST_SUITE_P(Kernels, SpirvValidity,
                         testing::Values("matmul.mlir", "layernorm.mlir",
                                         "conv.mlir", "movement.mlir",
                                         "fused.mlir", "attention.mlir"),
                         [](const auto &info) {
                           return llvm::StringRef(info.param)
                               .take_until([](char c) { return c == '.'; })
                               .str();
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
  for (const char *file : {"matmul.mlir", "fused.mlir"}) {
    SCOPED_TRACE(file);
    load(file);
    Floats w = makeFloats(64 * 37, 1), b = makeFloats(37, 2);
    for (int64_t m : {0, 1, 2, 7, 64, 301}) {
      Floats x = makeFloats(m * 64, 3);
      add(x), add(w), add(b), add(makeResult(m * 37));
      expectNear(run({m, m}), computeDense(x, w, b));
    }
  }
}

/// x w for x of m x k and w of k x n, each stored as its map says.
static std::string writeProduct(int64_t m, int64_t n, int64_t k, bool isColumnX,
                                bool isColumnW) {
  auto type = [](int64_t rows, int64_t columns, bool isColumn) {
    if (isColumn)
      std::swap(rows, columns);
    return "tensor<" + std::to_string(rows) + "x" + std::to_string(columns) +
           "xf32>";
  };
  std::string x = type(m, k, isColumnX), w = type(k, n, isColumnW),
              y = type(m, n, false);
  return "func.func private @product(%x: " + x + ", %w: " + w + ", %out: " + y +
         ") -> " + y + R"( attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%out : )" +
         y + ") -> " + y + R"(
  %0 = linalg.generic {indexing_maps = [
        affine_map<(m, n, k) -> ()" +
         (isColumnX ? "k, m" : "m, k") + ")>, affine_map<(m, n, k) -> (" +
         (isColumnW ? "n, k" : "k, n") + R"()>,
        affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : )" +
         x + ", " + w + ") outs(%init : " + y + R"() {
  ^bb0(%a: f32, %c: f32, %acc: f32):
    %p = arith.mulf %a, %c : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> )" +
         y + "\n  return %0 : " + y + "\n}\n";
}

// Vectors of contracted positions, of rows and of columns, with rests and
// without.
TEST_F(SpirvOnVulkan, ProductsInEachOrder) {
  struct Sizes {
    int64_t m, n, k;
  };
  for (auto [m, n, k] :
       {Sizes{64, 64, 32}, {40, 36, 20}, {12, 100, 8}, {33, 37, 7}}) {
    Floats x = makeFloats(m * k, 1), w = makeFloats(k * n, 2);
    for (bool isColumnX : {false, true})
      for (bool isColumnW : {false, true}) {
        SCOPED_TRACE(std::to_string(m) + " x " + std::to_string(n) + " x " +
                     std::to_string(k) + (isColumnX ? ", x" : ", ") +
                     (isColumnW ? "w" : ""));
        load(writeProduct(m, n, k, isColumnX, isColumnW));
        Floats expected(m * n);
        for (int64_t i = 0; i < m; ++i)
          for (int64_t j = 0; j < n; ++j) {
            float sum = 0;
            for (int64_t l = 0; l < k; ++l)
              sum += x[isColumnX ? l * m + i : i * k + l] *
                     w[isColumnW ? j * k + l : l * n + j];
            expected[i * n + j] = sum;
          }
        add(x), add(w), add(makeResult(m * n));
        expectNear(run({}), expected);
      }
  }
}

// Vectors of channels, of which those outside are the border.
TEST_F(SpirvOnVulkan, ConvOfChannelsWithBorder) {
  constexpr int64_t kC = 12, kO = 20, kW = 21;
  load(
      R"(func.func private @conv(%x: tensor<21x12xf32>, %w: tensor<3x12x20xf32>,
    %out: tensor<21x20xf32>) -> tensor<21x20xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %border = arith.constant 2.0 : f32
  %padded = tensor.pad %x low[1, 0] high[1, 0] {
  ^bb0(%i: index, %j: index):
    tensor.yield %border : f32
  } : tensor<21x12xf32> to tensor<23x12xf32>
  %init = linalg.fill ins(%zero : f32) outs(%out : tensor<21x20xf32>) -> tensor<21x20xf32>
  %0 = linalg.generic {indexing_maps = [
        affine_map<(x, o, k, c) -> (x + k, c)>, affine_map<(x, o, k, c) -> (k, c, o)>,
        affine_map<(x, o, k, c) -> (x, o)>],
      iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%padded, %w : tensor<23x12xf32>, tensor<3x12x20xf32>) outs(%init : tensor<21x20xf32>) {
  ^bb0(%a: f32, %c: f32, %acc: f32):
    %p = arith.mulf %a, %c : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<21x20xf32>
  return %0 : tensor<21x20xf32>
}
)");
  Floats x = makeFloats(kW * kC, 1), w = makeFloats(3 * kC * kO, 2),
         expected(kW * kO);
  for (int64_t i = 0; i < kW; ++i)
    for (int64_t o = 0; o < kO; ++o) {
      float sum = 0;
      for (int64_t k = 0; k < 3; ++k)
        for (int64_t c = 0; c < kC; ++c) {
          int64_t at = i + k - 1;
          sum += (at >= 0 && at < kW ? x[at * kC + c] : 2.0f) *
                 w[(k * kC + c) * kO + o];
        }
      expected[i * kO + o] = sum;
    }
  add(x), add(w), add(makeResult(expected.size()));
  expectNear(run({}), expected);
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
