// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Products and convolutions that read vectors, on a device.

#include "test/codegen/spirv/SpirvOnVulkan.h"

namespace {
/// A kind of device, and how many invocations keep it busy: of those that stage
/// operands, one that takes large tiles, and one that takes small ones.
struct Device {
  const char *name;
  int64_t busyInvocations;
};
} // namespace

class SpirvProducts : public SpirvOnVulkan,
                      public testing::WithParamInterface<Device> {
protected:
  void loadProduct(const std::string &source) {
    dl::spirv::SpirvTarget target = *dl::spirv::parseTarget(GetParam().name);
    target.busyInvocations = GetParam().busyInvocations;
    load(source, target);
  }
};

INSTANTIATE_TEST_SUITE_P(
    Devices, SpirvProducts,
    testing::Values(Device{"generic", 16384}, Device{"pascal", 1},
                    Device{"pascal", 1 << 30}, Device{"rdna3", 1},
                    Device{"rdna3", 1 << 30}),
    [](const auto &info) {
      return info.param.name + std::to_string(info.param.busyInvocations);
    });

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
TEST_P(SpirvProducts, InEachOrder) {
  struct Sizes {
    int64_t m, n, k;
  };
  for (auto [m, n, k] : {Sizes{64, 128, 32},
                         {40, 36, 20},
                         {12, 100, 8},
                         {33, 37, 7},
                         {130, 132, 36},
                         {65, 133, 35}}) {
    Floats x = makeFloats(m * k, 1), w = makeFloats(k * n, 2);
    for (bool isColumnX : {false, true})
      for (bool isColumnW : {false, true}) {
        SCOPED_TRACE(std::to_string(m) + " x " + std::to_string(n) + " x " +
                     std::to_string(k) + (isColumnX ? ", x" : ", ") +
                     (isColumnW ? "w" : ""));
        loadProduct(writeProduct(m, n, k, isColumnX, isColumnW));
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

// Of a panel that keeps something, and of one that keeps nothing; groups of
// rows in any order, and slots beyond the last one, which hold what must not
// count.
TEST_P(SpirvProducts, PanelsWithoutZeros) {
  constexpr int64_t kN = 64, kK = 64, kSlots = 24, kWidth = 32, kGroup = 4;
  loadProduct("panels.mlir");
  Floats values = makeFloats(2 * kSlots * kWidth, 1);
  std::vector<int16_t> positions(2 * kSlots);
  for (int64_t slot = 0; slot < 2 * kSlots; ++slot)
    positions[slot] = int16_t((slot / kGroup * 28 + slot % kGroup) % kK);
  for (std::vector<int32_t> counts :
       {std::vector<int32_t>{24, 12}, {8, 0}, {0, 24}, {4, 20}})
    for (int64_t m : {0, 1, 7, 64, 131}) {
      SCOPED_TRACE(std::to_string(m) + " rows, " + std::to_string(counts[0]) +
                   " and " + std::to_string(counts[1]) + " slots");
      Floats x = makeFloats(m * kK, 3), expected(m * kN);
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < kN; ++j) {
          int64_t panel = j / kWidth;
          float sum = 0;
          for (int64_t slot = panel * kSlots;
               slot < panel * kSlots + counts[panel]; ++slot)
            sum += x[i * kK + positions[slot]] *
                   values[slot * kWidth + j % kWidth];
          expected[i * kN + j] = std::tanh(sum);
        }
      add(x), add(values), add(positions), add(counts);
      add(makeResult(m * kN));
      expectNear(run({m, m}), expected);
    }
}

// Vectors of channels, of which those outside are the border.
TEST_P(SpirvProducts, ConvOfChannelsWithBorder) {
  constexpr int64_t kC = 12, kO = 20, kW = 21;
  loadProduct(
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

// Batches, of which rows are computed as they are read, columns are 16-bit
// floats, and what follows reads the row's number.
TEST_P(SpirvProducts, BatchesOfComputedRows) {
  constexpr int64_t kBatch = 3, kM = 34, kN = 44, kK = 20;
  loadProduct(
      R"(func.func private @product(%x: tensor<3x34x20xf32>, %w: tensor<3x20x44xf16>, %b: tensor<34xf32>,
    %out: tensor<3x34x44xf32>) -> tensor<3x34x44xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<3x34x20xf32>
  %rows = linalg.generic {indexing_maps = [affine_map<(b, i, j) -> (b, i, j)>, affine_map<(b, i, j) -> (b, i, j)>],
      iterator_types = ["parallel", "parallel", "parallel"]} ins(%x : tensor<3x34x20xf32>) outs(%e : tensor<3x34x20xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %a, %one : f32
    linalg.yield %s : f32
  } -> tensor<3x34x20xf32>
  %t = tensor.empty() : tensor<3x34x44xf32>
  %init = linalg.fill ins(%zero : f32) outs(%t : tensor<3x34x44xf32>) -> tensor<3x34x44xf32>
  %0 = linalg.generic {indexing_maps = [
        affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (b, k, n)>,
        affine_map<(b, m, n, k) -> (b, m, n)>],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%rows, %w : tensor<3x34x20xf32>, tensor<3x20x44xf16>) outs(%init : tensor<3x34x44xf32>) {
  ^bb0(%a: f32, %c: f16, %acc: f32):
    %wide = arith.extf %c : f16 to f32
    %p = arith.mulf %a, %wide : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<3x34x44xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (m)>,
        affine_map<(b, m, n) -> (b, m, n)>],
      iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%0, %b : tensor<3x34x44xf32>, tensor<34xf32>) outs(%out : tensor<3x34x44xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %s = arith.addf %a, %c : f32
    linalg.yield %s : f32
  } -> tensor<3x34x44xf32>
  return %1 : tensor<3x34x44xf32>
}
)");
  EXPECT_EQ(compiled->spirv.kernels.front().stages.size(), 1u);
  Floats x = makeFloats(kBatch * kM * kK, 1), b = makeFloats(kM, 2),
         w(kBatch * kK * kN), expected(kBatch * kM * kN);
  std::vector<uint16_t> halves;
  for (size_t i = 0; i < w.size(); ++i) {
    // 1, 1.25, 1.5 or 1.75, with a sign.
    uint16_t quarters = i * 7 % 4, sign = i * 5 % 3 == 0;
    halves.push_back(uint16_t(0x3c00 | quarters << 8 | sign << 15));
    w[i] = (1 + 0.25f * quarters) * (sign ? -1 : 1);
  }
  for (int64_t i = 0; i < kBatch * kM; ++i)
    for (int64_t j = 0; j < kN; ++j) {
      float sum = b[i % kM];
      for (int64_t k = 0; k < kK; ++k)
        sum += (x[i * kK + k] + 1) * w[(i / kM * kK + k) * kN + j];
      expected[i * kN + j] = sum;
    }
  add(x), add(halves), add(b), add(makeResult(expected.size()));
  expectNear(run({}), expected);
}

// Columns of 8-bit floats, which are widened as they are read, four at a time:
// of rows enough for tiles, and of one.
TEST_P(SpirvProducts, Float8Columns) {
  constexpr int64_t kN = 44, kK = 32;
  for (int64_t m : {1, 20}) {
    SCOPED_TRACE(m);
    std::string x = "tensor<" + std::to_string(m) + "x32xf32>",
                y = "tensor<" + std::to_string(m) + "x44xf32>";
    loadProduct("func.func @main(%x: " + x +
                ", %w: tensor<32x44xf8E4M3FN>) -> " + y + R"( {
  %scale = dl.constant dense<2.0> : tensor<1x44xf32>
  %0 = dl.cast %w : (tensor<32x44xf8E4M3FN>) -> tensor<32x44xf32>
  %1 = dl.mul %0, %scale : (tensor<32x44xf32>, tensor<1x44xf32>) -> tensor<32x44xf32>
  %2 = dl.matmul %x, %1 : ()" +
                x + ", tensor<32x44xf32>) -> " + y + "\n  return %2 : " + y +
                "\n}\n");
    EXPECT_EQ(compiled->spirv.kernels.front().stages.size(), 1u);
    std::vector<uint8_t> w;
    Floats values;
    for (int64_t i = 0; i < kK * kN; ++i) {
      // All numbers of magnitudes to 15, with those that have no leading one.
      int code = int(i * 37 % 88), exponent = code >> 3, fraction = code & 7;
      bool isNegative = i % 3 == 0;
      w.push_back(uint8_t(code | isNegative << 7));
      float value = exponent ? std::ldexp(float(8 + fraction), exponent - 10)
                             : std::ldexp(float(fraction), -9);
      values.push_back(isNegative ? -value : value);
    }
    Floats a = makeFloats(m * kK, 1), expected(m * kN);
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < kN; ++j)
        for (int64_t k = 0; k < kK; ++k)
          expected[i * kN + j] += a[i * kK + k] * values[k * kN + j] * 2;
    add(w), add(a), add(makeResult(expected.size())); // as they are first used
    Floats found = run({});
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i)
      ASSERT_NEAR(found[i], expected[i], 1e-4 * (1 + std::fabs(expected[i])))
          << "at " << i;
  }
}
