// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Stages that go over rows, on a device.

#include "test/codegen/spirv/SpirvOnVulkan.h"

static std::string writeType(int64_t rows, int64_t columns,
                             const char *element) {
  return "tensor<" + std::to_string(rows) + "x" + std::to_string(columns) +
         "x" + element + ">";
}

static std::string writeSoftmax(int64_t rows, int64_t columns,
                                const char *element = "f32") {
  std::string type = writeType(rows, columns, element);
  return "func.func @main(%x: " + type + ") -> " + type + R"( {
  %0 = dl.softmax %x {axis = 1 : i64} : ()" +
         type + ") -> " + type + "\n  return %0 : " + type + "\n}\n";
}

static Floats computeSoftmax(const Floats &x, int64_t columns) {
  Floats result(x.size());
  for (size_t row = 0; row < x.size(); row += columns) {
    float most = x[row];
    for (int64_t j = 0; j < columns; ++j)
      most = std::max(most, x[row + j]);
    double sum = 0;
    for (int64_t j = 0; j < columns; ++j)
      sum += std::exp(double(x[row + j]) - most);
    for (int64_t j = 0; j < columns; ++j)
      result[row + j] = float(std::exp(double(x[row + j]) - most) / sum);
  }
  return result;
}

/// (x - mean) / sqrt(variance + 1), times and plus a vector.
static std::string writeNorm(int64_t rows, int64_t columns) {
  std::string type = writeType(rows, columns, "f32"),
              row = writeType(rows, 1, "f32"),
              vector = "tensor<" + std::to_string(columns) + "xf32>";
  auto binary = [](const std::string &op, const std::string &a,
                   const std::string &b, const std::string &result) {
    return op + " : (" + a + ", " + b + ") -> " + result + "\n";
  };
  auto reduce = [&](const std::string &value) {
    return "dl.reduce sum, " + value +
           " {axes = array<i64: 1>, keepdims = true} : (" + type + ") -> " +
           row + "\n";
  };
  std::string scalar = "tensor<f32>";
  return "func.func @main(%x: " + type + ", %a: " + vector + ", %b: " + vector +
         ") -> " + type + " {\n  %n = dl.constant dense<" +
         std::to_string(columns) + ".0> : tensor<f32>\n" +
         "  %one = dl.constant dense<1.0> : tensor<f32>\n  %0 = " +
         reduce("%x") + "  %1 = " + binary("dl.div %0, %n", row, scalar, row) +
         "  %2 = " + binary("dl.sub %x, %1", type, row, type) +
         "  %3 = " + binary("dl.mul %2, %2", type, type, type) +
         "  %4 = " + reduce("%3") +
         "  %5 = " + binary("dl.div %4, %n", row, scalar, row) +
         "  %6 = " + binary("dl.add %5, %one", row, scalar, row) +
         "  %7 = dl.sqrt %6 : (" + row + ") -> " + row +
         "\n  %8 = " + binary("dl.div %2, %7", type, row, type) +
         "  %9 = " + binary("dl.mul %8, %a", type, vector, type) +
         "  %10 = " + binary("dl.add %9, %b", type, vector, type) +
         "  return %10 : " + type + "\n}\n";
}

static Floats computeNorm(const Floats &x, const Floats &a, const Floats &b) {
  size_t columns = a.size();
  Floats result(x.size());
  for (size_t row = 0; row < x.size(); row += columns) {
    double mean = 0, variance = 0;
    for (size_t j = 0; j < columns; ++j)
      mean += x[row + j] / double(columns);
    for (size_t j = 0; j < columns; ++j)
      variance += (x[row + j] - mean) * (x[row + j] - mean) / double(columns);
    for (size_t j = 0; j < columns; ++j)
      result[row + j] =
          float((x[row + j] - mean) / std::sqrt(variance + 1) * a[j] + b[j]);
  }
  return result;
}

