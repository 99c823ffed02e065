// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/session/Values.h"

#include "runtime/artifact/ElementTypes.h"

#include <cstring>

namespace dlrt {

Status borrowTensor(const Allocator &allocator, int type,
                    std::vector<int64_t> dims, const void *data,
                    TensorRef &result) {
  int64_t elements = 0;
  auto tensor = std::make_shared<TensorValue>(allocator);
  if (!elementCount(dims.data(), static_cast<int>(dims.size()), elements) ||
      !elementBytes(type, elements, tensor->bytes))
    return {Code::Mismatch, "a tensor has an impossible size"};
  tensor->type = type;
  tensor->dims = std::move(dims);
  tensor->data = data;
  result = std::move(tensor);
  return {};
}

Status makeTensor(const Allocator &allocator, int type,
                  std::vector<int64_t> dims, TensorRef &result) {
  TensorRef tensor;
  DLRT_RETURN_IF_ERROR(
      borrowTensor(allocator, type, std::move(dims), nullptr, tensor));
  DLRT_RETURN_IF_ERROR(
      tensor->memory.reserve(static_cast<size_t>(tensor->bytes), "a tensor"));
  tensor->data = tensor->memory.data();
  result = std::move(tensor);
  return {};
}

Status copyTensor(const Allocator &allocator, int type,
                  std::vector<int64_t> dims, const void *data,
                  TensorRef &result) {
  DLRT_RETURN_IF_ERROR(makeTensor(allocator, type, std::move(dims), result));
  if (result->bytes)
    memcpy(result->memory.data(), data, static_cast<size_t>(result->bytes));
  return {};
}

static Status ownTensor(const Allocator &allocator, TensorRef &tensor) {
  if (!tensor || !tensor->isBorrowed())
    return {};
  TensorRef borrowed = tensor;
  return copyTensor(allocator, borrowed->type, borrowed->dims, borrowed->data,
                    tensor);
}

Status ownTensors(const Allocator &allocator, HostValue &value) {
  DLRT_RETURN_IF_ERROR(ownTensor(allocator, value.tensor));
  if (!value.elements)
    return {};
  auto owned = std::make_shared<TensorList>(*value.elements);
  for (TensorRef &tensor : *owned)
    DLRT_RETURN_IF_ERROR(ownTensor(allocator, tensor));
  value.elements = std::move(owned);
  return {};
}

} // namespace dlrt
