// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// From kernels on tensors to GPU functions over storage buffers.

#ifndef DL_CODEGEN_SPIRV_GENERATEKERNELS_H
#define DL_CODEGEN_SPIRV_GENERATEKERNELS_H

#include "mlir/IR/BuiltinOps.h"
#include <memory>

namespace mlir {
class Pass;
} // namespace mlir

namespace dl::spirv {

/// What the code may ask of a device; the defaults hold for every Vulkan
/// device.
struct SpirvTarget {
  int64_t workgroupSize = 64;      ///< invocations, at most 128
  int64_t pushConstantBytes = 128; ///< for the sizes of dynamic dimensions
};

/// Generates every `dl.kernel` function on tensors of a module, each as stages:
/// functions of the new gpu.module @kernels. Arguments of a stage are one
/// one-dimensional buffer for each tensor argument of the kernel, in order,
/// then one for each temporary; then the sizes, as 32-bit push constants: the
/// dynamic dimensions of the tensor arguments in order, then the index
/// arguments. Any number of workgroups does all elements of a stage. A stage
/// reads what earlier ones have written.
///
/// Of the kernel a declaration is left, with the attributes
/// - `dl.stages`: for each, in order, `entry` (its name) and `elements` (how
/// many
///   there are to compute, a map over the sizes as symbols);
/// - `dl.temporaries`: the bytes of each, maps over the sizes.
///
/// A kernel's `dl.in_place` must not be used with this code: a stage may read
/// an input after a result was written. Failure is reported.
mlir::LogicalResult generateKernels(mlir::ModuleOp module,
                                    const SpirvTarget &target);

/// The same as a pass, `spirv-generate-kernels`.
std::unique_ptr<mlir::Pass>
createGenerateKernelsPass(const SpirvTarget &target);

} // namespace dl::spirv

#endif // DL_CODEGEN_SPIRV_GENERATEKERNELS_H
