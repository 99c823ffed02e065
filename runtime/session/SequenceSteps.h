// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_SESSION_SEQUENCESTEPS_H
#define DLRT_SESSION_SEQUENCESTEPS_H

#include "runtime/session/Values.h"

#include <cstdint>

namespace dlrt {

namespace fb {
struct Perform;
} // namespace fb

/// What an operation on sequences and optionals, as module.fbs lists them,
/// works with.
struct SequenceCall {
  const fb::Perform &step;
  const Allocator &allocator;
  /// Values are taken from it; a tensor may be the caller's memory.
  std::vector<HostValue> &operands;
  /// The result's sizes that are known before it, -1 for others. For a result
  /// that is a tensor.
  const std::vector<int64_t> &sizes;
};

/// Computes the one result. Tensors that go into a sequence must not be
/// borrowed from memory that changes.
Status runSequenceStep(const SequenceCall &call, HostValue &result);

} // namespace dlrt

#endif // DLRT_SESSION_SEQUENCESTEPS_H
