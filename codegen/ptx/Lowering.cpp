// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/ptx/Lowering.h"
#include "codegen/cpu/Lowering.h"
#include "codegen/ptx/GenerateKernels.h"

#include "mlir/Conversion/NVVMToLLVM/NVVMToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace {

/// A number of threads or workgroups, along x, from its register.
template <typename Op, typename Register>
struct ReadRegister : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    if (op.getDimension() != gpu::Dimension::x)
      return rewriter.notifyMatchFailure(op, "workgroups have one dimension");
    Value number =
        Register::create(rewriter, op.getLoc(), rewriter.getI32Type());
    rewriter.replaceOpWithNewOp<arith::IndexCastOp>(op, rewriter.getIndexType(),
                                                    number);
    return success();
  }
};

/// Waits for the workgroup's other invocations.
struct ConvertBarrier : OpRewritePattern<gpu::BarrierOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(gpu::BarrierOp op,
                                PatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<NVVM::Barrier0Op>(op);
    return success();
  }
};

/// The ops of a workgroup become NVVM's. (Upstream's conversion also turns math
/// into calls of a library that is not there.)
struct ConvertGroups : PassWrapper<ConvertGroups, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ConvertGroups)

  StringRef getName() const override { return "ConvertGroups"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, NVVM::NVVMDialect>();
  }
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns
        .add<ConvertBarrier, ReadRegister<gpu::ThreadIdOp, NVVM::ThreadIdXOp>,
             ReadRegister<gpu::BlockIdOp, NVVM::BlockIdXOp>,
             ReadRegister<gpu::GridDimOp, NVVM::GridDimXOp>>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

void ::dl::ptx::addLoweringPasses(OpPassManager &manager) {
  manager.addPass(std::make_unique<ConvertGroups>());
  manager.addPass(cpu::createExpandArithmeticPass(
      /*hasRounding=*/false, /*hasScaling=*/false, /*convertsBFloat16=*/true,
      /*roundsToInteger=*/false));
  manager.addPass(createCSEPass());
  manager.addPass(createSCFToControlFlowPass());
  manager.addPass(cpu::createConvertKernelsToLLVMPass(kIndexBits));
  manager.addPass(createConvertNVVMToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
}
