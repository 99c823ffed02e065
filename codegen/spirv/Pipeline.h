// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// From GPU functions to the SPIR-V dialect.

#ifndef DL_CODEGEN_SPIRV_PIPELINE_H
#define DL_CODEGEN_SPIRV_PIPELINE_H

#include "codegen/spirv/GenerateKernels.h"

namespace mlir {
class OpPassManager;
class Pass;
} // namespace mlir

namespace dl::spirv {

/// All passes from kernels on tensors to one spirv.module, which holds the
/// entry points of all kernels. Buffers are bindings 0, 1, ... of descriptor
/// set 0.
void addSpirvPasses(mlir::OpPassManager &manager, const SpirvTarget &target);

/// `spirv-use-vulkan-memory`: modules with cooperative matrices get Vulkan's
/// memory model, which these ask for.
std::unique_ptr<mlir::Pass> createUseVulkanMemoryPass();

/// Registers the passes of this folder, and `spirv-lower-kernels` for all of
/// them in order.
void registerSpirvPasses();

} // namespace dl::spirv

#endif // DL_CODEGEN_SPIRV_PIPELINE_H
