// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// From the kernels of a module to SPIR-V.

#ifndef DL_CODEGEN_SPIRV_EMIT_H
#define DL_CODEGEN_SPIRV_EMIT_H

#include "codegen/gpu/Image.h"
#include "codegen/spirv/GenerateKernels.h"
#include "mlir/IR/AffineMap.h"
#include <string>
#include <vector>

namespace dl::spirv {

/// One dispatch; stages of a kernel run in order with a barrier between them.
struct SpirvStage {
  std::string entry;
  /// Bindings, by number: the kernel's tensor arguments in order, then the
  /// temporaries; the last one is written.
  std::vector<int64_t> buffers;
  /// Elements to compute: a map from the kernel's sizes, as symbols. Divided by
  /// the size of a workgroup, rounded up, it is the number of workgroups.
  mlir::AffineMap elements;
  int64_t workgroup = 0;        ///< invocations
  std::vector<int64_t> offsets; ///< into the buffers; empty for all 0
  /// 32-bit push constants: the kernel's sizes and, where a loop is divided,
  /// the first step to do and the end.
  unsigned sizes = 0;
  mlir::AffineMap trips; ///< steps of a loop that is divided; null for none
};

struct SpirvKernel {
  std::string name;
  unsigned arguments = 0;                   ///< tensors
  std::vector<mlir::AffineMap> temporaries; ///< bytes of each, from the sizes
  /// The dynamic dimensions of the tensor arguments in order, then the index
  /// arguments.
  unsigned sizes = 0;
  std::vector<SpirvStage> stages;
};

struct SpirvModule {
  /// One module with the entry points of all kernels, for Vulkan 1.1.
  llvm::SmallVector<uint32_t, 0> words;
  std::vector<SpirvKernel> kernels; ///< in the order of the functions
};

/// Generates the kernels of `module`: its functions on tensors with the
/// attribute dl.kernel. The module is left as it is. A failure has been
/// diagnosed.
mlir::LogicalResult emitSpirv(mlir::ModuleOp module, const SpirvTarget &target,
                              SpirvModule &result);

/// The same for a module file: of the kernels of `module`, declarations are
/// left that describe their stages (see codegen/gpu/GenerateStages.h).
mlir::LogicalResult emitSpirv(mlir::ModuleOp module, const SpirvTarget &target,
                              gpucode::DeviceImage &result);

} // namespace dl::spirv

#endif // DL_CODEGEN_SPIRV_EMIT_H
