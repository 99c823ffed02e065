// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Stages whose invocations compute neighbours as vectors, on a device.

#include "test/codegen/spirv/SpirvOnVulkan.h"

/// A device that few invocations keep busy.
static dl::spirv::SpirvTarget getTarget(const char *name = "generic") {
  dl::spirv::SpirvTarget target = *dl::spirv::parseTarget(name);
  target.busyInvocations = 1;
  return target;
}

static std::vector<uint8_t> makeBytes(size_t count) {
  std::vector<uint8_t> bytes(count);
  for (size_t i = 0; i < count; ++i)
    bytes[i] = uint8_t(i * 89 + 7);
  return bytes;
}

/// An elementwise kernel of one operand and a body that computes %r of %a.
static std::string writeMap(const std::string &shape, const std::string &from,
                            const std::string &to, const std::string &body) {
  std::string x = "tensor<" + shape + from + ">",
              y = "tensor<" + shape + to + ">";
  return "func.func private @map(%x: " + x + ", %out: " + y + ") -> " + y +
         R"( attributes {dl.kernel} {
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]} ins(%x : )" +
         x + ") outs(%out : " + y + ") {\n  ^bb0(%a: " + from + ", %o: " + to +
         "):\n" + body + "\n    linalg.yield %r : " + to + "\n  } -> " + y +
         "\n  return %0 : " + y + "\n}\n";
}

// Blocks of four channels at four pixels, of which the last begins before the
// one before it ends; channels outside are the border.
TEST_F(SpirvOnVulkan, DepthwiseConvByBlocks) {
  constexpr int64_t kHeight = 3, kWidth = 10, kC = 12;
  load("depthwise.mlir", getTarget());
  const dl::spirv::SpirvKernel &kernel = compiled->spirv.kernels.front();
  ASSERT_EQ(kernel.stages.size(), 1u);
  EXPECT_EQ(evaluate(kernel.stages.front().elements, {}),
            kHeight * ((kWidth + 3) / 4) * kC / 4);
  Floats x = makeFloats(kHeight * kWidth * kC, 1), w = makeFloats(9 * kC, 2),
         b = makeFloats(kC, 3), expected(x.size());
  for (int64_t h = 0; h < kHeight; ++h)
    for (int64_t v = 0; v < kWidth; ++v)
      for (int64_t c = 0; c < kC; ++c) {
        float sum = 0;
        for (int64_t i = 0; i < 3; ++i)
          for (int64_t j = 0; j < 3; ++j) {
            int64_t y = h + i - 1, z = v + j - 1;
            bool isInside = y >= 0 && y < kHeight && z >= 0 && z < kWidth;
            sum += (isInside ? x[(y * kWidth + z) * kC + c] : 0.5f) *
                   w[(i * 3 + j) * kC + c];
          }
        expected[(h * kWidth + v) * kC + c] = std::max(sum + b[c], 0.0f);
      }
  add(x), add(w), add(b), add(makeResult(expected.size()));
  expectNear(run({}), expected);
}

// Of bytes, four are a word.
TEST_F(SpirvOnVulkan, BytesByVectors) {
  load(writeMap("?x12x", "i8", "i8", R"(    %w = arith.extsi %a : i8 to i32
    %c = arith.constant 3 : i32
    %s = arith.muli %w, %c : i32
    %r = arith.trunci %s : i32 to i8)"),
       getTarget());
  const auto &stages = compiled->spirv.kernels.front().stages;
  EXPECT_EQ(evaluate(stages.front().elements, {5, 5}), 5 * 12 / 4);
  std::vector<uint8_t> x = makeBytes(60);
  add(x), add(std::vector<uint8_t>(60, 99));
  std::vector<uint8_t> found = run<uint8_t>({5, 5});
  for (size_t i = 0; i < x.size(); ++i)
    EXPECT_EQ(found[i], uint8_t(x[i] * 3)) << i;
}

TEST_F(SpirvOnVulkan, BytesWithAndWithoutSignToFloats) {
  for (bool hasSign : {false, true}) {
    load(writeMap("2x20x", "i8", "f32",
                  std::string("    %r = arith.") +
                      (hasSign ? "sitofp" : "uitofp") + " %a : i8 to f32"),
         getTarget());
    std::vector<uint8_t> x = makeBytes(40);
    add(x), add(makeResult(40));
    Floats found = run({});
    for (size_t i = 0; i < x.size(); ++i)
      EXPECT_EQ(found[i], hasSign ? float(int8_t(x[i])) : float(x[i])) << i;
  }
}

