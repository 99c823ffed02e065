// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Passes that let other elements stand for those of a type that kernels do not
// know.

#ifndef DL_PASSES_ELEMENTTYPES_H
#define DL_PASSES_ELEMENTTYPES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace dl {

/// Gives what stands for an element type; the type itself where it stays.
using ElementMap = llvm::function_ref<mlir::Type(mlir::Type)>;

/// A tensor, a sequence or an optional with the element type replaced; any
/// other type as it is.
mlir::Type replaceElementType(mlir::Type type, ElementMap map);

/// Whether a module has a value whose type the map changes.
bool hasElementType(mlir::ModuleOp module, ElementMap map);

/// Replaces the types of all values in a function and its signature. What a
/// caller sees stays noted in `dl.input_types` and `dl.output_types`.
void replaceElementTypes(mlir::func::FuncOp function, ElementMap map);

} // namespace dl

#endif // DL_PASSES_ELEMENTTYPES_H
