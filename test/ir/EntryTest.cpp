// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Programs for the reference as bytes, and calls of them.

#include "ir/reference/Entry.h"
#include "ir/dialect/Dialect.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/Alignment.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::dl::reference;

namespace {

class EntryTest : public ::testing::Test {
protected:
  EntryTest() {
    DialectRegistry registry;
    registerProgramDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  /// The program of a module's text, at a multiple of 64.
  ArrayRef<char> write(StringRef source) {
    auto module = parseSourceString<ModuleOp>(source, &context);
    std::string text;
    llvm::raw_string_ostream stream(text);
    EXPECT_TRUE(succeeded(writeProgram(*module, stream)));
    storage = std::make_unique<char[]>(text.size() + 64);
    char *begin = reinterpret_cast<char *>(
        llvm::alignAddr(storage.get(), llvm::Align(64)));
    std::copy(text.begin(), text.end(), begin);
    return {begin, text.size()};
  }

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
  std::unique_ptr<char[]> storage;
};

TEST_F(EntryTest, LeavesWeightsWhereTheyAre) {
  ArrayRef<char> bytes = write(R"(
    func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
      %w = dl.constant dense_resource<w> : tensor<4xf32>
      %y = dl.add %x, %w : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
      return %y : tensor<4xf32>
    }
    {-# dialect_resources: { builtin: { w: "0x400000000000803F000000400000404000008040" } } #-}
  )");
  auto module = readProgram("m.dlm", bytes, context);
  ASSERT_TRUE(module);
  module->walk([&](mlir::dl::ConstantOp op) {
    auto value = cast<DenseResourceElementsAttr>(op.getValue());
    const char *data = value.getRawHandle().getBlob()->getData().data();
    EXPECT_TRUE(data >= bytes.begin() && data < bytes.end());
  });
  float x[] = {10, 20, 30, 40};
  auto outputs = runEntry(module->lookupSymbol<func::FuncOp>("main"),
                          {{{4}, reinterpret_cast<const char *>(x)}});
  ASSERT_TRUE(succeeded(outputs));
  EXPECT_EQ((*outputs)[0].value.load<double>(),
            (std::vector<double>{11, 22, 33, 44}));
}

TEST_F(EntryTest, PackedSizesComeFromDeclaredShapes) {
  ArrayRef<char> bytes = write(R"(
    func.func @main(%x: tensor<?xui8, #dl.dims<()[s0] -> (s0 ceildiv 2)>>)
        -> tensor<?xui8, #dl.dims<()[s0] -> (s0 ceildiv 2)>> attributes {
          dl.symbols = ["N"],
          dl.input_types = [tensor<?xui4, #dl.dims<()[s0] -> (s0)>>],
          dl.output_types = [tensor<?xui4, #dl.dims<()[s0] -> (s0)>>]} {
      return %x : tensor<?xui8, #dl.dims<()[s0] -> (s0 ceildiv 2)>>
    }
  )");
  auto module = readProgram("m.dlm", bytes, context);
  ASSERT_TRUE(module);
  auto main = module->lookupSymbol<func::FuncOp>("main");
  const char x[] = {0x21, 0x03};
  auto outputs = runEntry(main, {{{3}, x}});
  ASSERT_TRUE(succeeded(outputs));
  EXPECT_EQ((*outputs)[0].shape, (SmallVector<int64_t>{3}));
  EXPECT_EQ((*outputs)[0].value.getNumElements(), 2);
}

TEST_F(EntryTest, NamesWhatItDoesNotCompute) {
  auto module = parseSourceString<ModuleOp>(R"(
    func.func @main(%x: tensor<f32>) -> tensor<f32> {
      %y = builtin.unrealized_conversion_cast %x : tensor<f32> to tensor<f32>
      return %y : tensor<f32>
    }
  )",
                                            &context);
  EXPECT_EQ(collect([&] {
              std::string text;
              llvm::raw_string_ostream stream(text);
              EXPECT_TRUE(failed(writeProgram(*module, stream)));
            }),
            "'builtin.unrealized_conversion_cast' op has no reference "
            "implementation");
}

TEST_F(EntryTest, RefusesBytesThatAreNoProgram) {
  alignas(64) static const char noise[64] = "no program";
  EXPECT_NE(
      collect([&] { EXPECT_FALSE(readProgram("m.dlm", noise, context)); }), "");
}

} // namespace
