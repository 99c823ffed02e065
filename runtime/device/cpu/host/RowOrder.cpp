// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/cpu/host/HostFunctions.h"
#include "runtime/device/cpu/host/OrderKey.h"

#include <algorithm>

namespace dlrt {
namespace {

Status prepareRowOrder(const HostCallFrame &frame, int64_t &scratchBytes) {
  scratchBytes = 0;
  if (frame.argCount != 2)
    return {Code::BadModule, "row_order has two arguments"};
  const HostArgument &data = frame.args[0], &order = frame.args[1];
  bool sound = hasOrder(data.type) && data.rank == 2 && order.rank == 1 &&
               order.type == fb::ElementType_I64 &&
               order.dims[0] == data.dims[0];
  if (!sound)
    return {Code::BadModule, "row_order has arguments that do not agree"};
  return {};
}

void runRowOrder(const HostCallFrame &frame, const HostResources &) {
  const HostArgument &data = frame.args[0];
  auto *order = static_cast<int64_t *>(frame.args[1].data);
  int64_t rows = data.dims[0], size = data.dims[1];
  for (int64_t i = 0; i < rows; ++i)
    order[i] = i;
  std::sort(order, order + rows, [&](int64_t a, int64_t b) {
    for (int64_t i = 0; i < size; ++i) {
      uint64_t x = orderKey(data.data, data.type, a * size + i);
      uint64_t y = orderKey(data.data, data.type, b * size + i);
      if (x != y)
        return x < y;
    }
    return a < b;
  });
}

} // namespace

const HostFunction kRowOrderFunction = {"row_order", prepareRowOrder,
                                        runRowOrder};

} // namespace dlrt
