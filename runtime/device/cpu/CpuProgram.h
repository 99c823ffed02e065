// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_DEVICE_CPU_CPUPROGRAM_H
#define DLRT_DEVICE_CPU_CPUPROGRAM_H

#include "runtime/artifact/Status.h"
#include "runtime/artifact/module_generated.h"
#include "runtime/device/Device.h"
#include "runtime/device/cpu/CodeImage.h"
#include "runtime/device/cpu/Executor.h"
#include "runtime/device/cpu/TileShares.h"
#include "runtime/device/cpu/host/HostFunctions.h"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace dlrt {

class CpuProgram;

/// One execution of one step, for profiles.
struct ProfileEvent {
  const CpuProgram *program;
  uint32_t step;    ///< a position for CpuProgram::stepName
  int64_t start;    ///< nanoseconds since the run began
  int64_t duration; ///< nanoseconds
};

/// The events of one run; its memory is reserved before the run.
struct ProfileSink {
  std::vector<ProfileEvent> events;
};

/// A step that a run executes, before or after.
struct ObservedStep {
  const char *name, *kernel;
  void *const *args; ///< what it reads, then what it writes
  /// Of each, up to the end of its buffer where the module does not say it.
  std::vector<int64_t> bytes;
  bool isDone;
};
using StepObserver = std::function<void(const ObservedStep &)>;

/// What a run of a program needs from its session.
struct CpuRun {
  Executor *executor;
  TileShare *shares;    ///< as many as the executor's concurrency
  std::byte *scratch;   ///< for each part of a dispatch
  size_t scratchStride; ///< bytes from one part's scratch to the next's
  const std::atomic<bool> *cancelled;
  HostStrings *strings;
  Status *status;                              ///< where a call fails
  ProfileSink *profile;                        ///< null where none is wanted
  std::chrono::steady_clock::time_point start; ///< of the run, for profiles
  DeviceQueue *queue = nullptr; ///< of the device that the plan is for, if any
  const StepObserver *observer = nullptr; ///< null where nobody looks
  Reductions *reductions = nullptr; ///< null where there is one process alone
};

/// A stage of a plan whose formulas have been evaluated: a flat list of steps
/// whose arguments are addresses. For one session, on one thread at a time.
class CpuProgram {
public:
  /// Resolves steps [begin, end) of `plan` for the formulas' `values`.
  /// `bufferBytes` has the size of each of the plan's buffers. `code` may be
  /// null for a plan of another device than the CPU, none of whose kernels runs
  /// on the host. What was accepted here cannot fail in a run, unless the
  /// device does.
  Status build(const fb::Module &module, const fb::Plan &plan, uint32_t begin,
               uint32_t end, const CodeImage *code, const int64_t *values,
               const std::vector<int64_t> &bufferBytes,
               const DeviceLimits &limits);

  /// Bytes of scratch that each part of a dispatch needs.
  size_t scratchBytes() const { return scratch; }

  /// Gives the address of one of the plan's buffers. Costs nothing when
  /// unchanged.
  void setBuffer(uint32_t buffer, void *address);

  /// Runs all steps; false when cancelled between two of them, or a call has
  /// failed.
  bool run(const CpuRun &context);

  /// Steps that one run executes and their operations; and for each step of the
  /// plan its name, its kernel's name or its function's, and its tiles and
  /// operations, -1 where unknown.
  size_t executedSteps() const { return executed; }
  int64_t flops() const { return totalFlops; }
  const char *stepName(uint32_t step) const { return steps[step].name; }
  const char *stepKernel(uint32_t step) const { return steps[step].kernelName; }
  int64_t stepTiles(uint32_t step) const { return steps[step].count; }
  int64_t stepFlops(uint32_t step) const { return steps[step].flops; }

private:
  enum class Kind : uint8_t { Dispatch, Call, LoopBegin, LoopEnd };

  struct Step {
    Kind kind;
    bool moving = false; ///< some argument has a stride
    bool onHost = false; ///< a kernel that a device has no form of
    uint8_t depth = 0;   ///< loops around it
    Kernel kernel = nullptr;
    const HostFunction *function = nullptr;
    uint32_t firstArg = 0, argCount = 0;
    uint32_t firstSize = 0;
    uint32_t firstStride = 0;    ///< argCount rows of `depth` strides
    uint32_t firstAttribute = 0; ///< of a call
    uint32_t attributeCount = 0;
    uint32_t number = 0;      ///< of a device's kernel
    uint32_t sizeCount = 0;   ///< likewise
    uint32_t resultCount = 0; ///< of a call, or a kernel on the host
    uint32_t other = 0;       ///< the matching LoopEnd or LoopBegin
    int64_t count = 0;        ///< tiles, or iterations
    int64_t flops = -1;
    const char *name = "";
    const char *kernelName = "";
  };

  struct Patch {
    uint32_t arg;
    int64_t offset;
  };

  class Builder;

  void *const *arguments(const Step &step, const int64_t *iteration);
  /// Numbers of dispatches start at what no other program of the process uses.
  static uint64_t firstDispatch();
  /// `backward`: the tiles from the last piece to the first.
  void dispatch(const Step &step, void *const *args, const CpuRun &context,
                bool backward);
  void call(const Step &step, void *const *args, const CpuRun &context);
  /// Runs on this CPU, and shows each step.
  bool runObserved(const CpuRun &context);

  /// Calls `execute(step, its number, its arguments, whether an odd iteration)`
  /// for each step that a run executes; false as soon as that is false, or when
  /// cancelled.
  template <typename Execute>
  bool forEachStep(const CpuRun &context, Execute execute);

  // On a device that has memory of its own, where arguments are its addresses.
  bool runOnDevice(const CpuRun &context);
  Status executeTimed(const Step &step, void *const *arguments,
                      const CpuRun &context, int64_t &nanoseconds);
  Status executeOnDevice(const Step &step, void *const *args,
                         const CpuRun &context);
  Status runOnHost(const Step &step, void *const *args, const CpuRun &context);
  Status reduceOnDevice(const Step &step, void *const *args,
                        const CpuRun &context);
  bool mayRecord() const;

  std::vector<Step> steps;
  std::vector<void *> args;
  std::vector<int64_t> strides;
  std::vector<int64_t> sizes;
  std::vector<int64_t> attributes;
  std::vector<HostArgument> hostArgs; ///< at the same positions as `args`
  std::vector<int64_t> hostDims;
  std::vector<std::vector<Patch>> patches; ///< for each buffer
  std::vector<void *> addresses;           ///< of each buffer
  std::vector<void *> moved;               ///< arguments of the step at hand
  /// All steps of a run on a device, for addresses as they are.
  std::unique_ptr<DeviceQueue::Recording> recording;
  std::vector<Block> hostCopies; ///< of the arguments of a step on the host
  size_t scratch = 0;
  uint64_t dispatches = firstDispatch();
  size_t executed = 0;
  int64_t totalFlops = 0;
};

} // namespace dlrt

#endif // DLRT_DEVICE_CPU_CPUPROGRAM_H
