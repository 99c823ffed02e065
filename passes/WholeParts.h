// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Concatenations that need no kernel where their parts are made in place.

#ifndef DL_PASSES_WHOLEPARTS_H
#define DL_PASSES_WHOLEPARTS_H

#include "ir/dialect/Dialect.h"

namespace mlir::dl {

/// Whether the parts of a concatenation lie one after the other in its result.
inline bool hasWholeParts(ConcatOp op) {
  auto type = cast<RankedTensorType>(op.getResult().getType());
  Type element = type.getElementType();
  return element.isIntOrFloat() && element.getIntOrFloatBitWidth() % 8 == 0 &&
         llvm::all_of(type.getShape().take_front(op.getAxis()),
                      [](int64_t size) { return size == 1; });
}

} // namespace mlir::dl

#endif // DL_PASSES_WHOLEPARTS_H
