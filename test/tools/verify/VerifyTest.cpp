// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What dl-compile --verify is made of: bounds of rounding, and smaller
// programs.

#include "ir/dialect/Dialect.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "tools/verify/Program.h"
#include "tools/verify/Rounding.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::dl::reference;
using namespace ::dl::tools;

namespace {

class VerifyTest : public ::testing::Test {
protected:
  VerifyTest() {
    context.loadDialect<mlir::dl::DlDialect, func::FuncDialect>();
  }

  Program parse(StringRef source, Tensors inputs) {
    return {parseSourceString<ModuleOp>(source, &context), std::move(inputs)};
  }

  Tensor floats(ArrayRef<int64_t> shape, std::vector<double> values) {
    return Tensor::store<double>(f32, shape, values);
  }

  /// The first result of a program, and its bound.
  std::pair<Tensor, Bound> measure(const Program &program, Rounding rounding) {
    Tensor expected = (*interpret(program.getFunction(), program.inputs))[0];
    Bound bound;
    for (uint32_t seed : {1, 2})
      bound.add(expected,
                (*interpretRounded(program.getFunction(), program.inputs,
                                   rounding, seed))[0]);
    return {expected, bound};
  }

  /// The same values, element `at` moved by `by`.
  Tensor moved(const Tensor &tensor, size_t at, double by) {
    std::vector<double> values = tensor.load<double>();
    values[at] += by;
    return Tensor::store<double>(tensor.getElementType(), tensor.getShape(),
                                 values);
  }

  MLIRContext context;
  Type f32 = Float32Type::get(&context);
  Type i64 = IntegerType::get(&context, 64);
};

TEST_F(VerifyTest, AllowsASumAsMuchAsItsTermsErr) {
  // Terms of about 1000 cancel: the sum errs as they do, and not by more.
  std::vector<double> terms;
  for (int i = 0; i < 256; ++i)
    terms.push_back((i % 2 ? -1 : 1) * (1000 + std::sin(i)));
  Program program = parse(
      R"(func.func @main(%x: tensor<1x256xf32>) -> tensor<1xf32> {
        %0 = dl.reduce sum, %x {axes = array<i64: 1>} : (tensor<1x256xf32>) -> tensor<1xf32>
        return %0 : tensor<1xf32>
      })",
      {floats({1, 256}, terms)});
  auto [expected, bound] = measure(program, Rounding::Reassociated);
  EXPECT_FALSE(findDifference(expected, moved(expected, 0, 1e-3), bound));
  auto difference = findDifference(expected, moved(expected, 0, 5), bound);
  ASSERT_TRUE(difference);
  EXPECT_EQ(difference->count, 1);
  EXPECT_NE(difference->describe().find("1 of 1 element differs"),
            std::string::npos);
}

TEST_F(VerifyTest, LargeElementsDoNotHideErrorsOfSmallOnes) {
  std::vector<double> values;
  for (int i = 0; i < 512; ++i)
    values.push_back(i % 2 ? -1.1e9 : std::cos(i));
  Program program =
      parse(R"(func.func @main(%x: tensor<512xf32>) -> tensor<512xf32> {
        %c = dl.constant dense<1.1> : tensor<f32>
        %0 = dl.mul %x, %c : (tensor<512xf32>, tensor<f32>) -> tensor<512xf32>
        return %0 : tensor<512xf32>
      })",
            {floats({512}, values)});
  auto [expected, bound] = measure(program, Rounding::Compiled);
  EXPECT_FALSE(findDifference(expected, moved(expected, 0, 1e-7), bound));
  EXPECT_FALSE(findDifference(expected, moved(expected, 1, 100), bound));
  auto difference = findDifference(expected, moved(expected, 10, 1e-3), bound);
  ASSERT_TRUE(difference);
  EXPECT_EQ(difference->index, SmallVector<int64_t>({10}));
}

TEST_F(VerifyTest, Bf16MayErrMore) {
  std::vector<double> a, b;
  for (int i = 0; i < 256; ++i) {
    a.push_back(std::sin(i));
    b.push_back(std::cos(i));
  }
  Program program = parse(
      R"(func.func @main(%a: tensor<16x16xf32>, %b: tensor<16x16xf32>) -> tensor<16x16xf32> {
        %0 = dl.matmul %a, %b : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
        return %0 : tensor<16x16xf32>
      })",
      {floats({16, 16}, a), floats({16, 16}, b)});
  auto [expected, wide] = measure(program, Rounding::Compiled);
  auto [again, narrow] = measure(program, Rounding::Bf16);
  Tensor found = moved(expected, 3, 1e-2);
  EXPECT_TRUE(findDifference(expected, found, wide));
  EXPECT_FALSE(findDifference(expected, found, narrow));
  EXPECT_TRUE(findDifference(expected, moved(expected, 3, 2), narrow));
}

TEST_F(VerifyTest, OtherKindsOfNumbersDiffer) {
  Tensor expected = floats({3}, {NAN, INFINITY, 0});
  EXPECT_FALSE(findDifference(expected, expected, Bound()));
  EXPECT_TRUE(findDifference(expected, floats({3}, {0, INFINITY, 0}), Bound()));
  EXPECT_TRUE(
      findDifference(expected, floats({3}, {NAN, -INFINITY, 0}), Bound()));
  EXPECT_TRUE(
      findDifference(expected, floats({3}, {NAN, INFINITY, NAN}), Bound()));
  auto difference = findDifference(expected, floats({1}, {0}), Bound());
  ASSERT_TRUE(difference);
  EXPECT_EQ(difference->describe(), "[1] of f32 where [3] of f32 is expected");
}

