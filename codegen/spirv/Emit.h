// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// From the kernels of a module to SPIR-V.

#ifndef DL_CODEGEN_SPIRV_EMIT_H
#define DL_CODEGEN_SPIRV_EMIT_H

#include "codegen/spirv/GenerateKernels.h"
#include "mlir/IR/AffineMap.h"
#include <string>
#include <vector>

namespace dl::spirv {

/// One dispatch; stages of a kernel run in order with a barrier between them.
struct SpirvStage {
  std::string entry;
  /// Elements to compute: a map from the kernel's sizes, as symbols. Elements
  /// divided by the size of a workgroup, rounded up, is the number of
  /// workgroups that has work for each invocation; fewer are right too.
  mlir::AffineMap elements;
};

struct SpirvKernel {
  std::string name;
  /// Bindings: the kernel's tensor arguments in order, then the temporaries.
  unsigned arguments = 0;
  std::vector<mlir::AffineMap> temporaries; ///< bytes of each, from the sizes
  /// 32-bit push constants: the dynamic dimensions of the tensor arguments in
  /// order, then the index arguments.
  unsigned sizes = 0;
  std::vector<SpirvStage> stages;
};

struct SpirvModule {
  /// One module with the entry points of all kernels, for Vulkan 1.1.
  llvm::SmallVector<uint32_t, 0> words;
  std::vector<SpirvKernel> kernels; ///< in the order of the functions
  int64_t workgroupSize = 0;
};

/// Generates the kernels of `module`: its functions on tensors with the
/// attribute dl.kernel. The module is left as it is. A failure has been
/// diagnosed.
mlir::LogicalResult emitSpirv(mlir::ModuleOp module, const SpirvTarget &target,
                              SpirvModule &result);

} // namespace dl::spirv

#endif // DL_CODEGEN_SPIRV_EMIT_H