class SpirvRows : public SpirvOnVulkan,
                  public testing::WithParamInterface<const char *> {
protected:
  void loadRows(const std::string &source) {
    load(source, *dl::spirv::parseTarget(GetParam()));
    EXPECT_EQ(compiled->spirv.kernels.front().stages.size(), 1u);
  }
};

namespace {
/// Rows: few and many; shorter than a subgroup's vectors, with a rest, and
/// longer than registers hold.
struct Shape {
  int64_t rows, columns;
};
} // namespace

static constexpr Shape kShapes[] = {
    {1, 2},   {3, 5},      {7, 12},   {40, 49},   {1, 768}, {19, 768},
    {5, 197}, {2100, 128}, {2, 9001}, {1, 16388}, {4, 2052}};

TEST_P(SpirvRows, Softmax) {
  for (auto [rows, columns] : kShapes) {
    SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(columns));
    loadRows(writeSoftmax(rows, columns));
    Floats x = makeFloats(rows * columns, 1);
    for (float &value : x)
      value *= 30;
    add(x), add(makeResult(x.size()));
    expectNear(run({}), computeSoftmax(x, columns));
  }
}

TEST_P(SpirvRows, LayerNorm) {
  for (auto [rows, columns] : kShapes) {
    SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(columns));
    loadRows(writeNorm(rows, columns));
    Floats x = makeFloats(rows * columns, 1), a = makeFloats(columns, 2),
           b = makeFloats(columns, 3);
    add(x), add(a), add(b), add(makeResult(x.size()));
    expectNear(run({}), computeNorm(x, a, b));
  }
}

TEST_P(SpirvRows, LargestOfWholeNumbers) {
  for (auto [rows, columns] : kShapes) {
    SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(columns));
    std::string type = writeType(rows, columns, "i64"),
                result = "tensor<" + std::to_string(rows) + "xi64>";
    loadRows("func.func @main(%x: " + type + ") -> " + result +
             " {\n  %0 = dl.reduce max, %x {axes = array<i64: 1>, keepdims = "
             "false} : (" +
             type + ") -> " + result + "\n  return %0 : " + result + "\n}\n");
    std::vector<int64_t> x, expected(rows, INT64_MIN);
    for (float value : makeFloats(rows * columns, 1))
      x.push_back(int64_t(value * 0x1p50));
    for (size_t i = 0; i < x.size(); ++i)
      expected[i / columns] = std::max(expected[i / columns], x[i]);
    add(x), add(std::vector<int64_t>(rows));
    EXPECT_EQ(run<int64_t>({}), expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, SpirvRows,
                         testing::Values("generic", "lavapipe", "pascal",
                                         "basic"),
                         [](const auto &info) { return info.param; });

// The largest of a row is one of 16 bits.
TEST_F(SpirvOnVulkan, SoftmaxOfBfloat16) {
  constexpr int64_t kRows = 3, kColumns = 768;
  for (const char *target : {"generic", "lavapipe"}) {
    SCOPED_TRACE(target);
    load(writeSoftmax(kRows, kColumns, "bf16"),
         *dl::spirv::parseTarget(target));
    EXPECT_EQ(compiled->spirv.kernels.front().stages.size(), 1u);
    std::vector<uint16_t> x;
    Floats rounded;
    for (float value : makeFloats(kRows * kColumns, 1)) {
      uint32_t bits = llvm::bit_cast<uint32_t>(value * 4);
      x.push_back(uint16_t(bits >> 16));
      rounded.push_back(llvm::bit_cast<float>(bits & 0xffff0000));
    }
    Floats expected = computeSoftmax(rounded, kColumns);
    add(x), add(std::vector<uint16_t>(x.size()));
    std::vector<uint16_t> found = run<uint16_t>({});
    for (size_t i = 0; i < x.size(); ++i)
      ASSERT_NEAR(llvm::bit_cast<float>(uint32_t(found[i]) << 16), expected[i],
                  0.02 * expected[i])
          << "at " << i;
  }
}