TEST_F(VerifyTest, IntegersAreEqualUnlessRoundingTipsThem) {
  auto integers = [&](std::vector<int64_t> values) {
    return Tensor::store<int64_t>(i64, {static_cast<int64_t>(values.size())},
                                  values);
  };
  Tensor expected = integers({1, 2, 3});
  EXPECT_TRUE(findDifference(expected, integers({1, 2, 4}), Bound()));
  Bound tipped;
  tipped.add(expected, integers({1, 5, 3}));
  EXPECT_FALSE(findDifference(expected, integers({1, 2, 4}), tipped));
}

TEST_F(VerifyTest, UnspecifiedElementsAreNotCompared) {
  Program program = parse(
      R"(func.func @main(%x: tensor<3xf32>) -> tensor<3xi8> {
        %0 = dl.cast %x : (tensor<3xf32>) -> tensor<3xi8>
        return %0 : tensor<3xi8>
      })",
      {floats({3}, {-128.5, 127.5, 1e9})});
  auto [expected, bound] = measure(program, Rounding::Reassociated);
  EXPECT_GT(bound.getFlips(), 0);
  std::vector<int64_t> values = expected.load<int64_t>();
  EXPECT_EQ(values[0], -128);
  EXPECT_EQ(values[1], 127);
  values[2] += 1;
  EXPECT_FALSE(findDifference(
      expected, Tensor::store<int64_t>(expected.getElementType(), {3}, values),
      bound));
}

constexpr const char *kLateSize = R"(
  func.func @main(%x: tensor<6xf32>, %n: tensor<1xi64>) -> tensor<?xf32, #dl.dims<()[s0] -> (s0)>>
      attributes {dl.symbols = ["size"]} {
    %0 = dl.exp %x : (tensor<6xf32>) -> tensor<6xf32>
    dl.bind %n {symbols = array<i64: 0>, message = "the size is wrong"} : tensor<1xi64>
    %1 = dl.iota {axis = 0 : i64} : tensor<?xi64, #dl.dims<()[s0] -> (s0)>>
    %2 = dl.gather %0, %1 {axis = 0 : i64} : (tensor<6xf32>, tensor<?xi64, #dl.dims<()[s0] -> (s0)>>) -> tensor<?xf32, #dl.dims<()[s0] -> (s0)>>
    %3 = dl.neg %2 : (tensor<?xf32, #dl.dims<()[s0] -> (s0)>>) -> tensor<?xf32, #dl.dims<()[s0] -> (s0)>>
    return %3 : tensor<?xf32, #dl.dims<()[s0] -> (s0)>>
  })";

TEST_F(VerifyTest, APartHasTheValuesOfTheWhole) {
  Program program = parse(
      kLateSize, {floats({6}, {0, 1, 2, 3, 4, 5}),
                  Tensor::store<int64_t>(i64, {1}, std::vector<int64_t>{4})});
  auto recording = record(program);
  ASSERT_TRUE(succeeded(recording));
  // Without what makes the size: an argument has it in its shape.
  Cut cut;
  for (Operation &op : program.getFunction().front().without_terminator()) {
    if (isa<mlir::dl::BindOp>(op))
      cut.unbound.insert(&op);
    if (isa<mlir::dl::ExpOp>(op))
      cut.given.push_back(op.getResult(0));
    if (isa<mlir::dl::GatherOp>(op))
      cut.results.push_back(op.getResult(0));
  }
  Program part = extract(program, cut, *recording);
  EXPECT_EQ(countOps(part), 2u);
  auto results = interpret(part.getFunction(), part.inputs);
  ASSERT_TRUE(succeeded(results));
  EXPECT_EQ((*results)[0].load<double>(),
            recording->values.lookup(cut.results[0]).load<double>());
}

TEST_F(VerifyTest, ShrinksToTheOpThatMatters) {
  Program program = parse(
      kLateSize, {floats({6}, {0, 1, 2, 3, 4, 5}),
                  Tensor::store<int64_t>(i64, {1}, std::vector<int64_t>{4})});
  std::function<bool(Program)> isInteresting = [](Program candidate) {
    bool hasGather = false;
    candidate.module->walk([&](mlir::dl::GatherOp) { hasGather = true; });
    return hasGather &&
           succeeded(interpret(candidate.getFunction(), candidate.inputs));
  };
  size_t left = 0;
  Program small = shrink(std::move(program), isInteresting,
                         [&](size_t ops) { left = ops; });
  EXPECT_EQ(countOps(small), 1u);
  EXPECT_EQ(left, 1u);
  EXPECT_TRUE(isInteresting(small.clone()));
  // Its text has what it needs to run.
  std::string text = print(small, "two\nlines");
  EXPECT_EQ(text.rfind("// two\n// lines\n", 0), 0u);
  auto again = parseSourceString<ModuleOp>(text, &context);
  ASSERT_TRUE(again);
  auto given = getGivenInputs(Program::findFunction(*again));
  ASSERT_TRUE(given);
  EXPECT_TRUE(succeeded(interpret(Program::findFunction(*again), *given)));
}

} // namespace
