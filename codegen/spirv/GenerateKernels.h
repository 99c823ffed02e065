// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// From kernels on tensors to GPU functions over storage buffers.

#ifndef DL_CODEGEN_SPIRV_GENERATEKERNELS_H
#define DL_CODEGEN_SPIRV_GENERATEKERNELS_H

#include "codegen/spirv/Target.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <memory>
#include <string>

namespace mlir {
class Pass;
} // namespace mlir

namespace dl::spirv {

/// Generates every `dl.kernel` function on tensors of a module as stages (see
/// codegen/gpu/GenerateStages.h): functions of the new gpu.module @kernels.
/// Sizes are 32-bit push constants. Failure is reported.
mlir::LogicalResult generateKernels(mlir::ModuleOp module,
                                    const SpirvTarget &target);

/// Why a kernel has no form for a target, such as an element type that it does
/// not compute in; empty where there is nothing that speaks against it.
std::string whyNoForm(mlir::func::FuncOp kernel, const SpirvTarget &target);

/// The same as a pass, `spirv-generate-kernels`.
std::unique_ptr<mlir::Pass>
createGenerateKernelsPass(const SpirvTarget &target);

} // namespace dl::spirv

#endif // DL_CODEGEN_SPIRV_GENERATEKERNELS_H
