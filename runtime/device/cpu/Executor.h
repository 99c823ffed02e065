// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_DEVICE_CPU_EXECUTOR_H
#define DLRT_DEVICE_CPU_EXECUTOR_H

#include <cstddef>

namespace dlrt {

/// Something that runs the parts of a dispatch on several threads.
class Executor {
public:
  /// One part of the work; parts are independent of each other.
  using Task = void (*)(void *context, size_t part);

  virtual ~Executor() = default;

  /// The most parts that are worth making; at least 1.
  virtual int concurrency() const = 0;

  /// Calls task(context, part) once for each part in [0, parts), parts being at
  /// most concurrency(), and returns when all have returned. One call at a
  /// time.
  virtual void run(Task task, void *context, size_t parts) = 0;

  /// Called at the start of each run of a session, outside of `run`.
  virtual void prepare() {}
};

} // namespace dlrt

#endif // DLRT_DEVICE_CPU_EXECUTOR_H
