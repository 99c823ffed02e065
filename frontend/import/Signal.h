// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_FRONTEND_IMPORT_SIGNAL_H
#define DL_FRONTEND_IMPORT_SIGNAL_H

#include "frontend/import/Rules.h"

namespace dl::frontend {

// The operators of Signal.cpp for lengths, axes and shapes that only the
// running model knows.
mlir::LogicalResult importLateDFT(NodeContext &context);
mlir::LogicalResult importLateSTFT(NodeContext &context);
mlir::LogicalResult importLateCol2Im(NodeContext &context);

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_SIGNAL_H
