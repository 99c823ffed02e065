// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// From functions of CUDA's threads to the LLVM dialect.

#ifndef DL_CODEGEN_PTX_LOWERING_H
#define DL_CODEGEN_PTX_LOWERING_H

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace dl::ptx {

/// All passes from the functions of `generateKernels` to LLVM and NVVM ops.
void addLoweringPasses(mlir::OpPassManager &manager);

} // namespace dl::ptx

#endif // DL_CODEGEN_PTX_LOWERING_H
