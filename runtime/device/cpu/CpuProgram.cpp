// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/cpu/CpuProgram.h"

#include "runtime/artifact/Validate.h"
#include "runtime/device/cpu/host/Reductions.h"

#include <algorithm>
#include <atomic>
#include <chrono>

namespace dlrt {
namespace {

/// What the parts of one dispatch share.
struct Work {
  Kernel kernel;
  void *const *args;
  const int64_t *sizes;
  TileShare *shares;
  size_t parts;
  std::byte *scratch;
  size_t scratchStride;
  const ImportTable *imports;
};

/// Calls a kernel. Generated code has no type in front of it, which a sanitizer
/// of function types would look for.
#if defined(__clang__)
__attribute__((no_sanitize("function")))
#endif
inline void callKernel(Kernel kernel, void *const *args, const int64_t *sizes,
                       int64_t begin, int64_t end, void *scratch,
                       const ImportTable &imports) {
  kernel(args, sizes, begin, end, scratch, &imports);
}

void runPart(void *context, size_t part) {
  const Work &work = *static_cast<const Work *>(context);
  // The part's own tiles, then what others have left.
  for (size_t i = 0; i < work.parts; ++i) {
    size_t owner = part + i < work.parts ? part + i : part + i - work.parts;
    int64_t begin, end;
    while (work.shares[owner].take(begin, end))
      callKernel(work.kernel, work.args, work.sizes, begin, end,
                 work.scratch + part * work.scratchStride, *work.imports);
  }
}

} // namespace

uint64_t CpuProgram::firstDispatch() {
  constexpr int kCountBits = 40;
  static std::atomic<uint64_t> programs{0};
  return (programs.fetch_add(1, std::memory_order_relaxed) + 1) << kCountBits;
}

void CpuProgram::setBuffer(uint32_t buffer, void *address) {
  if (addresses[buffer] == address)
    return;
  addresses[buffer] = address;
  recording.reset();
  for (const Patch &patch : patches[buffer])
    args[patch.arg] = static_cast<std::byte *>(address) + patch.offset;
}

void *const *CpuProgram::arguments(const Step &step, const int64_t *iteration) {
  void *const *fixed = args.data() + step.firstArg;
  if (!step.moving)
    return fixed;
  const int64_t *stride = strides.data() + step.firstStride;
  for (uint32_t i = 0; i < step.argCount; ++i) {
    int64_t offset = 0;
    for (int d = 0; d < step.depth; ++d)
      offset += *stride++ * iteration[d];
    moved[i] = static_cast<std::byte *>(fixed[i]) + offset;
  }
  return moved.data();
}

void CpuProgram::dispatch(const Step &step, void *const *arguments,
                          const CpuRun &context, bool backward) {
  const int64_t *stepSizes = sizes.data() + step.firstSize;
  ImportTable imports = {sizeof(ImportTable), ++dispatches};
  int64_t parts =
      std::min<int64_t>(step.count, context.executor->concurrency());
  if (parts == 1 && backward) {
    TileShare all;
    divideTiles(step.count, 1, &all, backward);
    for (int64_t begin, end; all.take(begin, end);)
      callKernel(step.kernel, arguments, stepSizes, begin, end, context.scratch,
                 imports);
    return;
  }
  if (parts == 1) {
    callKernel(step.kernel, arguments, stepSizes, 0, step.count,
               context.scratch, imports);
    return;
  }
  if (parts == 0)
    return;
  divideTiles(step.count, parts, context.shares, backward);
  Work work = {step.kernel,           arguments,     stepSizes,
               context.shares,        size_t(parts), context.scratch,
               context.scratchStride, &imports};
  context.executor->run(runPart, &work, static_cast<size_t>(parts));
}

void CpuProgram::call(const Step &step, void *const *arguments,
                      const CpuRun &context) {
  for (uint32_t i = 0; i < step.argCount; ++i)
    hostArgs[step.firstArg + i].data = arguments[i];
  HostCallFrame frame = {hostArgs.data() + step.firstArg,
                         static_cast<int>(step.argCount),
                         attributes.data() + step.firstAttribute,
                         static_cast<int>(step.attributeCount)};
  HostResources resources = {context.executor,      context.scratch,
                             context.scratchStride, context.strings,
                             context.status,        context.reductions};
  step.function->run(frame, resources);
  if (!context.status->ok())
    *context.status = std::move(*context.status)
                          .at("step '" + std::string(step.name) + "' (" +
                              step.kernelName + ")");
}

template <typename Execute>
bool CpuProgram::forEachStep(const CpuRun &context, Execute execute) {
  int64_t iteration[kMaxLoopDepth] = {};
  size_t count = steps.size();
  for (size_t i = 0; i < count; ++i) {
    const Step &step = steps[i];
    if (step.kind == Kind::LoopBegin) {
      iteration[step.depth] = 0;
      if (step.count == 0)
        i = step.other;
      continue;
    }
    if (step.kind == Kind::LoopEnd) {
      if (++iteration[step.depth] < step.count)
        i = step.other;
      continue;
    }
    if (context.cancelled->load(std::memory_order_relaxed))
      return false;
    bool isOdd = step.depth > 0 && iteration[step.depth - 1] % 2 != 0;
    if (!execute(step, static_cast<uint32_t>(i), arguments(step, iteration),
                 isOdd))
      return false;
  }
  return true;
}

bool CpuProgram::run(const CpuRun &context) {
  using Clock = std::chrono::steady_clock;
  auto nanoseconds = [](Clock::duration time) {
    return static_cast<int64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(time).count());
  };
  if (context.queue && !context.profile)
    return runOnDevice(context);
  if (context.observer)
    return runObserved(context);
  return forEachStep(context, [&](const Step &step, uint32_t number,
                                  void *const *current, bool isOdd) {
    Clock::time_point start;
    int64_t deviceTime = 0;
    if (context.profile)
      start = Clock::now();
    if (context.queue) {
      *context.status = executeTimed(step, current, context, deviceTime);
    } else if (step.kind == Kind::Dispatch) {
      dispatch(step, current, context, isOdd);
    } else {
      call(step, current, context);
    }
    if ((context.queue || step.kind == Kind::Call) && !context.status->ok())
      return false;
    if (context.profile &&
        context.profile->events.size() < context.profile->events.capacity())
      context.profile->events.push_back(
          {this, number, nanoseconds(start - context.start),
           context.queue ? deviceTime : nanoseconds(Clock::now() - start)});
    return true;
  });
}

