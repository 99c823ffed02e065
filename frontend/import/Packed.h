// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Inputs and outputs of element types below a byte. Outside of a module they
// are packed, as ONNX has them, from the low bits of each byte up; inside, each
// element has a byte of its own.

#ifndef DL_FRONTEND_IMPORT_PACKED_H
#define DL_FRONTEND_IMPORT_PACKED_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace dl::frontend {

/// Whether tensors of this element type are packed.
bool isPacked(mlir::Type elementType);

/// The type of a packed tensor's bytes: ui8, one dimension.
mlir::RankedTensorType getPackedType(mlir::RankedTensorType type);

/// A tensor of `type` from its packed bytes, and back.
mlir::Value unpack(mlir::OpBuilder &builder, mlir::Location loc,
                   mlir::Value bytes, mlir::RankedTensorType type);
mlir::Value pack(mlir::OpBuilder &builder, mlir::Location loc,
                 mlir::Value value);

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_PACKED_H
