// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What loops of all versions share.

#ifndef DL_FRONTEND_IMPORT_LOOPBODY_H
#define DL_FRONTEND_IMPORT_LOOPBODY_H

#include "frontend/import/Rules.h"

namespace dl::frontend {

/// The tensor with its elements along dimension 0 in the other order.
mlir::Value reverseFront(NodeContext &node, mlir::Value x);

/// The type of slices of a tensor along dimension 0.
mlir::Type getSliceType(mlir::Value tensor);

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_LOOPBODY_H
