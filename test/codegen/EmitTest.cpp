// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Kernels from text to code that runs.

#include "test/codegen/LoadedImage.h"

#include <cmath>
#include <numeric>

using namespace dl::cpu;

// The start of a kernel over two buffers of `float`s, %n of them.
static const char kHead[] = R"(
func.func @NAME(%buffers: !llvm.ptr, %sizes: !llvm.ptr, %begin: index,
    %end: index, %scratch: !llvm.ptr, %imports: !llvm.ptr)
    attributes {dl.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n64 = llvm.load %sizes : !llvm.ptr -> i64
  %n = arith.index_cast %n64 : i64 to index
  %p0 = llvm.load %buffers : !llvm.ptr -> !llvm.ptr
  %slot = llvm.getelementptr %buffers[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
  %p1 = llvm.load %slot : !llvm.ptr -> !llvm.ptr
  %z = llvm.mlir.constant(0 : i64) : i64
  %one = llvm.mlir.constant(1 : i64) : i64
  %u = llvm.mlir.undef : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %a0 = llvm.insertvalue %p0, %u[0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %a1 = llvm.insertvalue %p0, %a0[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %a2 = llvm.insertvalue %z, %a1[2] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %a3 = llvm.insertvalue %n64, %a2[3, 0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %a4 = llvm.insertvalue %one, %a3[4, 0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %x = builtin.unrealized_conversion_cast %a4 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<?xTYPE>
  %b1 = llvm.insertvalue %p1, %a0[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %b2 = llvm.insertvalue %z, %b1[2] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %b3 = llvm.insertvalue %n64, %b2[3, 0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %b4 = llvm.insertvalue %one, %b3[4, 0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %y = builtin.unrealized_conversion_cast %b4 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<?xTYPE>
)";

static std::string replace(std::string text, const std::string &from,
                           const std::string &to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos;
       at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

static std::string kernel(const std::string &name, const std::string &body,
                          const std::string &type = "f32") {
  return replace(replace(kHead, "NAME", name), "TYPE", type) + body +
         "  return\n}\n";
}

// y = 2 x + 1 over all elements, in vectors of 16 with a masked tail.
static const char kTwicePlusOne[] = R"(
  %step = arith.constant 16 : index
  %two = arith.constant dense<2.0> : vector<16xf32>
  %unit = arith.constant dense<1.0> : vector<16xf32>
  %zero = arith.constant 0.0 : f32
  scf.for %i = %c0 to %n step %step {
    %v = vector.transfer_read %x[%i], %zero : memref<?xf32>, vector<16xf32>
    %r = vector.fma %v, %two, %unit : vector<16xf32>
    vector.transfer_write %r, %y[%i] : vector<16xf32>, memref<?xf32>
  }
)";

TEST(EmitTest, RunsVectorKernelWithTail) {
  KernelCompiler compiler;
  auto image = compiler.compile(kernel("k", kTwicePlusOne), {"k"});
  ASSERT_TRUE(mlir::succeeded(image)) << compiler.messages;
  EXPECT_EQ(image->triple, "x86_64-unknown-linux-gnu");
  EXPECT_EQ(image->imageSize % 4096, 0u);
  LoadedImage loaded(*image);
  for (int64_t n : {0, 1, 15, 16, 17, 100}) {
    std::vector<float> x(n), y(n + 1, -7.0f);
    std::iota(x.begin(), x.end(), 1.0f);
    void *buffers[] = {x.data(), y.data()};
    loaded.get(0)(buffers, &n, 0, 1, nullptr, nullptr);
    for (int64_t i = 0; i < n; ++i)
      EXPECT_EQ(y[i], 2 * x[i] + 1);
    EXPECT_EQ(y[n], -7.0f) << "wrote past the end";
  }
}

TEST(EmitTest, RunsForOlderCpu) {
  KernelCompiler compiler;
  std::string error;
  for (const char *cpu : {"x86-64", "x86-64-v2", "x86-64-v3"}) {
    compiler.options.target = *parseTarget(cpu, error);
    auto image = compiler.compile(kernel("k", kTwicePlusOne), {"k"});
    ASSERT_TRUE(mlir::succeeded(image)) << compiler.messages;
    EXPECT_EQ(image->cpu, cpu);
    LoadedImage loaded(*image);
    int64_t n = 37;
    std::vector<float> x(n, 3.0f), y(n);
    void *buffers[] = {x.data(), y.data()};
    loaded.get(0)(buffers, &n, 0, 1, nullptr, nullptr);
    EXPECT_EQ(y, std::vector<float>(n, 7.0f));
  }
}

TEST(EmitTest, CompilesEqualKernelsOnce) {
  KernelCompiler compiler;
  std::string text = kernel("a", kTwicePlusOne) + kernel("b", kTwicePlusOne) +
                     kernel("c", "") + "func.func private @main()\n";
  auto image = compiler.compile(text, {"c", "b", "a"});
  ASSERT_TRUE(mlir::succeeded(image)) << compiler.messages;
  EXPECT_EQ(compiler.statistics.kernels, 3u);
  EXPECT_EQ(compiler.statistics.distinct, 2u);
  ASSERT_EQ(image->entries.size(), 3u);
  EXPECT_EQ(image->entries[1], image->entries[2]);
  EXPECT_NE(image->entries[0], image->entries[1]);
}

TEST(EmitTest, HoldsNoWritablePiece) {
  KernelCompiler compiler;
  auto image = compiler.compile(kernel("k", kTwicePlusOne), {"k"});
  ASSERT_TRUE(mlir::succeeded(image)) << compiler.messages;
  unsigned executable = 0;
  for (const CpuImage::Piece &piece : image->pieces) {
    executable += piece.executable;
    EXPECT_EQ(piece.address % 4096, 0u);
    EXPECT_LE(piece.bytes.size(), piece.memorySize);
    EXPECT_LE(piece.address + piece.memorySize, image->imageSize);
  }
  EXPECT_EQ(executable, 1u);
}

// A build of the compiler must not take code from the cache that another made.
TEST(EmitTest, VersionTellsBuildsApart) {
  std::string version = getGeneratorVersion();
  EXPECT_EQ(version.find("LLVM 22."), 0u);
  size_t identity = version.rfind(' ') + 1;
  EXPECT_GE(version.size() - identity, 32u) << version;
}

TEST(EmitTest, RefusesUndefinedSymbol) {
  KernelCompiler compiler;
  // No builtin has this name: LLVM calls it for a remainder of 128-bit
  // integers.
  auto image = compiler.compile(kernel("k", R"(
  %wide = arith.extsi %n64 : i64 to i128
  %three = arith.constant 3 : i128
  %rest = arith.remsi %three, %wide : i128
  %low = arith.trunci %rest : i128 to i64
  llvm.store %low, %p1 : i64, !llvm.ptr
)"),
                                {"k"});
  EXPECT_TRUE(mlir::failed(image));
  EXPECT_NE(compiler.messages.find("undefined symbol: __modti3"),
            std::string::npos)
      << compiler.messages;
}

// memset and memcpy of a size known at run time come from the builtins.
TEST(EmitTest, LinksBuiltins) {
  KernelCompiler compiler;
  auto image = compiler.compile(kernel("k", R"(
  %byte = llvm.mlir.constant(1 : i8) : i8
  "llvm.intr.memset"(%p1, %byte, %n64) <{isVolatile = false}> : (!llvm.ptr, i8, i64) -> ()
  %half = llvm.lshr %n64, %one : i64
  "llvm.intr.memcpy"(%p1, %p0, %half) <{isVolatile = false}> : (!llvm.ptr, !llvm.ptr, i64) -> ()
)"),
                                {"k"});
  ASSERT_TRUE(mlir::succeeded(image)) << compiler.messages;
  LoadedImage loaded(*image);
  for (int64_t n : {0, 1, 7, 64, 2000, 5001}) {
    std::vector<char> x(n, 9), y(n + 1, 5), expected(n, 1);
    expected.push_back(5);
    std::fill_n(expected.begin(), n / 2, 9);
    void *buffers[] = {x.data(), y.data()};
    loaded.get(0)(buffers, &n, 0, 1, nullptr, nullptr);
    EXPECT_EQ(y, expected);
  }
}

// Halves go through the builtins on a CPU without F16C.
TEST(EmitTest, ConvertsHalves) {
  const char body[] = R"(
  scf.for %i = %c0 to %n step %c1 {
    %v = memref.load %x[%i] : memref<?xTYPE>
    %r = arith.addf %v, %v : TYPE
    %s = math.exp %r : TYPE
    memref.store %s, %y[%i] : memref<?xTYPE>
  }
)";
  std::string error;
  std::vector<std::vector<uint16_t>> results;
  for (const char *cpu : {"x86-64", "x86-64-v3", "native"}) {
    KernelCompiler compiler;
    compiler.options.target = *parseTarget(cpu, error);
    std::string text = kernel("h", replace(body, "TYPE", "f16"), "f16") +
                       kernel("b", replace(body, "TYPE", "bf16"), "bf16");
    auto image = compiler.compile(text, {"h", "b"});
    ASSERT_TRUE(mlir::succeeded(image)) << compiler.messages;
    LoadedImage loaded(*image);
    int64_t n = 65536;
    for (int i : {0, 1}) {
      std::vector<uint16_t> x(n), y(n);
      std::iota(x.begin(), x.end(), uint16_t(0));
      void *buffers[] = {x.data(), y.data()};
      loaded.get(i)(buffers, &n, 0, 1, nullptr, nullptr);
      // A half's bits: exp(2 * 1.0) rounded.
      EXPECT_EQ(y[i ? 0x3f80 : 0x3c00], i ? 0x40ec : 0x4764);
      results.push_back(std::move(y));
    }
  }
  // NaN payloads may differ between CPUs, no number may.
  for (size_t i = 2; i < results.size(); ++i) {
    unsigned infinity = i % 2 ? 0x7f80 : 0x7c00;
    for (size_t j = 0; j < 65536; ++j) {
      unsigned a = results[i % 2][j], b = results[i][j];
      bool bothNaN = (a & 0x7fff) > infinity && (b & 0x7fff) > infinity;
      EXPECT_TRUE(a == b || bothNaN) << i << " " << j << " " << a << " " << b;
    }
  }
}

TEST(EmitTest, DiagnosesBadKernels) {
  auto expectFailure = [](const std::string &text, const char *message) {
    KernelCompiler compiler;
    EXPECT_TRUE(mlir::failed(compiler.compile(text, {"k"})));
    EXPECT_NE(compiler.messages.find(message), std::string::npos)
        << compiler.messages;
  };
  expectFailure(kernel("k", R"(
  scf.for %i = %c0 to %n step %c1 {
    %m = memref.alloca() : memref<4xf32>
    %v = memref.load %m[%c0] : memref<4xf32>
    memref.store %v, %y[%i] : memref<?xf32>
  }
)"),
                "an allocation within a loop or branch would overflow");
  expectFailure(kernel("k", "%m = memref.alloca(%n) : memref<?xf32>\n"),
                "an allocation on the stack has a static size");
  expectFailure(kernel("k", "%m = memref.alloc() : memref<4xf32>\n"),
                "a kernel allocates nothing on the heap");
  expectFailure(kernel("k",
                       "func.call @k(%buffers, %sizes, %c0, %c0, %scratch, "
                       "%imports) : (!llvm.ptr, !llvm.ptr, index, index, "
                       "!llvm.ptr, !llvm.ptr) -> ()\n"),
                "a kernel calls nothing");
  expectFailure("func.func @k(%a: index) attributes {dl.kernel} { return }",
                "a kernel's type is");
  expectFailure("func.func @k() { return }", "not a kernel");
  expectFailure("func.func @other() { return }", "no function 'k'");
}
