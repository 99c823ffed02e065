// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The transformations of Winograd's minimal filtering along one dimension.

#ifndef DL_CODEGEN_CPU_WINOGRADTRANSFORM_H
#define DL_CODEGEN_CPU_WINOGRADTRANSFORM_H

#include "codegen/cpu/ElementEmitter.h"

namespace mlir::dl::cpu {

/// B^T times six vectors of float32.
SmallVector<Value> transformWinogradInputs(ElementEmitter &emitter,
                                           ArrayRef<Value> inputs);

/// A^T for filters of `taps` taps times six vectors of float32: seven less
/// `taps`.
SmallVector<Value> transformWinogradResults(ElementEmitter &emitter,
                                            int64_t taps,
                                            ArrayRef<Value> products);

} // namespace mlir::dl::cpu

#endif // DL_CODEGEN_CPU_WINOGRADTRANSFORM_H
