// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Kernels on the Vulkan device of this machine, for tests.

#ifndef DL_TEST_CODEGEN_SPIRV_SPIRVONVULKAN_H
#define DL_TEST_CODEGEN_SPIRV_SPIRVONVULKAN_H

#include "codegen/spirv/Emit.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Pipeline.h"
#include "runtime/device/vulkan/VulkanProgram.h"
#include "runtime/device/vulkan/VulkanState.h"
#include "test/codegen/Floats.h"
#include <cmath>
#include <gtest/gtest.h>

using dlrt::VulkanBuffer;
using dlrt::VulkanDevice;
using dlrt::VulkanProgram;

/// The kernels of a file or of a text, as SPIR-V; a model is fused and lowered
/// first.
struct Compiled {
  explicit Compiled(const std::string &source,
                    const dl::spirv::SpirvTarget &target = {}) {
    mlir::DialectRegistry registry;
    dl::registerDialects(registry);
    context.appendDialectRegistry(registry);
    auto module =
        llvm::StringRef(source).ends_with(".mlir")
            ? mlir::parseSourceFile<mlir::ModuleOp>(DL_KERNELS "/" + source,
                                                    &context)
            : mlir::parseSourceString<mlir::ModuleOp>(source, &context);
    isGood = module && succeeded(lower(*module)) &&
             succeeded(dl::spirv::emitSpirv(*module, target, spirv)) &&
             !spirv.kernels.empty();
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

inline int64_t evaluate(mlir::AffineMap formula,
                        const std::vector<int64_t> &sizes) {
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

  void load(const std::string &source,
            const dl::spirv::SpirvTarget &target = {}) {
    compiled = std::make_unique<Compiled>(source, target);
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
  template <typename T = float>
  std::vector<T> run(const std::vector<int64_t> &sizes) {
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
    const T *data = static_cast<const T *>(result.data());
    std::vector<T> values(data, data + result.size() / sizeof(T));
    buffers.clear();
    return values;
  }

  std::unique_ptr<VulkanDevice> device;
  std::unique_ptr<VulkanProgram> program;
  std::unique_ptr<Compiled> compiled;
  std::vector<std::unique_ptr<VulkanBuffer>> buffers;
  std::string messages;
};

inline void expectNear(const Floats &found, const Floats &expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i)
    ASSERT_NEAR(found[i], expected[i], 1e-5 * (1 + std::fabs(expected[i])))
        << "at " << i;
}

/// What stands in the result before a run: no element may keep it.
inline Floats makeResult(size_t count) { return Floats(count, 1e30f); }

#endif // DL_TEST_CODEGEN_SPIRV_SPIRVONVULKAN_H