bool CpuProgram::runObserved(const CpuRun &context) {
  return forEachStep(context, [&](const Step &step, uint32_t,
                                  void *const *current, bool isOdd) {
    ObservedStep seen = {step.name, step.kernelName, current, {}, false};
    for (uint32_t i = 0; i < step.argCount; ++i)
      seen.bytes.push_back(hostArgs[step.firstArg + i].bytes);
    (*context.observer)(seen);
    if (step.kind == Kind::Dispatch)
      dispatch(step, current, context, isOdd);
    else
      call(step, current, context);
    if (step.kind == Kind::Call && !context.status->ok())
      return false;
    seen.isDone = true;
    (*context.observer)(seen);
    return true;
  });
}

//===----------------------------------------------------------------------===//
// Devices
//===----------------------------------------------------------------------===//

Status CpuProgram::executeOnDevice(const Step &step, void *const *arguments,
                                   const CpuRun &context) {
  if (step.onHost)
    return runOnHost(step, arguments, context);
  if (step.kind == Kind::Dispatch) {
    Launch launch;
    launch.kernel = step.number;
    launch.args = arguments;
    launch.argCount = step.argCount;
    launch.sizes = sizes.data() + step.firstSize;
    launch.sizeCount = step.sizeCount;
    launch.blocks = step.count;
    return context.queue->launch(launch);
  }
  if (step.function == &kCopyFunction)
    return context.queue->copy(
        arguments[1], arguments[0],
        static_cast<size_t>(hostArgs[step.firstArg].bytes));
  bool reduces = step.function == &kAllReduceFunction;
  if (reduces && (!context.reductions || (context.reductions->workOnDevices() &&
                                          context.queue->sharesAddresses())))
    return reduceOnDevice(step, arguments, context);
  return runOnHost(step, arguments, context);
}

