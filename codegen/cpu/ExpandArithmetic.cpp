// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/ComputeHalves.h"
#include "codegen/cpu/DivideByConstant.h"
#include "codegen/cpu/Lowering.h"
#include "codegen/cpu/MathExpansion.h"
#include "codegen/cpu/RewriteOps.h"
#include "codegen/cpu/RoundToInteger.h"

#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;

namespace dl::cpu {

namespace {

/// Whether a maximum or minimum need not return NaN, nor the right zero.
bool passesOverNaN(Operation *op) {
  auto isFree = [](arith::FastMathFlags flags) {
    return arith::bitEnumContainsAll(flags, arith::FastMathFlags::nnan |
                                                arith::FastMathFlags::nsz);
  };
  return isa<arith::MaximumFOp, arith::MinimumFOp>(op) &&
         isFree(cast<arith::ArithFastMathInterface>(op)
                    .getFastMathFlagsAttr()
                    .getValue());
}

/// An approximate rounding of a vector of f32 to bf16 (AVX512-BF16).
struct RoundByInstruction : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::TruncFOp op,
                                PatternRewriter &rewriter) const override {
    auto type = dyn_cast<VectorType>(op.getType());
    auto flags = op.getFastmath().value_or(arith::FastMathFlags::none);
    if (!arith::bitEnumContainsAll(flags, arith::FastMathFlags::afn) || !type ||
        !type.getElementType().isBF16() || type.getShape().size() != 1 ||
        type.getNumElements() != 16 ||
        !getElementTypeOrSelf(op.getIn()).isF32())
      return rewriter.notifyMatchFailure(op, "no instruction rounds this");
    rewriter.replaceOpWithNewOp<x86vector::CvtPackedF32ToBF16Op>(op, type,
                                                                 op.getIn());
    return success();
  }
};

/// A maximum or minimum that may pass over NaN, in the form of the CPU's
/// instruction: the second operand counts where it compares.
template <typename Op, arith::CmpFPredicate predicate>
struct CompareAndSelect : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    if (!passesOverNaN(op))
      return rewriter.notifyMatchFailure(op, "NaN counts");
    Value isBeyond = arith::CmpFOp::create(rewriter, op.getLoc(), predicate,
                                           op.getRhs(), op.getLhs());
    rewriter.replaceOpWithNewOp<arith::SelectOp>(op, isBeyond, op.getRhs(),
                                                 op.getLhs());
    return success();
  }
};

class ExpandArithmetic
    : public PassWrapper<ExpandArithmetic, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExpandArithmetic)

  StringRef getName() const override { return "ExpandArithmetic"; }
  StringRef getArgument() const override { return "dl-cpu-expand-arithmetic"; }
  StringRef getDescription() const override {
    return "expand math functions, and types that the CPU does not compute in";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, LLVM::LLVMDialect, math::MathDialect,
                    vector::VectorDialect, x86vector::X86VectorDialect>();
  }

  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet patterns(context);
    populateMathExpansionPatterns(patterns, hasScaling);
    arith::populateCeilFloorDivExpandOpsPatterns(patterns);
    if (roundsToInteger)
      populateRoundToIntegerPatterns(patterns);
    populateDivideByConstantPatterns(patterns);
    patterns
        .add<CompareAndSelect<arith::MaximumFOp, arith::CmpFPredicate::OGT>,
             CompareAndSelect<arith::MinimumFOp, arith::CmpFPredicate::OLT>>(
            context);
    functions = std::move(patterns);
    return success();
  }

  void runOnOperation() override {
    if (failed(rewriteOps(getOperation(), isExpanded, functions)))
      return signalPassFailure();
    if (hasNarrowFloats() && (failed(computeHalvesAsFloats(getOperation())) ||
                              failed(expandConversions())))
      signalPassFailure();
  }

  // The target's instructions.
  bool hasRounding = false, hasScaling = false, convertsBFloat16 = false,
       roundsToInteger = true;

private:
  static bool isExpanded(Operation *op) {
    return isa<math::MathDialect>(op->getDialect()) ||
           isa<arith::CeilDivSIOp, arith::CeilDivUIOp, arith::FloorDivSIOp,
               arith::FPToSIOp>(op) ||
           passesOverNaN(op) || isDivisionByConstant(op);
  }

  /// Whether there are floats of fewer than 32 bits.
  bool hasNarrowFloats() {
    auto isNarrow = [](Type type) {
      auto element = dyn_cast<FloatType>(getElementTypeOrSelf(type));
      return element && element.getWidth() < 32;
    };
    return getOperation()
        ->walk([&](Operation *op) {
          return llvm::any_of(op->getOperandTypes(), isNarrow) ||
                         llvm::any_of(op->getResultTypes(), isNarrow)
                     ? WalkResult::interrupt()
                     : WalkResult::advance();
        })
        .wasInterrupted();
  }

  /// Conversions from and to bf16 become integer arithmetic: the CPU's own
  /// instruction flushes denormals, which approximate ones alone may do.
  LogicalResult expandConversions() {
    RewritePatternSet patterns(&getContext());
    if (hasRounding)
      patterns.add<RoundByInstruction>(&getContext(), /*benefit=*/2);
    if (!convertsBFloat16)
      arith::populateExpandBFloat16Patterns(patterns);
    arith::populateExpandF8E8M0Patterns(patterns);
    arith::populateExpandF4E2M1Patterns(patterns);
    return applyPatternsGreedily(getOperation(), std::move(patterns));
  }

  FrozenRewritePatternSet functions;
};

} // namespace

std::unique_ptr<Pass> createExpandArithmeticPass(bool hasRounding,
                                                 bool hasScaling,
                                                 bool convertsBFloat16,
                                                 bool roundsToInteger) {
  auto pass = std::make_unique<ExpandArithmetic>();
  pass->hasRounding = hasRounding;
  pass->hasScaling = hasScaling;
  pass->convertsBFloat16 = convertsBFloat16;
  pass->roundsToInteger = roundsToInteger;
  return pass;
}

} // namespace dl::cpu
