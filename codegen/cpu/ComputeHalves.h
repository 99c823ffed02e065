// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Arithmetic on 16-bit floats.

#ifndef DL_CODEGEN_CPU_COMPUTEHALVES_H
#define DL_CODEGEN_CPU_COMPUTEHALVES_H

#include "mlir/IR/Operation.h"

namespace dl::cpu {

/// Arithmetic on f16 and bf16 below `root` extends its operands to f32 and
/// rounds its result. A rounding whose value is only extended again folds away,
/// where the ops carry the flag `contract` that allows it.
mlir::LogicalResult computeHalvesAsFloats(mlir::Operation *root);

} // namespace dl::cpu

#endif // DL_CODEGEN_CPU_COMPUTEHALVES_H
