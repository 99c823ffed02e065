// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/Lowering.h"
#include "codegen/cpu/Target.h"

#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace dl::cpu {

namespace {

/// Runs a pipeline where there are views of memory. Generated kernels have
/// none; others may.
class WhereViews : public PassWrapper<WhereViews, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(WhereViews)

  WhereViews(OpPassManager pipeline) : pipeline(std::move(pipeline)) {}

  StringRef getName() const override { return "WhereViews"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    pipeline.getDependentDialects(registry);
  }

  void runOnOperation() override {
    auto isView = [](Operation *op) {
      return isa<memref::MemRefDialect>(op->getDialect()) &&
                     !isa<memref::LoadOp, memref::StoreOp, memref::PrefetchOp,
                          memref::AllocaOp>(op)
                 ? WalkResult::interrupt()
                 : WalkResult::advance();
    };
    if (getOperation()->walk(isView).wasInterrupted() &&
        failed(runPipeline(pipeline, getOperation())))
      signalPassFailure();
  }

private:
  OpPassManager pipeline;
};

std::unique_ptr<Pass> whereViews(std::unique_ptr<Pass> pass) {
  OpPassManager pipeline(ModuleOp::getOperationName());
  pipeline.addPass(std::move(pass));
  return std::make_unique<WhereViews>(std::move(pipeline));
}

} // namespace

void addLoweringPasses(OpPassManager &manager, const CpuTarget &target) {
  manager.addPass(createVerifyKernelsPass());
  manager.addPass(whereViews(memref::createFoldMemRefAliasOpsPass()));
  manager.addPass(createExpandArithmeticPass(
      /*hasRounding=*/target.has("avx512bf16") && target.has("avx512vl"),
      /*hasScaling=*/target.has("avx512f")));
  manager.addPass(createLowerVectorsPass());
  manager.addPass(whereViews(memref::createExpandStridedMetadataPass()));
  manager.addPass(createLowerAffinePass());
  // No canonicalization of vectors from here on: it takes the rows of a large
  // vector apart into elements.
  manager.addPass(createCSEPass());
  manager.addPass(createSCFToControlFlowPass());
  manager.addPass(createConvertKernelsToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
}

void registerLoweringPasses() {
  registerPass(createVerifyKernelsPass);
  registerPass([] { return createExpandArithmeticPass(); });
  registerPass(createLowerVectorsPass);
  registerPass([] { return createConvertKernelsToLLVMPass(); });
  PassPipelineRegistration<>("dl-cpu-lowering",
                             "kernels to the LLVM dialect, for this CPU",
                             [](OpPassManager &manager) {
                               addLoweringPasses(manager, getNativeTarget());
                             });
}

void registerTranslations(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

namespace {

class VerifyKernels
    : public PassWrapper<VerifyKernels, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(VerifyKernels)

  StringRef getName() const override { return "VerifyKernels"; }
  StringRef getArgument() const override { return "dl-cpu-verify-kernels"; }
  StringRef getDescription() const override {
    return "check that kernels can be lowered for a CPU";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<LLVM::LLVMDialect>();
  }

  void runOnOperation() override {
    for (auto kernel : getOperation().getOps<func::FuncOp>())
      if (kernel->hasAttr(kKernelAttr) && failed(verify(kernel)))
        signalPassFailure();
  }

private:
  static LogicalResult verify(func::FuncOp kernel) {
    MLIRContext *context = kernel.getContext();
    Type pointer = LLVM::LLVMPointerType::get(context);
    Type index = IndexType::get(context);
    auto expected = FunctionType::get(
        context, {pointer, pointer, index, index, pointer, pointer}, {});
    if (kernel.getFunctionType() != expected)
      return kernel.emitError("a kernel's type is ")
             << expected << ", found " << kernel.getFunctionType();
    if (kernel.isExternal())
      return kernel.emitError("a kernel has a body");
    WalkResult result = kernel.getBody().walk([](Operation *op) {
      if (isa<memref::AllocaOp, LLVM::AllocaOp>(op) &&
          !isa<func::FuncOp>(op->getParentOp())) {
        op->emitError(
            "an allocation within a loop or branch would overflow the "
            "stack");
        return WalkResult::interrupt();
      }
      if (auto alloca = dyn_cast<memref::AllocaOp>(op);
          alloca && !alloca.getType().hasStaticShape()) {
        op->emitError("an allocation on the stack has a static size");
        return WalkResult::interrupt();
      }
      if (isa<CallOpInterface>(op) && !isa<LLVM::CallIntrinsicOp>(op)) {
        op->emitError("a kernel calls nothing");
        return WalkResult::interrupt();
      }
      if (isa<memref::AllocOp, memref::DeallocOp>(op)) {
        op->emitError("a kernel allocates nothing on the heap");
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }
};

} // namespace

std::unique_ptr<Pass> createVerifyKernelsPass() {
  return std::make_unique<VerifyKernels>();
}

} // namespace dl::cpu
