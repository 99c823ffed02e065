// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What a session needs of a device that has memory of its own. Addresses are
// the device's: the host adds to them, and reads nothing there.

#ifndef DLRT_DEVICE_DEVICE_H
#define DLRT_DEVICE_DEVICE_H

#include "runtime/artifact/Artifact.h"
#include "runtime/session/Memory.h"

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace dlrt {

/// What a device can do at most.
struct DeviceLimits {
  std::string device;      ///< its name
  int64_t tensorBytes = 0; ///< of a tensor, or the part of one, for a kernel
  /// Of all loops that an invocation runs together; 0: any number. More would
  /// be ended without a word.
  int64_t iterations = 0;
};

/// What a kernel is called with.
struct Launch {
  uint32_t kernel = 0; ///< position in the code's list
  void *const *args = nullptr;
  uint32_t argCount = 0;
  const int64_t *sizes = nullptr;
  uint32_t sizeCount = 0;
  int64_t blocks = 0; ///< workgroups; none: nothing is run
};

/// Commands that run one after another. For one thread at a time. A failure is
/// one of the device (OutOfMemory, Internal) and names the call.
class DeviceQueue {
public:
  virtual ~DeviceQueue() = default;

  /// Copies bytes to the device. The source may change after `wait` alone.
  virtual Status upload(void *to, const void *from, size_t bytes) = 0;
  /// Copies bytes to the host, and waits for them.
  virtual Status download(void *to, const void *from, size_t bytes) = 0;
  /// Copies bytes on the device; the ranges do not overlap.
  virtual Status copy(void *to, const void *from, size_t bytes) = 0;
  /// Unsupported: a size, or the number of workgroups, that has no 32 bits.
  virtual Status launch(const Launch &launch) = 0;
  /// Waits until everything is done.
  virtual Status wait() = 0;

  /// Whether addresses of the device's memory, and streams, mean something to
  /// the program around: those of CUDA's driver do.
  virtual bool sharesAddresses() const { return false; }
  /// From now on commands go to a stream of the caller's, a CUstream, which
  /// stays until another one is chosen; with `isOwn` to the queue's own. What
  /// was begun is waited for.
  virtual Status useStream(void *stream, bool isOwn);
  /// Lets the program around put commands into the stream at hand, which it is
  /// given, while the device's context is current.
  virtual Status enqueue(const std::function<Status(void *stream)> & /*put*/) {
    return {Code::Unsupported, "commands of the program's on this device"};
  }

  /// The time that the device takes for what comes between these, by its own
  /// clock where it has one. `endTiming` waits.
  virtual Status beginTiming();
  virtual Status endTiming(int64_t &nanoseconds);

  /// Commands that were recorded, to be run again as they are.
  class Recording {
  public:
    virtual ~Recording() = default;
  };
  /// Between these, launches and copies on the device are recorded, not run.
  virtual Status beginRecording() = 0;
  virtual Status endRecording(std::unique_ptr<Recording> &result) = 0;
  virtual Status replay(Recording &recording) = 0;

private:
  std::chrono::steady_clock::time_point timingStart;
};

/// A module's code and constants on a device, shared by its sessions. Safe for
/// any thread.
class DeviceModule {
public:
  virtual ~DeviceModule() = default;

  /// The device's name, as its driver gives it.
  virtual const std::string &name() const = 0;
  /// Where a constant lies on the device; it is copied there on first use.
  Status constant(uint32_t index, const void *data, size_t bytes,
                  void *&address);
  /// Memory of the device; it lives as long as the module.
  virtual Allocator memory() = 0;
  virtual Status openQueue(std::unique_ptr<DeviceQueue> &result) = 0;
  virtual DeviceLimits limits() const = 0;

protected:
  /// Gives the constants' memory back; before the device is gone.
  void releaseConstants() { constants.clear(); }

private:
  std::mutex mutex;
  std::vector<std::unique_ptr<Block>> constants; ///< null where not there
};

/// Takes "cuda:1" apart: a target, and which of its devices (0 where none is
/// named). False where what follows the colon is no number.
bool parseDevice(const std::string &device, std::string &target, int &ordinal);

/// Loads a module's code for a target's `ordinal`th device. NotFound: there is
/// no driver, or no such device. Unsupported: no such target, the module has no
/// code for it, or the device cannot run the code.
Status loadDeviceModule(const Artifact &artifact, const std::string &target,
                        int ordinal, std::unique_ptr<DeviceModule> &result);

/// The names of the devices of this machine beside the CPU, as "cuda:0", each
/// with its driver's name for it.
std::vector<std::pair<std::string, std::string>> listDevices();

} // namespace dlrt

#endif // DLRT_DEVICE_DEVICE_H
