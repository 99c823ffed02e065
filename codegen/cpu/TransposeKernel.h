// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_CODEGEN_CPU_TRANSPOSEKERNEL_H
#define DL_CODEGEN_CPU_TRANSPOSEKERNEL_H

#include "codegen/cpu/KernelFunction.h"

namespace mlir::dl::cpu {

/// Rows as columns: as many vectors, a power of two, as each has lanes.
void transposeSquare(KernelFunction &kernel, MutableArrayRef<Value> rows);

} // namespace mlir::dl::cpu

#endif // DL_CODEGEN_CPU_TRANSPOSEKERNEL_H
