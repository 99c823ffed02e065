// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/Lowering.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/LLVMCommon/VectorPattern.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Dialect/X86Vector/Transforms.h"

using namespace mlir;

namespace dl::cpu {

namespace {

/// math.fma becomes llvm.fmuladd: fused where the CPU can, otherwise a
/// multiplication and an addition, where llvm.fma would call a library.
struct FuseWherePossible : ConvertOpToLLVMPattern<math::FmaOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(math::FmaOp op, OpAdaptor operands,
                  ConversionPatternRewriter &rewriter) const override {
    Type type = operands.getA().getType();
    if (isa<LLVM::LLVMArrayType>(type))
      return LLVM::detail::handleMultidimensionalVectors(
          op, operands.getOperands(), *getTypeConverter(),
          [&](Type row, ValueRange rows) -> Value {
            return LLVM::FMulAddOp::create(rewriter, op.getLoc(), row, rows);
          },
          rewriter);
    rewriter.replaceOpWithNewOp<LLVM::FMulAddOp>(op, type,
                                                 operands.getOperands());
    return success();
  }
};

class ConvertKernelsToLLVM
    : public PassWrapper<ConvertKernelsToLLVM, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ConvertKernelsToLLVM)

  StringRef getName() const override { return "ConvertKernelsToLLVM"; }
  StringRef getArgument() const override { return "dl-cpu-to-llvm"; }
  StringRef getDescription() const override {
    return "convert kernels to the LLVM dialect";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<LLVM::LLVMDialect>();
  }

  LogicalResult initialize(MLIRContext *context) override {
    LowerToLLVMOptions options(context);
    options.overrideIndexBitwidth(indexBits);
    converter = std::make_shared<LLVMTypeConverter>(context, options);
    addPatterns(*converter);
    return success();
  }

  void runOnOperation() override {
    for (auto kernel : getOperation().getOps<func::FuncOp>())
      annotate(kernel);
    LLVMConversionTarget target(getContext());
    target.addLegalOp<ModuleOp>();
    configureX86VectorLegalizeForExportTarget(target);
    // Nothing is tried that may fail, so that no change need be taken back, and
    // folding is left to the canonicalizer.
    ConversionConfig config;
    config.allowPatternRollback = false;
    config.foldingMode = DialectConversionFoldingMode::Never;
    if (failed(
            applyPartialConversion(getOperation(), target, patterns, config)))
      return signalPassFailure();
    for (auto function : getOperation().getOps<LLVM::LLVMFuncOp>())
      function->removeAttr(kKernelAttr);
    getOperation().walk(allowAnyAlignment);
  }

  unsigned indexBits = 64;

private:
  void addPatterns(LLVMTypeConverter &converter) {
    RewritePatternSet patterns(&converter.getContext());
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    populateFuncToLLVMConversionPatterns(converter, patterns);
    index::populateIndexToLLVMConversionPatterns(converter, patterns);
    populateMathToLLVMConversionPatterns(converter, patterns);
    patterns.add<FuseWherePossible>(converter, /*benefit=*/2);
    populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns);
    ub::populateUBToLLVMConversionPatterns(converter, patterns);
    populateVectorToLLVMConversionPatterns(converter, patterns,
                                           /*reassociateFPReductions=*/true);
    populateX86VectorLegalizeForLLVMExportPatterns(converter, patterns);
    this->patterns = std::move(patterns);
  }

  /// A caller's memory may lie anywhere, and complex numbers are moved as
  /// integers of 128 bits, which LLVM takes to be aligned. (Narrower types have
  /// instructions that do not ask.)
  static void allowAnyAlignment(Operation *op) {
    bool isMasked = isa<LLVM::MaskedLoadOp, LLVM::MaskedStoreOp,
                        LLVM::masked_gather, LLVM::masked_scatter>(op);
    if (!isMasked && !isa<LLVM::LoadOp, LLVM::StoreOp>(op))
      return;
    Type moved = op->getNumResults() ? op->getResult(0).getType()
                                     : op->getOperand(0).getType();
    if (!getElementTypeOrSelf(moved).isInteger(128))
      return;
    Builder builder(op->getContext());
    op->setAttr("alignment", isMasked ? builder.getI32IntegerAttr(1)
                                      : builder.getI64IntegerAttr(1));
  }

  /// The tables of addresses and sizes, the scratch and the imports are apart
  /// from each other and from the buffers, so that loads from them leave loops.
  static void annotate(func::FuncOp kernel) {
    if (!kernel->hasAttr(kKernelAttr))
      return;
    Attribute unit = UnitAttr::get(kernel.getContext());
    for (unsigned i = 0; i != kernel.getNumArguments(); ++i) {
      if (!isa<LLVM::LLVMPointerType>(kernel.getArgument(i).getType()))
        continue;
      kernel.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), unit);
      kernel.setArgAttr(i, LLVM::LLVMDialect::getNoCaptureAttrName(), unit);
    }
  }

  // Of all copies of the pass, which run in parallel.
  std::shared_ptr<LLVMTypeConverter> converter;
  FrozenRewritePatternSet patterns;
};

} // namespace

std::unique_ptr<Pass> createConvertKernelsToLLVMPass(unsigned indexBits) {
  auto pass = std::make_unique<ConvertKernelsToLLVM>();
  pass->indexBits = indexBits;
  return pass;
}

} // namespace dl::cpu
