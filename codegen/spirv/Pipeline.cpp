// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/spirv/Pipeline.h"
#include "codegen/spirv/Expand.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/Dialect/SPIRV/Transforms/Passes.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/ErrorHandling.h"

using namespace mlir;

namespace {

/// Upstream's conversion gives a loop that does no step undefined results: each
/// becomes a choice between that of the loop and what it starts with.
struct GuardLoopsPass
    : PassWrapper<GuardLoopsPass, OperationPass<gpu::GPUModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(GuardLoopsPass)

  StringRef getArgument() const override { return "spirv-guard-loops"; }
  StringRef getDescription() const override {
    return "gives loops that do no step the results that they start with";
  }
  void runOnOperation() override {
    getOperation().walk([](scf::ForOp loop) {
      auto lower = getConstantIntValue(loop.getLowerBound()),
           upper = getConstantIntValue(loop.getUpperBound());
      if (!loop.getNumResults() || (lower && upper && *lower < *upper))
        return;
      OpBuilder builder(loop->getContext());
      builder.setInsertionPointAfter(loop);
      Location loc = loop.getLoc();
      Value runs =
          arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt,
                                loop.getLowerBound(), loop.getUpperBound());
      for (auto [result, init] :
           llvm::zip(loop.getResults(), loop.getInitArgs())) {
        auto chosen = arith::SelectOp::create(builder, loc, runs, result, init);
        result.replaceAllUsesExcept(chosen, chosen);
      }
    });
  }
};

/// Push constants belong to no descriptor set; the lowering of entry points
/// gives each argument a binding.
struct UnbindPushConstantsPass
    : PassWrapper<UnbindPushConstantsPass, OperationPass<spirv::ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(UnbindPushConstantsPass)

  StringRef getArgument() const override {
    return "spirv-unbind-push-constants";
  }
  StringRef getDescription() const override {
    return "removes the bindings of push constants";
  }
  void runOnOperation() override {
    for (auto variable : getOperation().getOps<spirv::GlobalVariableOp>())
      if (cast<spirv::PointerType>(variable.getType()).getStorageClass() ==
          spirv::StorageClass::PushConstant) {
        variable.removeBindingAttr();
        variable.removeDescriptorSetAttr();
      }
  }
};

/// Rounds each sum and product by itself: drivers may otherwise cancel terms
/// (x + c) - c, take NaN for no number, and fuse what the model does not. Fused
/// products are ops of their own.
struct KeepRoundingsPass
    : PassWrapper<KeepRoundingsPass, OperationPass<spirv::ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(KeepRoundingsPass)

  StringRef getArgument() const override { return "spirv-keep-roundings"; }
  StringRef getDescription() const override {
    return "marks float arithmetic as not to be contracted";
  }
  void runOnOperation() override {
    auto mark = UnitAttr::get(&getContext());
    getOperation().walk([&](Operation *op) {
      if (isa<spirv::FAddOp, spirv::FSubOp, spirv::FMulOp, spirv::FDivOp,
              spirv::FNegateOp, spirv::FRemOp>(op))
        op->setAttr("no_contraction", mark);
    });
  }
};

struct LoweringOptions : PassPipelineOptions<LoweringOptions> {
  Option<std::string> target{*this, "target",
                             llvm::cl::desc("the kind of Vulkan device"),
                             llvm::cl::init("generic")};
};

} // namespace

void ::dl::spirv::addSpirvPasses(OpPassManager &manager,
                                 const SpirvTarget &target) {
  manager.addPass(createGenerateKernelsPass(target));
  OpPassManager &functions = manager.nest<gpu::GPUModuleOp>();
  functions.addPass(createExpandFunctionsPass(target));
  functions.addPass(createExpandTypesPass(target));
  functions.addPass(createCanonicalizerPass());
  functions.addPass(createCSEPass());
  functions.addPass(createLoopInvariantCodeMotionPass());
  functions.addPass(std::make_unique<GuardLoopsPass>());
  functions.addPass(createConvertMathToSPIRVPass());
  manager.addPass(createConvertGPUToSPIRVPass(/*mapMemorySpace=*/false));
  OpPassManager &entries = manager.nest<mlir::spirv::ModuleOp>();
  entries.addPass(mlir::spirv::createSPIRVLowerABIAttributesPass());
  entries.addPass(std::make_unique<UnbindPushConstantsPass>());
  entries.addPass(std::make_unique<KeepRoundingsPass>());
  entries.addPass(createUseVulkanMemoryPass());
  entries.addPass(mlir::spirv::createSPIRVUpdateVCEPass());
}

void ::dl::spirv::registerSpirvPasses() {
  registerPass([] { return createGenerateKernelsPass({}); });
  registerExpandPasses();
  PassRegistration<GuardLoopsPass>();
  PassRegistration<KeepRoundingsPass>();
  PassRegistration<UnbindPushConstantsPass>();
  registerPass([] { return createUseVulkanMemoryPass(); });
  PassPipelineRegistration<LoweringOptions>(
      "spirv-lower-kernels", "from kernels on tensors to SPIR-V",
      [](OpPassManager &manager, const LoweringOptions &options) {
        auto target = parseTarget(options.target);
        if (!target)
          llvm::reportFatalUsageError("'" + llvm::Twine(options.target) +
                                      "' is no kind of Vulkan device");
        addSpirvPasses(manager, *target);
      });
}
