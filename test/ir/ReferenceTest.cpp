// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The reference as a library. What ops compute is tested in interpret/.

#include "ir/dialect/Dialect.h"
#include "ir/reference/Interpreter.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::dl::reference;

namespace {

class ReferenceTest : public ::testing::Test {
protected:
  ReferenceTest() {
    context.loadDialect<mlir::dl::DlDialect, func::FuncDialect>();
  }

  func::FuncOp parse(StringRef source) {
    module = parseSourceString<ModuleOp>(source, &context);
    return *module->getOps<func::FuncOp>().begin();
  }

  /// Runs `body` and gives the diagnostics that it emits.
  std::string collect(function_ref<void()> body) {
    std::string text;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      text += diagnostic.str();
      return success();
    });
    body();
    return text;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  Type f32 = Float32Type::get(&context);
  Type i64 = IntegerType::get(&context, 64);
};

TEST_F(ReferenceTest, HoldsEveryElementType) {
  for (Type type :
       {Type(Float16Type::get(&context)), Type(BFloat16Type::get(&context)),
        f32, Type(Float64Type::get(&context)),
        Type(Float8E4M3FNType::get(&context)),
        Type(Float8E5M2Type::get(&context))}) {
    std::vector<double> elements = {-1.5, 0, 2};
    EXPECT_EQ(Tensor::store<double>(type, {3}, elements).load<double>(),
              elements);
  }
  for (unsigned width : {4, 8, 16, 32, 64}) {
    std::vector<int64_t> elements = {-8, 0, 7};
    Tensor tensor = Tensor::store<int64_t>(IntegerType::get(&context, width),
                                           {3}, elements);
    EXPECT_EQ(tensor.load<int64_t>(), elements);
    EXPECT_EQ(
        *Tensor::fromAttribute(tensor.toAttribute())->load<int64_t>().begin(),
        -8);
    Type isUnsigned = IntegerType::get(&context, width, IntegerType::Unsigned);
    EXPECT_EQ(
        Tensor::store<int64_t>(isUnsigned, {3}, elements).load<int64_t>()[0],
        width == 64 ? -8 : (int64_t(1) << width) - 8);
  }
  Tensor flags =
      Tensor::store<int64_t>(IntegerType::get(&context, 1), {3}, {1, 0, -1});
  EXPECT_EQ(flags.load<int64_t>(), (std::vector<int64_t>{1, 0, 1}));
  EXPECT_EQ(flags.getElementBytes(), 1);
}

TEST_F(ReferenceTest, AlignsElements) {
  Tensor tensor(f32, {3, 5});
  EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.getData()) % 64, 0u);
  EXPECT_EQ(Tensor(f32, {0}).getNumElements(), 0);
}

TEST_F(ReferenceTest, ReadsResourcesInPlace) {
  SmallVector<float> weights = {1, 2, 3};
  ArrayRef<char> bytes(reinterpret_cast<char *>(weights.data()), 12);
  auto type = RankedTensorType::get({3}, f32);
  auto attribute = DenseResourceElementsAttr::get(
      type, "weights", UnmanagedAsmResourceBlob::allocateInferAlign(bytes));
  auto tensor = Tensor::fromAttribute(attribute);
  ASSERT_TRUE(succeeded(tensor));
  EXPECT_EQ(tensor->getData(), bytes.data());
  EXPECT_EQ(tensor->load<double>(), (std::vector<double>{1, 2, 3}));
}

TEST_F(ReferenceTest, TellsEachResult) {
  func::FuncOp function = parse(R"mlir(
    func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
      %0 = dl.add %x, %x : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
      %1 = dl.neg %0 : (tensor<2xf32>) -> tensor<2xf32>
      return %1 : tensor<2xf32>
    })mlir");
  std::vector<std::string> seen;
  InterpreterOptions options;
  options.onResults = [&](Operation *op, ArrayRef<Tensor> results) {
    seen.push_back(op->getName().getStringRef().str());
    EXPECT_EQ(results.size(), 1u);
  };
  auto results =
      interpret(function, Tensor::store<double>(f32, {2}, {1, 2}), options);
  ASSERT_TRUE(succeeded(results));
  EXPECT_EQ((*results)[0].load<double>(), (std::vector<double>{-2, -4}));
  EXPECT_EQ(seen, (std::vector<std::string>{"dl.add", "dl.neg"}));
}

TEST_F(ReferenceTest, BindsSymbols) {
  func::FuncOp function = parse(R"mlir(
    func.func @main(%x: tensor<?x?xf32, #dl.dims<()[s0, s1] -> (s0 + 1, s1)>>,
                    %y: tensor<?xf32, #dl.dims<()[s0] -> (s0)>>)
        attributes {dl.symbols = ["n", "m"]} {
      return
    })mlir");
  Tensor x(f32, {3, 5}), y(f32, {2});
  auto symbols = bindSymbols(function, {x, y});
  ASSERT_TRUE(succeeded(symbols));
  EXPECT_EQ(*symbols, (SmallVector<int64_t>{2, 5}));
  EXPECT_EQ(collect([&] { EXPECT_TRUE(failed(bindSymbols(function, {x}))); }),
            "expected 2 inputs, found 1");
}

TEST_F(ReferenceTest, NeedsLibraries) {
  func::FuncOp function = parse(R"mlir(
    func.func @main(%x: tensor<1x!dl.string>) -> tensor<1xi1> {
      %0 = dl.string_match %x {pattern = "a"} : (tensor<1x!dl.string>) -> tensor<1xi1>
      return %0 : tensor<1xi1>
    })mlir");
  Tensor text =
      Tensor::storeStrings(mlir::dl::StringType::get(&context), {1}, {"a"});
  EXPECT_EQ(collect([&] { EXPECT_TRUE(failed(interpret(function, text))); }),
            "'dl.string_match' op needs the library of optional functions, "
            "which this interpreter runs without");
}

TEST_F(ReferenceTest, ComputesOneOp) {
  func::FuncOp function = parse(R"mlir(
    func.func @main(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0)>>) {
      %0 = dl.reduce sum, %x {axes = array<i64: 0>} : (tensor<?xf32, #dl.dims<()[s0] -> (s0)>>) -> tensor<f32>
      return
    })mlir");
  Operation *op = &function.front().front();
  auto results = interpretOp(op, Tensor::store<double>(f32, {2}, {1, 2}), {2});
  ASSERT_TRUE(succeeded(results));
  EXPECT_EQ((*results)[0].load<double>()[0], 3);
  EXPECT_EQ(collect([&] { EXPECT_TRUE(failed(interpretOp(op, {}, {2}))); }),
            "'dl.reduce' op expected 1 operands, found 0");
}

} // namespace
