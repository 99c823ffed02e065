// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/cpu/CpuProgram.h"

#include "runtime/artifact/CheckedMath.h"
#include "runtime/artifact/ElementTypes.h"
#include "runtime/artifact/Format.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace dlrt {

class CpuProgram::Builder {
public:
  using Steps = flatbuffers::Vector<flatbuffers::Offset<fb::Step>>;
  using Views = flatbuffers::Vector<flatbuffers::Offset<fb::View>>;

  Builder(CpuProgram &program, const fb::Module &module, const CodeImage *code,
          const int64_t *values, const std::vector<int64_t> &bufferBytes,
          const DeviceLimits &limits)
      : program(program), module(module), code(code), values(values),
        bufferBytes(bufferBytes), limits(limits) {}

  /// Finds the kernels of a target that is not the CPU.
  void findKernels(const char *target) {
    isDevice = true;
    if (module.devices())
      for (const fb::DeviceCode *device : *module.devices())
        if (!deviceKernels && strcmp(device->target()->c_str(), target) == 0)
          deviceKernels = device->kernels();
  }

  Status build(const Steps *steps) {
    return steps ? build(steps, 0, steps->size()) : Status();
  }

  Status build(const Steps *steps, uint32_t begin, uint32_t end) {
    for (uint32_t i = begin; i < end; ++i) {
      const fb::Step *step = steps->Get(i);
      if (const fb::Dispatch *dispatch = step->action_as_Dispatch())
        DLRT_RETURN_IF_ERROR(addDispatch(*dispatch));
      else if (const fb::HostCall *call = step->action_as_HostCall())
        DLRT_RETURN_IF_ERROR(addCall(*call));
      else if (const fb::Loop *loop = step->action_as_Loop())
        DLRT_RETURN_IF_ERROR(addLoop(*loop));
    }
    return {};
  }

  /// Places the host arguments' sizes once they no longer move.
  void finish() {
    for (size_t i = 0; i < hostDimStart.size(); ++i)
      program.hostArgs[i].dims = program.hostDims.data() + hostDimStart[i];
  }

private:
  Status bad(const char *name, const std::string &message) const {
    return {Code::BadModule, "step " + std::to_string(program.steps.size()) +
                                 " '" + name + "': " + message};
  }

  int64_t optional(int32_t formula, int64_t otherwise) const {
    return formula < 0 ? otherwise : values[formula];
  }

  /// Adds the arguments of a step. The bytes that a kernel reads beyond a
  /// view's start are the compiler's affair; a view's start must lie inside its
  /// buffer.
  Status addViews(const Views *views, Step &step) {
    step.firstArg = static_cast<uint32_t>(program.args.size());
    step.argCount = views ? views->size() : 0;
    step.depth = static_cast<uint8_t>(loops.size());
    step.firstStride = static_cast<uint32_t>(program.strides.size());
    hostDimStart.resize(program.args.size() + step.argCount);
    program.args.resize(program.args.size() + step.argCount);
    program.hostArgs.resize(program.args.size());
    for (uint32_t i = 0; i < step.argCount; ++i) {
      const fb::View &view = *views->Get(i);
      int64_t offset = optional(view.offset(), 0);
      int64_t low = offset, high = offset;
      for (size_t d = 0; d < loops.size(); ++d) {
        int64_t stride = view.strides() && d < view.strides()->size()
                             ? optional(view.strides()->Get(uint32_t(d)), 0)
                             : 0;
        program.strides.push_back(stride);
        step.moving |= stride != 0;
        int64_t reach = 0;
        if (runs() && (!checkedMul(stride, loops[d] - 1, reach) ||
                       !checkedAdd(reach < 0 ? low : high, reach,
                                   reach < 0 ? low : high)))
          return bad(step.name, "argument " + std::to_string(i) +
                                    " has strides out of range");
      }
      int64_t limit = bufferBytes[static_cast<size_t>(view.buffer())];
      if (runs() && step.count != 0 && (low < 0 || high > limit))
        return bad(step.name, "argument " + std::to_string(i) + " at bytes " +
                                  std::to_string(low) + " to " +
                                  std::to_string(high) +
                                  " lies outside its buffer of " +
                                  std::to_string(limit) + " bytes");
      reached.push_back(high);
      int64_t rest = std::max<int64_t>(0, limit - high);
      program.hostArgs[step.firstArg + i].bytes =
          std::clamp<int64_t>(optional(view.bytes(), rest), 0, rest);
      program.patches[static_cast<size_t>(view.buffer())].push_back(
          {step.firstArg + i, offset});
    }
    program.moved.resize(std::max(program.moved.size(), size_t(step.argCount)));
    return {};
  }

