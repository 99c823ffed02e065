// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the steps of a data-parallel training ask of the other processes.

#ifndef DLRT_DEVICE_CPU_HOST_REDUCTIONS_H
#define DLRT_DEVICE_CPU_HOST_REDUCTIONS_H

#include "runtime/artifact/Status.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace dlrt {

/// The way to the other processes, which run the same program.
class Communicator {
public:
  virtual ~Communicator() = default;

  /// The number of this process, below that of all.
  virtual int64_t rank() const = 0;
  virtual int64_t count() const = 0;

  /// Begins to replace elements of F32 or F64 by their means over all
  /// processes; they belong to the communicator until `wait` returns. All
  /// processes begin the same reductions in the same order.
  virtual Status start(void *data, int64_t elements, int type,
                       uint64_t &request) = 0;
  virtual Status wait(uint64_t request) = 0;

  /// Whether elements may lie in a device's memory, of which the program
  /// around knows the addresses.
  virtual bool worksOnDevices() const { return false; }
  /// Replaces such elements by their means, in the order of what is in
  /// `stream`.
  virtual Status reduceOnDevice(void * /*data*/, int64_t /*elements*/,
                                int /*type*/, void * /*stream*/) {
    return {Code::Unsupported, "reductions on devices"};
  }
};

/// The reductions that a session's run has begun and not yet waited for, by the
/// numbers of their buckets.
class Reductions {
public:
  explicit Reductions(std::unique_ptr<Communicator> communicator)
      : communicator(std::move(communicator)) {}

  int64_t rank() const { return communicator->rank(); }
  int64_t count() const { return communicator->count(); }
  Status start(int64_t bucket, void *data, int64_t elements, int type);
  Status wait(int64_t bucket);
  bool workOnDevices() const { return communicator->worksOnDevices(); }
  Status reduceOnDevice(void *data, int64_t elements, int type, void *stream) {
    return communicator->reduceOnDevice(data, elements, type, stream);
  }
  /// Waits for what is left where a run ends early, because memory that will be
  /// in other use belongs to the communicator. Whether that succeeds is of no
  /// interest any more.
  void finish();

private:
  struct Pending {
    bool isActive = false;
    uint64_t request = 0;
  };

  std::unique_ptr<Communicator> communicator;
  std::vector<Pending> pending;
};

} // namespace dlrt

#endif // DLRT_DEVICE_CPU_HOST_REDUCTIONS_H
