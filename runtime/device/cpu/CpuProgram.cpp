// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/cpu/CpuProgram.h"

#include "runtime/artifact/Validate.h"

#include <algorithm>
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
};

/// Calls a kernel. Generated code has no type in front of it, which a sanitizer
/// of function types would look for.
#if defined(__clang__)
__attribute__((no_sanitize("function")))
#endif
inline void callKernel(Kernel kernel, void *const *args, const int64_t *sizes,
                       int64_t begin, int64_t end, void *scratch) {
  kernel(args, sizes, begin, end, scratch, &kImportTable);
}

void runPart(void *context, size_t part) {
  const Work &work = *static_cast<const Work *>(context);
  // The part's own tiles, then what others have left.
  for (size_t i = 0; i < work.parts; ++i) {
    size_t owner = part + i < work.parts ? part + i : part + i - work.parts;
    int64_t begin, end;
    while (work.shares[owner].take(begin, end))
      callKernel(work.kernel, work.args, work.sizes, begin, end,
                 work.scratch + part * work.scratchStride);
  }
}

} // namespace

void CpuProgram::setBuffer(uint32_t buffer, void *address) {
  if (addresses[buffer] == address)
    return;
  addresses[buffer] = address;
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
  int64_t parts =
      std::min<int64_t>(step.count, context.executor->concurrency());
  if (parts == 1 && backward) {
    TileShare all;
    divideTiles(step.count, 1, &all, backward);
    for (int64_t begin, end; all.take(begin, end);)
      callKernel(step.kernel, arguments, stepSizes, begin, end,
                 context.scratch);
    return;
  }
  if (parts == 1) {
    callKernel(step.kernel, arguments, stepSizes, 0, step.count,
               context.scratch);
    return;
  }
  if (parts == 0)
    return;
  divideTiles(step.count, parts, context.shares, backward);
  Work work = {step.kernel,          arguments,     stepSizes,
               context.shares,       size_t(parts), context.scratch,
               context.scratchStride};
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
  HostResources resources = {context.executor, context.scratch,
                             context.scratchStride, context.strings,
                             context.status};
  step.function->run(frame, resources);
  if (!context.status->ok())
    *context.status = std::move(*context.status)
                          .at("step '" + std::string(step.name) + "' (" +
                              step.kernelName + ")");
}

bool CpuProgram::run(const CpuRun &context) {
  using Clock = std::chrono::steady_clock;
  auto nanoseconds = [](Clock::duration time) {
    return static_cast<int64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(time).count());
  };
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
    Clock::time_point start;
    if (context.profile)
      start = Clock::now();
    void *const *current = arguments(step, iteration);
    if (step.kind == Kind::Dispatch)
      dispatch(step, current, context,
               step.depth > 0 && iteration[step.depth - 1] % 2 != 0);
    else
      call(step, current, context);
    if (step.kind == Kind::Call && !context.status->ok())
      return false;
    if (context.profile &&
        context.profile->events.size() < context.profile->events.capacity())
      context.profile->events.push_back({this, static_cast<uint32_t>(i),
                                         nanoseconds(start - context.start),
                                         nanoseconds(Clock::now() - start)});
  }
  return true;
}

} // namespace dlrt