  Status addDispatch(const fb::Dispatch &dispatch) {
    Step step;
    step.kind = Kind::Dispatch;
    uint32_t kernel = static_cast<uint32_t>(dispatch.kernel());
    step.number = kernel;
    step.onHost = isDevice && dispatch.host_results() >= 0;
    bool isOnDevice = isDevice && !step.onHost;
    step.kernelName = isOnDevice
                          ? deviceKernels->Get(kernel)->name()->c_str()
                          : module.kernels()->Get(kernel)->name()->c_str();
    step.name = dispatch.name() && dispatch.name()->size()
                    ? dispatch.name()->c_str()
                    : step.kernelName;
    if (!isOnDevice && !code)
      return {Code::Unsupported,
              "step '" + std::string(step.name) +
                  "' runs on the host, for which the module has no code"};
    if (!isOnDevice)
      step.kernel = code->kernel(kernel);
    step.count = values[dispatch.tiles()];
    if (isOnDevice)
      DLRT_RETURN_IF_ERROR(checkForDevice(dispatch, step));
    step.flops = optional(dispatch.flops(), -1);
    if (step.count < 0)
      return bad(step.name, "the number of tiles is negative");
    DLRT_RETURN_IF_ERROR(needScratch(optional(dispatch.scratch(), 0), step));
    if (dispatch.trips() < 0) {
      DLRT_RETURN_IF_ERROR(addViews(dispatch.args(), step));
      addSizes(dispatch, step);
      if (step.onHost)
        DLRT_RETURN_IF_ERROR(addCopies(dispatch, step));
      return add(step);
    }
    return addParts(dispatch, step);
  }

  /// The sizes of a dispatch, and what comes after them.
  void addSizes(const fb::Dispatch &dispatch, Step &step,
                std::initializer_list<int64_t> more = {}) {
    step.firstSize = static_cast<uint32_t>(program.sizes.size());
    if (dispatch.sizes())
      for (int32_t size : *dispatch.sizes())
        program.sizes.push_back(values[size]);
    program.sizes.insert(program.sizes.end(), more);
    step.sizeCount =
        static_cast<uint32_t>(program.sizes.size()) - step.firstSize;
  }

  /// The bytes of the views of a kernel on the host.
  Status addCopies(const fb::Dispatch &dispatch, Step &step) {
    step.resultCount = static_cast<uint32_t>(dispatch.host_results());
    for (uint32_t i = 0; i < step.argCount; ++i) {
      const fb::View &view = *dispatch.args()->Get(i);
      int64_t limit = bufferBytes[static_cast<size_t>(view.buffer())];
      int64_t start = reached[step.firstArg + i], end = 0;
      int64_t bytes =
          optional(view.bytes(), std::max<int64_t>(0, limit - start));
      if (bytes < 0 ||
          (runs() && (!checkedAdd(start, bytes, end) || end > limit)))
        return bad(step.name, "argument " + std::to_string(i) +
                                  " does not fit into its buffer");
      program.hostArgs[step.firstArg + i].bytes = bytes;
    }
    return {};
  }

  /// A dispatch for each part of a loop that the device runs at once.
  Status addParts(const fb::Dispatch &dispatch, Step step) {
    int64_t trips = values[dispatch.trips()],
            part = std::max<int64_t>(trips, 1);
    if (limits.iterations && step.count) {
      int64_t each = std::max<int64_t>(values[dispatch.iterations()], 1);
      part = std::min(part, limits.iterations / each);
    }
    for (int64_t first = 0; first == 0 || first < trips; first += part) {
      DLRT_RETURN_IF_ERROR(addViews(dispatch.args(), step));
      addSizes(dispatch, step, {first, std::min(trips, first + part)});
      DLRT_RETURN_IF_ERROR(add(step));
      step.flops = -1; // the first part has told them
    }
    return {};
  }

