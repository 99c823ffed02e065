// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// From kernels on tensors to functions of CUDA's threads.

#ifndef DL_CODEGEN_PTX_GENERATEKERNELS_H
#define DL_CODEGEN_PTX_GENERATEKERNELS_H

#include "codegen/ptx/Target.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <string>
#include <vector>

namespace dl::ptx {

/// The bits of positions in tensors: sizes and offsets of elements on a device.
constexpr unsigned kIndexBits = 32;

/// On a function: the array type of the shared memory that it uses, which
/// llvm.mlir.addressof names by the same text until the code is emitted.
constexpr llvm::StringLiteral kSharedName = "dl.shared";

/// On a function: the bytes of the shared memory that a launch gives it, which
/// llvm.mlir.addressof names by the same text until the code is emitted.
constexpr llvm::StringLiteral kDynamicSharedName = "dl.dynamic_shared";

/// On a function of which no more workgroups are launched than there are
/// processors: its threads.
constexpr llvm::StringLiteral kPersistentName = "dl.persistent";

/// On a function: how many of its workgroups a processor should hold at once.
constexpr llvm::StringLiteral kResidentName = "dl.resident";

/// Generates the `dl.kernel` functions on tensors of `module` as stages (see
/// codegen/gpu/GenerateStages.h), functions of a new module: pointers, then
/// sizes of 32 bits, then tensor maps (see TensorMaps.h). Of a generated
/// kernel, a declaration is left that describes it. Failure is reported.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>>
generateKernels(mlir::ModuleOp module, const PtxTarget &target);

} // namespace dl::ptx

#endif // DL_CODEGEN_PTX_GENERATEKERNELS_H
