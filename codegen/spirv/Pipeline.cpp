// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/spirv/Pipeline.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/Dialect/SPIRV/Transforms/Passes.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace {

/// asin(x) = 2 atan(x / (1 + sqrt(1 - x^2))) and acos(x) = pi/2 - asin(x):
/// Vulkan allows its own an error of 4096 units in the last place, and Mesa
/// takes a third of that.
template <typename Op> struct ExpandArcPattern : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Type type = op.getType();
    auto constant = [&](double value) {
      return arith::ConstantOp::create(rewriter, loc,
                                       rewriter.getFloatAttr(type, value));
    };
    Value x = op.getOperand(), one = constant(1);
    Value below = arith::SubFOp::create(rewriter, loc, one, x);
    Value above = arith::AddFOp::create(rewriter, loc, one, x);
    Value product = arith::MulFOp::create(rewriter, loc, below, above);
    Value root = math::SqrtOp::create(rewriter, loc, product);
    Value divisor = arith::AddFOp::create(rewriter, loc, one, root);
    Value quotient = arith::DivFOp::create(rewriter, loc, x, divisor);
    Value half = math::AtanOp::create(rewriter, loc, quotient);
    Value arc = arith::AddFOp::create(rewriter, loc, half, half);
    if (std::is_same_v<Op, math::AcosOp>)
      arc = arith::SubFOp::create(rewriter, loc,
                                  constant(llvm::numbers::pi / 2), arc);
    rewriter.replaceOp(op, arc);
    return success();
  }
};

/// A barrier that also orders what is stored into buffers; upstream's orders
/// the memory that a workgroup shares alone.
struct OrderBuffersPattern : OpRewritePattern<gpu::BarrierOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(gpu::BarrierOp op,
                                PatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<spirv::ControlBarrierOp>(
        op, spirv::Scope::Workgroup, spirv::Scope::Device,
        spirv::MemorySemantics::AcquireRelease |
            spirv::MemorySemantics::UniformMemory |
            spirv::MemorySemantics::WorkgroupMemory);
    return success();
  }
};

/// Writes functions that GLSL's instruction set lacks, or has too coarsely,
/// with others.
struct ExpandFunctionsPass
    : PassWrapper<ExpandFunctionsPass, OperationPass<gpu::GPUModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExpandFunctionsPass)

  StringRef getArgument() const override { return "spirv-expand-functions"; }
  StringRef getDescription() const override {
    return "expands erf, asin, acos, rounding divisions of integers, and "
           "barriers";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry
        .insert<arith::ArithDialect, math::MathDialect, spirv::SPIRVDialect>();
  }
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ExpandArcPattern<math::AsinOp>, ExpandArcPattern<math::AcosOp>,
                 OrderBuffersPattern>(&getContext());
    populatePolynomialApproximateErfPattern(patterns);
    arith::populateCeilFloorDivExpandOpsPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

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

} // namespace

void ::dl::spirv::addSpirvPasses(OpPassManager &manager,
                                 const SpirvTarget &target) {
  manager.addPass(createGenerateKernelsPass(target));
  OpPassManager &functions = manager.nest<gpu::GPUModuleOp>();
  functions.addPass(std::make_unique<ExpandFunctionsPass>());
  functions.addPass(createCanonicalizerPass());
  functions.addPass(createCSEPass());
  functions.addPass(createLoopInvariantCodeMotionPass());
  functions.addPass(std::make_unique<GuardLoopsPass>());
  functions.addPass(createConvertMathToSPIRVPass());
  manager.addPass(createConvertGPUToSPIRVPass(/*mapMemorySpace=*/false));
  OpPassManager &entries = manager.nest<mlir::spirv::ModuleOp>();
  entries.addPass(mlir::spirv::createSPIRVLowerABIAttributesPass());
  entries.addPass(std::make_unique<UnbindPushConstantsPass>());
  entries.addPass(mlir::spirv::createSPIRVUpdateVCEPass());
}

void ::dl::spirv::registerSpirvPasses() {
  registerPass([] { return createGenerateKernelsPass({}); });
  PassRegistration<ExpandFunctionsPass>();
  PassRegistration<GuardLoopsPass>();
  PassRegistration<UnbindPushConstantsPass>();
  PassPipelineRegistration<>(
      "spirv-lower-kernels", "from kernels on tensors to SPIR-V",
      [](OpPassManager &manager) { addSpirvPasses(manager, {}); });
}
