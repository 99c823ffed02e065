// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Tensors with the channels in dimension 1, as ONNX has them, and last, as
// kernels prefer them.

#ifndef DL_PASSES_CHANNELORDER_H
#define DL_PASSES_CHANNELORDER_H

#include "ir/dialect/Dialect.h"

namespace mlir::dl {

/// The permutation from [N, spatial.., C] to [N, C, spatial..], and back.
SmallVector<int64_t> getChannelsFirstOrder(int64_t rank);
SmallVector<int64_t> getChannelsLastOrder(int64_t rank);

/// The tensor in the other order.
Value toChannelsFirst(OpBuilder &builder, Location loc, Value value);
Value toChannelsLast(OpBuilder &builder, Location loc, Value value);

} // namespace mlir::dl

#endif // DL_PASSES_CHANNELORDER_H
