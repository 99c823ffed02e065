// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/ptx/Lowering.h"
#include "codegen/cpu/Lowering.h"
#include "codegen/ptx/GenerateKernels.h"
#include "passes/lower/NarrowFloats.h"

#include "mlir/Conversion/NVVMToLLVM/NVVMToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
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

/// An 8-bit float that no tensor core multiplies, by arithmetic on its bits.
struct ExtendFloat8 : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &rewriter) const override {
    auto from = cast<FloatType>(getElementTypeOrSelf(op.getIn().getType()));
    if (from.getWidth() != 8 || !getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "it extends no 8-bit float");
    Location loc = op.getLoc();
    auto extend = [&](Value value) {
      return mlir::dl::lower::extendNarrowFloat(rewriter, loc, value, from);
    };
    auto type = dyn_cast<VectorType>(op.getType());
    if (!type) {
      rewriter.replaceOp(op, extend(op.getIn()));
      return success();
    }
    SmallVector<Value> elements;
    for (int64_t i = 0; i < type.getNumElements(); ++i)
      elements.push_back(
          extend(vector::ExtractOp::create(rewriter, loc, op.getIn(), i)));
    rewriter.replaceOpWithNewOp<vector::FromElementsOp>(op, type, elements);
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

/// The ops of a workgroup become NVVM's, those on 8-bit floats arithmetic.
/// (Upstream's conversion also turns math into calls of a library that is not
/// there.)
struct ConvertGroups : PassWrapper<ConvertGroups, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ConvertGroups)

  StringRef getName() const override { return "ConvertGroups"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, NVVM::NVVMDialect,
                    vector::VectorDialect>();
  }
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ConvertBarrier, ExtendFloat8,
                 ReadRegister<gpu::ThreadIdOp, NVVM::ThreadIdXOp>,
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
