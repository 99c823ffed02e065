// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_SESSION_STATES_H
#define DLRT_SESSION_STATES_H

#include "runtime/device/Device.h"
#include "runtime/session/Memory.h"
#include "runtime/session/Module.h"

#include <atomic>
#include <map>
#include <memory>
#include <vector>

namespace dlrt {

/// The states of a module that trains: tensors that outlast runs, shared by the
/// sessions of its entries, of which one runs at a time. They lie in one block,
/// each at a multiple of kConstantAlignment, where the first session runs.
class States {
public:
  /// With their initial values.
  static Status create(std::shared_ptr<Module> module,
                       const Allocator &allocator,
                       std::shared_ptr<States> &result);

  /// The bytes of all states of a module, the gaps between them included.
  static int64_t totalBytes(const fb::Module &header);
  static int64_t bytesOf(const fb::State &state);

  const Module &module() const { return *shared; }
  uint32_t count() const { return uint32_t(offsets.size()); }
  /// Moves the states to the device of a session that shares them (null: the
  /// CPU). Mismatch: a session on another one shares them already.
  Status attach(DeviceModule *wanted);

  /// Where a state lies, in the order of the memory: an address of the device.
  void *data(uint32_t index) const { return memory->data() + offsets[index]; }

  /// The state as a dense tensor of its sizes: where it lies, or, if it has an
  /// order of its own or lies on a device, a copy that the next call for this
  /// state overwrites.
  Status read(uint32_t index, const void *&data);

  /// Copies a dense tensor of the state's type and sizes into it.
  Status set(uint32_t index, const void *data, int type, const int64_t *dims,
             int rank, size_t bytes);
  Status reset();

  /// Claims the states for one call; false where another one has them.
  bool acquire() { return !busy.exchange(true, std::memory_order_acquire); }
  void release() { busy.store(false, std::memory_order_release); }

private:
  States(std::shared_ptr<Module> module, const Allocator &allocator)
      : shared(std::move(module)), allocator(allocator),
        memory(std::make_unique<Block>(allocator)) {}
  Status fill();
  /// Initial values in memory of the host.
  void fillHost(std::byte *to) const;
  /// Host memory that calls for a state keep.
  Status reserveCopy(std::map<uint32_t, Block> &copies, uint32_t index,
                     std::byte *&data);

  std::shared_ptr<Module> shared;
  Allocator allocator;
  std::vector<size_t> offsets;
  size_t totalSize = 0;
  std::unique_ptr<Block> memory;
  bool isAttached = false;        ///< to a session's device, or the CPU
  DeviceModule *device = nullptr; ///< null: the CPU
  std::unique_ptr<DeviceQueue> queue;
  std::map<uint32_t, Block> copies;    ///< of read: dense
  std::map<uint32_t, Block> transfers; ///< between the device and a copy
  std::atomic<bool> busy{false};
};

/// Claims the states, if there are any, for one run.
class StatesScope {
public:
  explicit StatesScope(States *states)
      : states(states), entered(!states || states->acquire()) {}
  ~StatesScope() {
    if (states && entered)
      states->release();
  }
  Status status() const {
    return entered ? Status()
                   : Status(Code::Busy,
                            "the session's states are in use by another call");
  }

private:
  States *states;
  bool entered;
};

} // namespace dlrt

#endif // DLRT_SESSION_STATES_H
