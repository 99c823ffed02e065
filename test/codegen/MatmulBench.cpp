// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A generated matrix product against the speed that the core can reach,
// measured in the same run: multiply-adds on registers alone.

#include "test/codegen/LoadedImage.h"

#include "codegen/cpu/GenerateKernels.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "tools/measure/Machine.h"
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <functional>

using namespace dl::cpu;

namespace {

constexpr int64_t kSize = 1024;

/// The time that this thread has run, so that another program's turn on the
/// core does not count.
double getSeconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec + 1e-9 * time.tv_nsec;
}

/// Arithmetic per second in 1e9, the best of many runs over two seconds.
double measure(double flops, const std::function<void()> &run) {
  double best = 0;
  for (double end = getSeconds() + 2; getSeconds() < end;) {
    double start = getSeconds();
    run();
    best = std::max(best, flops / (getSeconds() - start) / 1e9);
  }
  return best;
}

int64_t getConstant(mlir::Operation *kernel, const char *name) {
  auto map = kernel->getAttrOfType<mlir::AffineMapAttr>(name);
  EXPECT_TRUE(map && map.getValue().isSingleConstant()) << name;
  return map && map.getValue().isSingleConstant()
             ? map.getValue().getSingleConstantResult()
             : 0;
}

TEST(MatmulBench, ReachesNinetyPercentOfOneCore) {
  // The second operand is a constant, so that it is packed before it is run.
  std::string text = R"(
func.func @matmul(%a: tensor<1024x1024xf32>,
    %b: tensor<1024x1024xf32> {dl.constant}, %c: tensor<1024x1024xf32>)
    -> tensor<1024x1024xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%c : tensor<1024x1024xf32>) -> tensor<1024x1024xf32>
  %r = linalg.matmul ins(%a, %b : tensor<1024x1024xf32>, tensor<1024x1024xf32>)
      outs(%f : tensor<1024x1024xf32>) -> tensor<1024x1024xf32>
  return %r : tensor<1024x1024xf32>
})";
  KernelCompiler compiler;
  const CpuTarget &target = compiler.options.target;
  auto module =
      mlir::parseSourceString<mlir::ModuleOp>(text, &compiler.context);
  ASSERT_TRUE(module) << compiler.messages;
  mlir::dl::cpu::MachineModel machine;
  machine.vectorLanes = target.vectorBits() / 32;
  machine.vectorRegisters = target.has("avx512vl") ? 32 : 16;
  machine.l2Bytes = target.l2Bytes;
  ASSERT_TRUE(mlir::succeeded(mlir::dl::cpu::generateKernels(*module, machine)))
      << compiler.messages;
  auto image = emitCpuImage(*module, {"matmul"}, compiler.options);
  ASSERT_TRUE(mlir::succeeded(image)) << compiler.messages;
  LoadedImage loaded(*image);

  mlir::Operation *kernel = module->lookupSymbol("matmul");
  int64_t tiles = getConstant(kernel, "dl.tiles");
  auto signature = mlir::cast<mlir::FunctionType>(
      kernel->getAttrOfType<mlir::TypeAttr>("dl.signature").getValue());
  int64_t packedSize = mlir::cast<mlir::RankedTensorType>(signature.getInput(1))
                           .getNumElements();
  std::vector<float> a(kSize * kSize), b(packedSize, 1), c(kSize * kSize);
  std::vector<float> scratch(getConstant(kernel, "dl.scratch") / 4 + 16);
  for (int64_t i = 0; i < kSize * kSize; ++i)
    a[i] = float(i / kSize % 9) - 4;
  auto align = [](std::vector<float> &v) {
    return reinterpret_cast<void *>(
        (reinterpret_cast<uintptr_t>(v.data()) + 63) & ~uintptr_t(63));
  };
  void *buffers[] = {a.data(), b.data(), c.data()};
  double flops = 2.0 * kSize * kSize * kSize;
  double peak = dl::tools::measurePeakFlops(1, 2) / 1e9;
  double speed = measure(flops, [&] {
    loaded.get(0)(buffers, nullptr, 0, tiles, align(scratch), nullptr);
  });
  peak = std::max(peak, dl::tools::measurePeakFlops(1, 2) / 1e9);
  // With ones on the right, each element is its row's number 1024 times.
  for (int64_t i = 0; i < kSize * kSize; i += 977)
    ASSERT_EQ(c[i], (float(i / kSize % 9) - 4) * kSize);
  printf("%s: peak %.1f GFLOP/s, 1024 x 1024 x 1024 product %.1f GFLOP/s, %.1f "
         "%%\n",
         target.cpu.c_str(), peak, speed, 100 * speed / peak);
  EXPECT_GE(speed, 0.9 * peak);
}

} // namespace
