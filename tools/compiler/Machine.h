// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The CPU that kernels are generated for.

#ifndef DL_TOOLS_COMPILER_MACHINE_H
#define DL_TOOLS_COMPILER_MACHINE_H

#include "codegen/cpu/GenerateKernels.h"
#include "codegen/cpu/Target.h"
#include "mlir/IR/BuiltinOps.h"
#include "passes/Pipeline.h"
#include "llvm/ADT/ArrayRef.h"

namespace dl::tools {

/// The machine that strategies choose by. One schedule serves all levels of a
/// module, and with it one division into tiles and one layout of packed
/// weights: those of the level with the widest vectors.
mlir::dl::cpu::MachineModel getMachine(llvm::ArrayRef<cpu::CpuTarget> cpus);

/// A line about the products that have stayed in float32, where some have,
/// though another precision was asked for (see guardPrecision).
std::string describeKept(mlir::ModuleOp simplified, Precision precision);

/// Whether any kernel computes in tile registers.
bool usesTiles(mlir::ModuleOp generated);

} // namespace dl::tools

#endif // DL_TOOLS_COMPILER_MACHINE_H
