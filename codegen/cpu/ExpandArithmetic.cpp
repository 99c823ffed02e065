// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/Lowering.h"
#include "codegen/cpu/MathExpansion.h"

#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"

using namespace mlir;

namespace dl::cpu {

namespace {

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
    registry.insert<arith::ArithDialect, math::MathDialect,
                    vector::VectorDialect>();
  }

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateMathExpansionPatterns(patterns);
    arith::populateCeilFloorDivExpandOpsPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))) ||
        failed(computeHalvesAsFloats()) || failed(expandConversions()))
      signalPassFailure();
  }

private:
  /// Arithmetic on f16 and bf16 extends its operands to f32 and rounds its
  /// result.
  LogicalResult computeHalvesAsFloats() {
    MLIRContext *context = &getContext();
    Type halves[] = {Float16Type::get(context), BFloat16Type::get(context)};
    Type single = Float32Type::get(context);
    {
      TypeConverter converter;
      arith::populateEmulateUnsupportedFloatsConversions(converter, halves,
                                                         single);
      RewritePatternSet patterns(context);
      arith::populateEmulateUnsupportedFloatsPatterns(patterns, converter);
      ConversionTarget target(*context);
      arith::populateEmulateUnsupportedFloatsLegality(target, converter);
      if (failed(applyPartialConversion(getOperation(), target,
                                        std::move(patterns))))
        return failure();
    }
    // The same for what is left of the math dialect: square roots and the like.
    TypeConverter converter;
    SetVector<Type> supported;
    supported.insert(Float64Type::get(context));
    math::populateExtendToSupportedTypesTypeConverter(converter, supported,
                                                      single);
    RewritePatternSet patterns(context);
    math::populateExtendToSupportedTypesPatterns(patterns, converter);
    ConversionTarget target(*context);
    math::populateExtendToSupportedTypesConversionTarget(target, converter);
    if (failed(applyPartialConversion(getOperation(), target,
                                      std::move(patterns))))
      return failure();
    // A rounding whose value is only extended again folds away: within a
    // kernel, what is computed in f32 stays in f32. Conversions that the model
    // asks for do not carry the flag that allows it.
    return applyPatternsGreedily(getOperation(), RewritePatternSet(context));
  }

  /// Conversions from and to bf16 become integer arithmetic: the CPU's own
  /// instruction flushes denormals.
  LogicalResult expandConversions() {
    RewritePatternSet patterns(&getContext());
    arith::populateExpandBFloat16Patterns(patterns);
    arith::populateExpandF8E8M0Patterns(patterns);
    arith::populateExpandF4E2M1Patterns(patterns);
    return applyPatternsGreedily(getOperation(), std::move(patterns));
  }
};

} // namespace

std::unique_ptr<Pass> createExpandArithmeticPass() {
  return std::make_unique<ExpandArithmetic>();
}

} // namespace dl::cpu