/// A reduction over processes, of what lies on the device; with one process
/// alone, nothing but a move.
Status CpuProgram::reduceOnDevice(const Step &step, void *const *arguments,
                                  const CpuRun &context) {
  const HostArgument &to = hostArgs[step.firstArg + 1];
  if (arguments[0] != arguments[1])
    DLRT_RETURN_IF_ERROR(context.queue->copy(arguments[1], arguments[0],
                                             static_cast<size_t>(to.bytes)));
  if (!context.reductions)
    return {};
  return context.queue->enqueue([&](void *stream) {
    return context.reductions->reduceOnDevice(arguments[1], to.elements,
                                              to.type, stream);
  });
}

/// A step with the device's time for it; of a function of the host's, with the
/// host's own.
Status CpuProgram::executeTimed(const Step &step, void *const *arguments,
                                const CpuRun &context, int64_t &nanoseconds) {
  DLRT_RETURN_IF_ERROR(context.queue->beginTiming());
  DLRT_RETURN_IF_ERROR(executeOnDevice(step, arguments, context));
  return context.queue->endTiming(nanoseconds);
}

/// A function of the host's, or a kernel: what it reads comes from the device,
/// what it writes goes back.
Status CpuProgram::runOnHost(const Step &step, void *const *arguments,
                             const CpuRun &context) {
  std::vector<void *> copies;
  while (hostCopies.size() < step.argCount)
    hostCopies.emplace_back(Allocator());
  uint32_t firstResult = step.argCount - step.resultCount;
  for (uint32_t i = 0; i < step.argCount; ++i) {
    auto bytes = static_cast<size_t>(hostArgs[step.firstArg + i].bytes);
    Block &copy = hostCopies[i];
    DLRT_RETURN_IF_ERROR(copy.reserve(bytes, "a copy on the host"));
    if (i < firstResult)
      DLRT_RETURN_IF_ERROR(
          context.queue->download(copy.data(), arguments[i], bytes));
    copies.push_back(copy.data());
  }
  if (step.onHost)
    dispatch(step, copies.data(), context, /*backward=*/false);
  else
    call(step, copies.data(), context);
  DLRT_RETURN_IF_ERROR(std::move(*context.status));
  for (uint32_t i = firstResult; i < step.argCount; ++i)
    DLRT_RETURN_IF_ERROR(context.queue->upload(
        arguments[i], copies[i],
        static_cast<size_t>(hostArgs[step.firstArg + i].bytes)));
  // The copies are those of the next call as well.
  return context.queue->wait();
}

/// Whether a run is the same commands each time, and not too many of them.
bool CpuProgram::mayRecord() const {
  constexpr size_t kMostCommands = 20000;
  return executed > 1 && executed <= kMostCommands &&
         std::none_of(steps.begin(), steps.end(), [](const Step &step) {
           return step.onHost ||
                  (step.kind == Kind::Call && step.function != &kCopyFunction);
         });
}

bool CpuProgram::runOnDevice(const CpuRun &context) {
  Status &status = *context.status;
  auto execute = [&](const Step &step, uint32_t, void *const *current, bool) {
    if (status = executeOnDevice(step, current, context); !status.ok())
      status = std::move(status).at("step '" + std::string(step.name) + "' (" +
                                    step.kernelName + ")");
    return status.ok();
  };
  if (!mayRecord())
    return forEachStep(context, execute);
  if (!recording) {
    if (status = context.queue->beginRecording(); !status.ok())
      return false;
    bool isDone = forEachStep(context, execute);
    Status ended = context.queue->endRecording(recording);
    if (!isDone) {
      recording.reset();
      return false;
    }
    if (status = std::move(ended); !status.ok())
      return false;
  }
  status = context.queue->replay(*recording);
  return status.ok();
}

} // namespace dlrt