  /// Positions on a device have 32 bits, with room for a step past the end.
  Status checkForDevice(const fb::Dispatch &dispatch, const Step &step) const {
    constexpr int64_t kMostElements = int64_t(1) << 30;
    auto tooLarge = [&](const std::string &what) {
      return Status(Code::Unsupported,
                    "step " + std::to_string(program.steps.size()) + " '" +
                        step.name + "': " + what +
                        ", more than a kernel on the device can be given");
    };
    if (dispatch.args())
      for (const fb::View *view : *dispatch.args()) {
        int64_t bytes = optional(
            view->bytes(), bufferBytes[static_cast<size_t>(view->buffer())]);
        if (bytes > limits.tensorBytes)
          return tooLarge("a tensor has " + std::to_string(bytes) + " bytes");
      }
    int64_t threads = deviceKernels->Get(step.number)->threads();
    int64_t elements = 0;
    if (!checkedMul(step.count, threads, elements) || elements > kMostElements)
      return tooLarge("there are " + std::to_string(step.count) +
                      " workgroups of " + std::to_string(threads));
    int64_t trips = optional(dispatch.trips(), 0);
    if (trips > kMostElements)
      return tooLarge("a loop has " + std::to_string(trips) + " steps");
    if (!limits.iterations || !step.count)
      return {};
    if (dispatch.iterations() < 0)
      return tooLong("a number of iterations that depends on data", step);
    if (int64_t count = values[dispatch.iterations()];
        count > limits.iterations)
      return tooLong(std::to_string(count) + " iterations", step);
    else if (constexpr int64_t kMostParts = int64_t(1) << 16;
             count > 0 && trips / (limits.iterations / count) > kMostParts)
      return tooLong(std::to_string(trips) + " times " + std::to_string(count) +
                         " iterations",
                     step);
    return {};
  }

  Status tooLong(const std::string &count, const Step &step) const {
    return {Code::Unsupported, "step " + std::to_string(program.steps.size()) +
                                   " '" + step.name + "': its loops do " +
                                   count + " in an invocation, and " +
                                   limits.device + " ends them after " +
                                   std::to_string(limits.iterations)};
  }

  Status addCall(const fb::HostCall &call) {
    Step step;
    step.kind = Kind::Call;
    step.kernelName = call.function()->c_str();
    step.name = call.name() && call.name()->size() ? call.name()->c_str()
                                                   : step.kernelName;
    DLRT_RETURN_IF_ERROR(findHostFunction(step.kernelName, step.function));
    step.count = 1;
    step.resultCount = static_cast<uint32_t>(call.results());
    DLRT_RETURN_IF_ERROR(addViews(call.args(), step));
    DLRT_RETURN_IF_ERROR(addTypes(call, step));
    step.firstAttribute = static_cast<uint32_t>(program.attributes.size());
    if (call.attributes())
      program.attributes.insert(program.attributes.end(),
                                call.attributes()->begin(),
                                call.attributes()->end());
    step.attributeCount =
        static_cast<uint32_t>(program.attributes.size()) - step.firstAttribute;
    finish();
    HostCallFrame frame = {program.hostArgs.data() + step.firstArg,
                           static_cast<int>(step.argCount),
                           program.attributes.data() + step.firstAttribute,
                           static_cast<int>(step.attributeCount)};
    int64_t bytes = 0;
    if (Status status = step.function->prepare(frame, bytes); !status.ok())
      return {status.code(), "step " + std::to_string(program.steps.size()) +
                                 " '" + step.name + "': " + status.message()};
    DLRT_RETURN_IF_ERROR(needScratch(bytes, step));
    return add(step);
  }