// Four halves are two words, with and without a type for them.
TEST_F(SpirvOnVulkan, HalvesByVectors) {
  for (const char *name : {"generic", "pascal"}) {
    SCOPED_TRACE(name);
    load(writeMap("4x8x", "f16", "f16", R"(    %w = arith.extf %a : f16 to f32
    %s = arith.negf %w : f32
    %r = arith.truncf %s : f32 to f16)"),
         getTarget(name));
    std::vector<uint16_t> x(32), expected(32);
    for (size_t i = 0; i < x.size(); ++i)
      x[i] = uint16_t(0x3c00 + i * 37), expected[i] = x[i] ^ 0x8000;
    add(x), add(std::vector<uint16_t>(32, 0x7fff));
    EXPECT_EQ(run<uint16_t>({}), expected);
  }
}

// Elements of 64 bits and conditions lie in memory one by one.
TEST_F(SpirvOnVulkan, OtherTypesByVectors) {
  load(writeMap("4x8x", "i64", "i1", R"(    %c = arith.constant 5 : i64
    %r = arith.cmpi slt, %a, %c : i64)"),
       getTarget());
  std::vector<int64_t> x(32);
  std::vector<uint8_t> expected(32);
  for (int64_t i = 0; i < 32; ++i)
    x[i] = (i * 7 % 11) - (int64_t(i % 2) << 40), expected[i] = x[i] < 5;
  add(x), add(std::vector<uint8_t>(32, 99));
  EXPECT_EQ(run<uint8_t>({}), expected);
}

// Parts of a result, whose stages leave alone what others have written.
TEST_F(SpirvOnVulkan, PartsByVectors) {
  load(
      R"(func.func private @join(%x: tensor<6x8xf32>, %y: tensor<6x4xf32>, %out: tensor<6x12xf32>) -> tensor<6x12xf32> attributes {dl.kernel} {
  %all = tensor.empty() : tensor<6x12xf32>
  %0 = tensor.insert_slice %x into %all[0, 0] [6, 8] [1, 1] : tensor<6x8xf32> into tensor<6x12xf32>
  %1 = tensor.insert_slice %y into %0[0, 8] [6, 4] [1, 1] : tensor<6x4xf32> into tensor<6x12xf32>
  return %1 : tensor<6x12xf32>
}
)",
      getTarget());
  const auto &stages = compiled->spirv.kernels.front().stages;
  ASSERT_EQ(stages.size(), 2u);
  EXPECT_EQ(evaluate(stages[0].elements, {}), 12);
  EXPECT_EQ(evaluate(stages[1].elements, {}), 6);
  Floats x = makeFloats(48, 1), y = makeFloats(24, 2), expected(72);
  for (size_t i = 0; i < 6; ++i)
    for (size_t j = 0; j < 12; ++j)
      expected[i * 12 + j] = j < 8 ? x[i * 8 + j] : y[i * 4 + j - 8];
  add(x), add(y), add(makeResult(72));
  expectNear(run({}), expected);
}

// Images whose columns lie innermost: each lane has a border of its own, and
// every second column is read.
TEST_F(SpirvOnVulkan, BorderAndStepsAlongLanes) {
  load(
      R"(func.func private @steps(%x: tensor<3x15xf32>, %out: tensor<3x8xf32>) -> tensor<3x8xf32> attributes {dl.kernel} {
  %border = arith.constant 2.0 : f32
  %padded = tensor.pad %x low[0, 1] high[0, 1] {
  ^bb0(%i: index, %j: index):
    tensor.yield %border : f32
  } : tensor<3x15xf32> to tensor<3x17xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j * 2)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%out, %padded : tensor<3x8xf32>, tensor<3x17xf32>) outs(%out : tensor<3x8xf32>) {
  ^bb0(%a: f32, %p: f32, %o: f32):
    linalg.yield %p : f32
  } -> tensor<3x8xf32>
  return %0 : tensor<3x8xf32>
}
)",
      getTarget());
  Floats x = makeFloats(45, 1), expected(24);
  for (int64_t i = 0; i < 3; ++i)
    for (int64_t j = 0; j < 8; ++j)
      expected[i * 8 + j] = j > 0 ? x[i * 15 + 2 * j - 1] : 2.0f;
  add(x), add(makeResult(24));
  expectNear(run({}), expected);
}

