// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Functions and types that SPIR-V has not, by those that it has.

#ifndef DL_CODEGEN_SPIRV_EXPAND_H
#define DL_CODEGEN_SPIRV_EXPAND_H

#include "codegen/spirv/Target.h"
#include <memory>

namespace mlir {
class Pass;
class RewritePatternSet;
class Type;
} // namespace mlir

namespace dl::spirv {

/// `spirv-expand-functions`: math functions, remainders of floats, integer
/// powers, rounding divisions of integers and barriers. Functions are those of
/// the CPU (codegen/cpu/MathExpansion.h), so that a model's answers do not
/// depend on the driver; without 64-bit floats, the rarer ones are GLSL's.
std::unique_ptr<mlir::Pass>
createExpandFunctionsPass(const SpirvTarget &target);

/// `spirv-expand-types`: arithmetic on 16-bit floats is done in f32; bf16,
/// floats of a byte or less and integers of less than a byte become integers,
/// and so does f16 where the device has it not.
std::unique_ptr<mlir::Pass> createExpandTypesPass(const SpirvTarget &target);

/// Conversions between f16 and f32 or f64 as arithmetic on integers, rounded to
/// nearest, ties to even, subnormal numbers kept.
void populateExpandHalfPatterns(mlir::RewritePatternSet &patterns);

/// How an element of this type lies in a buffer: as itself, or as an integer.
mlir::Type getStoredType(mlir::Type type, const SpirvTarget &target);

/// Registers the passes of this file.
void registerExpandPasses();

} // namespace dl::spirv

#endif // DL_CODEGEN_SPIRV_EXPAND_H