  Status addTypes(const fb::HostCall &call, const Step &step) {
    for (uint32_t i = 0; i < step.argCount; ++i) {
      const fb::TensorType &type = *call.types()->Get(i);
      HostArgument &argument = program.hostArgs[step.firstArg + i];
      argument.type = type.element();
      hostDimStart[step.firstArg + i] = program.hostDims.size();
      if (type.dims())
        for (int32_t dim : *type.dims())
          program.hostDims.push_back(values[dim]);
      size_t first = hostDimStart[step.firstArg + i];
      argument.rank = static_cast<int>(program.hostDims.size() - first);
      int64_t end = 0;
      size_t buffer = static_cast<size_t>(call.args()->Get(i)->buffer());
      if (!elementCount(program.hostDims.data() + first, argument.rank,
                        argument.elements) ||
          !elementBytes(argument.type, argument.elements, argument.bytes) ||
          !checkedAdd(reached[step.firstArg + i], argument.bytes, end) ||
          (runs() && end > bufferBytes[buffer]))
        return bad(step.name, "argument " + std::to_string(i) +
                                  " does not fit into its buffer");
    }
    return {};
  }

  Status addLoop(const fb::Loop &loop) {
    Step begin;
    begin.kind = Kind::LoopBegin;
    begin.count = values[loop.count()];
    begin.depth = static_cast<uint8_t>(loops.size());
    if (begin.count < 0)
      return bad("loop", "the number of iterations is negative");
    uint32_t position = static_cast<uint32_t>(program.steps.size());
    program.steps.push_back(begin);
    loops.push_back(begin.count);
    Status status = build(loop.body());
    loops.pop_back();
    DLRT_RETURN_IF_ERROR(std::move(status));
    if (program.steps.size() == position + 1) { // nothing to repeat
      program.steps.pop_back();
      return {};
    }
    Step end = begin;
    end.kind = Kind::LoopEnd;
    end.other = position;
    program.steps[position].other = static_cast<uint32_t>(program.steps.size());
    program.steps.push_back(end);
    return {};
  }

  Status needScratch(int64_t bytes, const Step &step) {
    if (bytes < 0)
      return bad(step.name, "the scratch size is negative");
    program.scratch = std::max(program.scratch, static_cast<size_t>(bytes));
    return {};
  }

  Status add(const Step &step) {
    int64_t times = 1;
    for (int64_t count : loops)
      if (!checkedMul(times, count, times))
        times = (std::numeric_limits<int64_t>::max)();
    // A profile that is too long is cut short.
    constexpr size_t kMaxEvents = size_t(1) << 20;
    program.executed = static_cast<size_t>(
        std::min<uint64_t>(kMaxEvents, program.executed + uint64_t(times)));
    // A sum that overflows is no measure of anything: it stays as it is.
    int64_t flops = 0;
    if (step.flops > 0 && checkedMul(step.flops, times, flops) &&
        checkedAdd(program.totalFlops, flops, flops))
      program.totalFlops = flops;
    program.steps.push_back(step);
    return {};
  }

  /// Whether the step at hand is executed at all.
  bool runs() const {
    return std::find(loops.begin(), loops.end(), 0) == loops.end();
  }

  CpuProgram &program;
  const fb::Module &module;
  const CodeImage *code;
  bool isDevice = false; ///< the plan is for another device than the CPU
  /// Of the target's first code: all of its codes have the same.
  const flatbuffers::Vector<flatbuffers::Offset<fb::DeviceKernel>>
      *deviceKernels = nullptr;
  const int64_t *values;
  const std::vector<int64_t> &bufferBytes;
  const DeviceLimits &limits;
  std::vector<int64_t> loops;       ///< iterations of the loops around the step
  std::vector<int64_t> reached;     ///< the highest start of each argument
  std::vector<size_t> hostDimStart; ///< of each argument, in hostDims
};

Status CpuProgram::build(const fb::Module &module, const fb::Plan &plan,
                         uint32_t begin, uint32_t end, const CodeImage *code,
                         const int64_t *values,
                         const std::vector<int64_t> &bufferBytes,
                         const DeviceLimits &limits) {
  patches.resize(bufferBytes.size());
  addresses.resize(bufferBytes.size());
  Builder builder(*this, module, code, values, bufferBytes, limits);
  if (strcmp(plan.target()->c_str(), "cpu") != 0)
    builder.findKernels(plan.target()->c_str());
  if (plan.steps())
    DLRT_RETURN_IF_ERROR(builder.build(plan.steps(), begin, end));
  builder.finish();
  return {};
}

} // namespace dlrt
