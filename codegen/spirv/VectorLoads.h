// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Loads of vectors as those that a kernel's bindings have.

#ifndef DL_CODEGEN_SPIRV_VECTORLOADS_H
#define DL_CODEGEN_SPIRV_VECTORLOADS_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace dl::spirv {

/// A binding of the same buffer, argument `number`, as an array of elements of
/// another type; null where there can be none.
using GetView =
    llvm::function_ref<mlir::Value(unsigned number, mlir::Type type)>;

/// Replaces each vector.load of a function, whose elements are extracted or
/// which is taken as one word (vector.bitcast to vector<1xi32>). What begins at
/// a multiple of its size is loaded at once, four bytes as a word, others
/// element by element.
void lowerVectorLoads(mlir::gpu::GPUFuncOp function, GetView getView);

} // namespace dl::spirv

#endif // DL_CODEGEN_SPIRV_VECTORLOADS_H
