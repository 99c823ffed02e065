// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Vectors in memory as those that a kernel's bindings have.

#ifndef DL_CODEGEN_SPIRV_VECTORLOADS_H
#define DL_CODEGEN_SPIRV_VECTORLOADS_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace dl::spirv {

/// A binding of the same buffer, argument `number`, as an array of elements of
/// another type; null where there can be none.
using GetView =
    llvm::function_ref<mlir::Value(unsigned number, mlir::Type type)>;

/// Replaces each vector.load of a function, whose elements are extracted or
/// which is taken as one word (vector.bitcast to vector<1xi32>), and each
/// vector.store of vector.from_elements. What begins at a multiple of its size
/// is read and written at once, elements of less than 32 bits as words, others
/// element by element.
void lowerVectors(mlir::gpu::GPUFuncOp function, GetView getView);

/// Whether a buffer is written by vectors alone, each of which is one element
/// of a view.
bool isStoredByVectors(mlir::Value memory);

} // namespace dl::spirv

#endif // DL_CODEGEN_SPIRV_VECTORLOADS_H
