// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/ComputeHalves.h"

#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

LogicalResult dl::cpu::computeHalvesAsFloats(Operation *root) {
  MLIRContext *context = root->getContext();
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
    if (failed(applyPartialConversion(root, target, std::move(patterns))))
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
  if (failed(applyPartialConversion(root, target, std::move(patterns))))
    return failure();
  // A rounding whose value is only extended again folds away: within a
  // kernel, what is computed in f32 stays in f32. Conversions that the model
  // asks for do not carry the flag that allows it.
  return applyPatternsGreedily(root, RewritePatternSet(context));
}