// A product whose columns do not lie side by side in the result.
TEST_F(SpirvOnVulkan, ProductStoredColumnByColumn) {
  constexpr int64_t kM = 12, kN = 64, kK = 16;
  load(
      R"(func.func private @transposed(%x: tensor<12x16xf32>, %w: tensor<16x64xf32>, %out: tensor<64x12xf32>) -> tensor<64x12xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<12x64xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<12x64xf32>) -> tensor<12x64xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<12x16xf32>, tensor<16x64xf32>) outs(%init : tensor<12x64xf32>) -> tensor<12x64xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]} ins(%0 : tensor<12x64xf32>) outs(%out : tensor<64x12xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.maximumf %a, %zero : f32
    linalg.yield %r : f32
  } -> tensor<64x12xf32>
  return %1 : tensor<64x12xf32>
}
)",
      getTarget());
  Floats x = makeFloats(kM * kK, 1), w = makeFloats(kK * kN, 2),
         expected(kN * kM);
  for (int64_t i = 0; i < kM; ++i)
    for (int64_t j = 0; j < kN; ++j) {
      float sum = 0;
      for (int64_t k = 0; k < kK; ++k)
        sum += x[i * kK + k] * w[k * kN + j];
      expected[j * kM + i] = std::max(sum, 0.0f);
    }
  add(x), add(w), add(makeResult(expected.size()));
  expectNear(run({}), expected);
}

/// A sum over one of two dimensions.
static std::string writeSum(int64_t rows, int64_t columns, bool overColumns) {
  std::string x = "tensor<" + std::to_string(rows) + "x" +
                  std::to_string(columns) + "xf32>",
              y = "tensor<" + std::to_string(overColumns ? rows : columns) +
                  "xf32>";
  return "func.func private @sum(%x: " + x + ", %out: " + y + ") -> " + y +
         R"( attributes {dl.kernel} {
  %start = arith.constant 1.0 : f32
  %init = linalg.fill ins(%start : f32) outs(%out : )" +
         y + ") -> " + y + R"(
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> ()" +
         (overColumns ? "i, j" : "j, i") + R"()>, affine_map<(i, j) -> (i)>],
      iterator_types = ["parallel", "reduction"]} ins(%x : )" +
         x + ") outs(%init : " + y + R"() {
  ^bb0(%a: f32, %acc: f32):
    %s = arith.addf %acc, %a : f32
    linalg.yield %s : f32
  } -> )" +
         y + "\n  return %0 : " + y + "\n}\n";
}

// Along rows, which one invocation's vectors are parts of; across columns, of
// which each lane is one; of many steps, which dispatches divide, as they do
// rows that are too long for one stage.
TEST_F(SpirvOnVulkan, SumsByVectors) {
  dl::spirv::SpirvTarget target = getTarget();
  target.rowInvocations = 1;
  struct Shape {
    int64_t rows, columns;
  };
  for (auto [rows, columns] :
       {Shape{5, 256}, {256, 12}, {3, 70000}, {70000, 4}})
    for (bool overColumns : {false, true}) {
      SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(columns) +
                   (overColumns ? ", columns" : ", rows"));
      ASSERT_NO_FATAL_FAILURE(
          load(writeSum(rows, columns, overColumns), target));
      bool isLong = (overColumns ? columns : rows) > (1 << 16);
      EXPECT_EQ(bool(compiled->spirv.kernels.front().stages.front().trips),
                isLong);
      Floats x = makeFloats(rows * columns, 1);
      std::vector<double> expected(overColumns ? rows : columns, 1);
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j)
          expected[overColumns ? i : j] += x[i * columns + j];
      add(x), add(makeResult(expected.size()));
      Floats found = run({});
      for (size_t i = 0; i < expected.size(); ++i)
        ASSERT_NEAR(found[i], expected[i], 2e-3) << "at " << i;
    }
}

// As many columns as keep the device busy, for which one row is read.
TEST_F(SpirvOnVulkan, ProductsOfFewRows) {
  for (int64_t m : {1, 3})
    for (int64_t n : {48, 37}) {
      constexpr int64_t kK = 20;
      SCOPED_TRACE(std::to_string(m) + " x " + std::to_string(n));
      std::string x = "tensor<" + std::to_string(m) + "x20xf32>",
                  w = "tensor<20x" + std::to_string(n) + "xf32>",
                  y = "tensor<" + std::to_string(m) + "x" + std::to_string(n) +
                      "xf32>";
      std::string types = x + ", " + w + ") outs(%init : " + y;
      load("func.func private @product(%x: " + x + ", %w: " + w +
               ", %out: " + y + ") -> " + y +
               " attributes {dl.kernel} {\n  %zero = arith.constant 0.0 : f32"
               "\n  %init = linalg.fill ins(%zero : f32) outs(%out : " +
               y + ") -> " + y + "\n  %0 = linalg.matmul ins(%x, %w : " +
               types + ") -> " + y + "\n  return %0 : " + y + "\n}\n",
           getTarget());
      Floats a = makeFloats(m * kK, 1), b = makeFloats(kK * n, 2),
             expected(m * n);
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j)
          for (int64_t k = 0; k < kK; ++k)
            expected[i * n + j] += a[i * kK + k] * b[k * n + j];
      add(a), add(b), add(makeResult(expected.size()));
      expectNear(run({}), expected);
    }
}
