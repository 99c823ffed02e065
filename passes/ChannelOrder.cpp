// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/ChannelOrder.h"

using namespace mlir;
using namespace mlir::dl;

SmallVector<int64_t> mlir::dl::getChannelsFirstOrder(int64_t rank) {
  SmallVector<int64_t> order{0, rank - 1};
  for (int64_t d = 1; d + 1 < rank; ++d)
    order.push_back(d);
  return order;
}

SmallVector<int64_t> mlir::dl::getChannelsLastOrder(int64_t rank) {
  SmallVector<int64_t> order{0};
  for (int64_t d = 2; d < rank; ++d)
    order.push_back(d);
  order.push_back(1);
  return order;
}

Value mlir::dl::toChannelsFirst(OpBuilder &builder, Location loc, Value value) {
  int64_t rank = cast<RankedTensorType>(value.getType()).getRank();
  return TransposeOp::create(builder, loc, value, getChannelsFirstOrder(rank));
}

Value mlir::dl::toChannelsLast(OpBuilder &builder, Location loc, Value value) {
  int64_t rank = cast<RankedTensorType>(value.getType()).getRank();
  return TransposeOp::create(builder, loc, value, getChannelsLastOrder(rank));
}
