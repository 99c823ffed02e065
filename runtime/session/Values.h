// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_SESSION_VALUES_H
#define DLRT_SESSION_VALUES_H

#include "runtime/artifact/Status.h"
#include "runtime/session/Memory.h"

#include <memory>
#include <vector>

namespace dlrt {

/// A dense tensor that several values may share. Its elements do not change
/// once it is shared.
struct TensorValue {
  explicit TensorValue(const Allocator &allocator) : memory(allocator) {}

  int type = 0; ///< fb::ElementType
  std::vector<int64_t> dims;
  const void *data = nullptr; ///< in `memory`, or the caller's
  int64_t bytes = 0;
  Block memory; ///< empty where the elements are the caller's

  bool isBorrowed() const { return memory.size() == 0; }
};

using TensorRef = std::shared_ptr<TensorValue>;
using TensorList = std::vector<TensorRef>;

/// What a slot holds: a tensor, a sequence of tensors, or nothing, which is
/// also an optional without a value. Copies share the tensors.
struct HostValue {
  TensorRef tensor;
  std::shared_ptr<TensorList> elements;

  bool isNone() const { return !tensor && !elements; }
};

/// A tensor with memory of its own, whose elements are not set. Fails where the
/// sizes are impossible or there is no memory.
Status makeTensor(const Allocator &allocator, int type,
                  std::vector<int64_t> dims, TensorRef &result);

/// A tensor over the caller's memory.
Status borrowTensor(const Allocator &allocator, int type,
                    std::vector<int64_t> dims, const void *data,
                    TensorRef &result);

/// A tensor with a copy of these elements.
Status copyTensor(const Allocator &allocator, int type,
                  std::vector<int64_t> dims, const void *data,
                  TensorRef &result);

/// Gives tensors that are the caller's memory of their own.
Status ownTensors(const Allocator &allocator, HostValue &value);

} // namespace dlrt

#endif // DLRT_SESSION_VALUES_H
