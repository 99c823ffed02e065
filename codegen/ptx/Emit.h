// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// PTX of kernels.

#ifndef DL_CODEGEN_PTX_EMIT_H
#define DL_CODEGEN_PTX_EMIT_H

#include "codegen/gpu/Image.h"
#include "codegen/ptx/Target.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace dl::ptx {

/// The functions of `generateKernels` as PTX, which they are lowered to in
/// place. Failure is reported.
mlir::LogicalResult emitPtx(mlir::ModuleOp functions, const PtxTarget &target,
                            gpucode::DeviceImage &result);

/// Registers what the translation to LLVM IR needs.
void registerTranslations(mlir::DialectRegistry &registry);

} // namespace dl::ptx

#endif // DL_CODEGEN_PTX_EMIT_H
