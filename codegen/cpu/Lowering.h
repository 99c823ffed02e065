// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// From a kernel in upstream dialects to the LLVM dialect.

#ifndef DL_CODEGEN_CPU_LOWERING_H
#define DL_CODEGEN_CPU_LOWERING_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/StringRef.h"
#include <memory>

namespace mlir {
class DialectRegistry;
class OpPassManager;
class Pass;
class RewritePatternSet;
} // namespace mlir

namespace dl::cpu {

struct CpuTarget;

/// A kernel is a func.func with this unit attribute.
constexpr llvm::StringLiteral kKernelAttr = "dl.kernel";

/// Adds the passes that take a module of kernels (vector, scf, memref, arith,
/// math, affine, index, cf, ub, llvm and x86vector ops) to the LLVM dialect.
/// Vectors are unrolled completely, math functions become arithmetic, and
/// nothing is called.
void addLoweringPasses(mlir::OpPassManager &manager, const CpuTarget &target);

/// Checks that each kernel has the kernels' signature, allocates nothing within
/// a loop, and calls nothing.
std::unique_ptr<mlir::Pass> createVerifyKernelsPass();

/// Rewrites vector ops until only those are left that LLVM has instructions
/// for.
std::unique_ptr<mlir::Pass> createLowerVectorsPass();

/// Expands math functions, types and arithmetic that the CPU does not have.
/// With `hasRounding`, it has an instruction that rounds f32 to bf16, with
/// `hasScaling`, one for x * 2^n, with `convertsBFloat16`, what converts
/// between both as IEEE 754 has it, and with `roundsToInteger`, one that rounds
/// f32 to an integer (LLVM's lrint).
std::unique_ptr<mlir::Pass>
createExpandArithmeticPass(bool hasRounding = false, bool hasScaling = false,
                           bool convertsBFloat16 = false,
                           bool roundsToInteger = true);

/// Converts what is left to the LLVM dialect; an index has `indexBits` bits.
std::unique_ptr<mlir::Pass>
createConvertKernelsToLLVMPass(unsigned indexBits = 64);

/// Registers the passes above for dl-opt, and the pipeline `dl-cpu-lowering`.
void registerLoweringPasses();

/// Registers the translations to LLVM IR of the dialects that lowering leaves.
void registerTranslations(mlir::DialectRegistry &registry);

} // namespace dl::cpu

#endif // DL_CODEGEN_CPU_LOWERING_H
