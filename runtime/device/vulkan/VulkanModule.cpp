// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/vulkan/VulkanModule.h"

#include "runtime/device/vulkan/VulkanProgram.h"

#include <cstring>
#include <limits>
#include <map>
#include <mutex>

namespace dlrt::vulkan {
namespace {

/// What queues and allocators of a module share. A device and its program are
/// for one thread at a time.
struct Loaded {
  std::mutex mutex;
  std::unique_ptr<VulkanDevice> device;
  std::unique_ptr<VulkanProgram> program;
  std::vector<uint64_t> workgroups; ///< invocations, of each kernel
  std::map<uintptr_t, std::unique_ptr<VulkanBuffer>> buffers; ///< by address

  /// The buffer that an address lies in; of none, that of its last byte's end.
  VulkanBinding find(const void *address) {
    auto at = reinterpret_cast<uintptr_t>(address);
    auto next = buffers.upper_bound(at);
    if (next == buffers.begin())
      return {nullptr};
    auto &[start, buffer] = *std::prev(next);
    return {buffer.get(), at - start};
  }
};

/// Dispatches, and once they have run, the command buffer that they are in.
class VulkanRecording : public DeviceQueue::Recording {
public:
  explicit VulkanRecording(Loaded &loaded) : loaded(loaded) {}
  ~VulkanRecording() override {
    std::lock_guard<std::mutex> lock(loaded.mutex);
    commands.reset();
  }

  Loaded &loaded;
  std::vector<VulkanDispatch> dispatches;
  std::unique_ptr<VulkanProgram::Commands> commands;
};

class VulkanQueue : public DeviceQueue {
public:
  explicit VulkanQueue(Loaded &loaded) : loaded(loaded) {}

  Status upload(void *to, const void *from, size_t bytes) override {
    DLRT_RETURN_IF_ERROR(wait());
    if (bytes)
      memcpy(to, from, bytes);
    return {};
  }
  Status download(void *to, const void *from, size_t bytes) override {
    return upload(to, from, bytes); // the host sees both
  }
  Status copy(void *to, const void *from, size_t bytes) override {
    if (!bytes)
      return {};
    std::lock_guard<std::mutex> lock(loaded.mutex);
    VulkanDispatch &command = commands.emplace_back();
    command.copiedBytes = bytes;
    command.buffers = {loaded.find(from), loaded.find(to)};
    return {};
  }
  Status launch(const Launch &launch) override {
    if (!launch.blocks)
      return {};
    std::lock_guard<std::mutex> lock(loaded.mutex);
    VulkanDispatch &command = commands.emplace_back();
    command.entry = launch.kernel;
    command.elements =
        uint64_t(launch.blocks) * loaded.workgroups[launch.kernel];
    for (uint32_t i = 0; i < launch.argCount; ++i)
      command.buffers.push_back(loaded.find(launch.args[i]));
    command.sizes.assign(launch.sizes, launch.sizes + launch.sizeCount);
    return {};
  }
  Status wait() override {
    if (commands.empty())
      return {};
    std::lock_guard<std::mutex> lock(loaded.mutex);
    int64_t *time = timing ? &deviceTime : nullptr;
    Status status = loaded.program->run(commands, time);
    commands.clear();
    return status;
  }

  /// By the device's clock, of what it ran; by the host's where that was
  /// nothing, or there is no such clock.
  Status beginTiming() override {
    DLRT_RETURN_IF_ERROR(wait());
    timing = loaded.device->hasTimer();
    deviceTime = 0;
    return DeviceQueue::beginTiming();
  }
  Status endTiming(int64_t &nanoseconds) override {
    Status status = DeviceQueue::endTiming(nanoseconds);
    if (timing && deviceTime)
      nanoseconds = deviceTime;
    timing = false;
    return status;
  }

  Status beginRecording() override { return wait(); }
  Status endRecording(std::unique_ptr<Recording> &result) override {
    auto made = std::make_unique<VulkanRecording>(loaded);
    made->dispatches.swap(commands);
    result = std::move(made);
    return {};
  }
  Status replay(Recording &recording) override {
    auto &recorded = static_cast<VulkanRecording &>(recording);
    DLRT_RETURN_IF_ERROR(wait());
    std::lock_guard<std::mutex> lock(loaded.mutex);
    if (!recorded.commands)
      DLRT_RETURN_IF_ERROR(
          loaded.program->record(recorded.dispatches, recorded.commands));
    return loaded.program->run(*recorded.commands);
  }

private:
  Loaded &loaded;
  std::vector<VulkanDispatch> commands; ///< not yet handed to the device
  bool timing = false;
  int64_t deviceTime = 0; ///< since the timing began, nanoseconds
};

class VulkanModule : public DeviceModule {
public:
  ~VulkanModule() override { releaseConstants(); }
  const std::string &name() const override { return loaded.device->name(); }
  Allocator memory() override { return {&loaded, allocate, release}; }
  DeviceLimits limits() const override {
    auto bytes = std::min<uint64_t>(loaded.device->maxBufferBytes(),
                                    std::numeric_limits<int32_t>::max());
    return {name(), static_cast<int64_t>(bytes),
            loaded.device->mostIterations()};
  }
  Status openQueue(std::unique_ptr<DeviceQueue> &result) override {
    result = std::make_unique<VulkanQueue>(loaded);
    return {};
  }
  Status load(const Artifact &artifact, int ordinal);

private:
  static void *allocate(void *context, size_t bytes, size_t) {
    Loaded &loaded = *static_cast<Loaded *>(context);
    std::lock_guard<std::mutex> lock(loaded.mutex);
    std::unique_ptr<VulkanBuffer> buffer;
    if (!loaded.device->createBuffer(bytes, buffer, /*inParts=*/true).ok())
      return nullptr;
    void *address = buffer->data();
    loaded.buffers[reinterpret_cast<uintptr_t>(address)] = std::move(buffer);
    return address;
  }
  static void release(void *context, void *memory, size_t, size_t) {
    Loaded &loaded = *static_cast<Loaded *>(context);
    std::lock_guard<std::mutex> lock(loaded.mutex);
    loaded.buffers.erase(reinterpret_cast<uintptr_t>(memory));
  }

  Loaded loaded;
};

Status VulkanModule::load(const Artifact &artifact, int ordinal) {
  const fb::DeviceCode *code = nullptr;
  if (artifact.header().devices())
    for (const fb::DeviceCode *found : *artifact.header().devices())
      if (found->target()->str() == "vulkan")
        code = found;
  if (!code)
    return {Code::Unsupported, "the module has no code for Vulkan devices"};
  VulkanOptions options;
  options.ordinal = ordinal;
  DLRT_RETURN_IF_ERROR(VulkanDevice::open(options, loaded.device));
  std::vector<VulkanProgram::Entry> entries;
  if (code->kernels())
    for (const fb::DeviceKernel *kernel : *code->kernels()) {
      entries.push_back({kernel->name()->str(),
                         static_cast<uint32_t>(kernel->args()),
                         static_cast<uint32_t>(kernel->sizes()),
                         static_cast<uint32_t>(kernel->threads())});
      loaded.workgroups.push_back(entries.back().workgroup);
    }
  const fb::Segment &segment = *code->code();
  std::vector<uint32_t> words(segment.size() / sizeof(uint32_t));
  memcpy(words.data(), artifact.bytes(segment),
         words.size() * sizeof(uint32_t));
  return VulkanProgram::load(*loaded.device, words, std::move(entries),
                             loaded.program);
}

} // namespace

Status loadModule(const Artifact &artifact, int ordinal,
                  std::unique_ptr<DeviceModule> &result) {
  auto module = std::make_unique<VulkanModule>();
  DLRT_RETURN_IF_ERROR(module->load(artifact, ordinal));
  result = std::move(module);
  return {};
}

std::vector<std::string> listDevices() { return VulkanDevice::list(); }

} // namespace dlrt::vulkan
