// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Compute programs on a Vulkan device.

#ifndef DLRT_DEVICE_VULKAN_VULKANPROGRAM_H
#define DLRT_DEVICE_VULKAN_VULKANPROGRAM_H

#include "runtime/device/vulkan/VulkanDevice.h"

#include <vector>

namespace dlrt {

/// A buffer from one of its bytes on, as far as a kernel can be given.
struct VulkanBinding {
  VulkanBinding(VulkanBuffer *buffer, uint64_t offset = 0)
      : buffer(buffer), offset(offset) {}
  VulkanBuffer *buffer;
  uint64_t offset; ///< as the device aligns bindings
};

/// One dispatch of a run, or a copy.
struct VulkanDispatch {
  uint32_t entry = 0;                 ///< number of the entry point
  uint64_t elements = 0;              ///< none: nothing is run
  std::vector<VulkanBinding> buffers; ///< bindings 0, 1, ...
  std::vector<int64_t> sizes;         ///< push constants, each as 32 bits
  uint64_t copiedBytes = 0; ///< if any: the first buffer's go to the second
};

/// The entry points of a SPIR-V module. Its device must outlive it.
class VulkanProgram {
public:
  struct Entry {
    std::string name;
    uint32_t buffers = 0;   ///< bindings of descriptor set 0
    uint32_t sizes = 0;     ///< 32-bit push constants
    uint32_t workgroup = 1; ///< invocations
  };

  /// `words` is a whole SPIR-V module, from a source that is trusted.
  /// Unsupported names the capability, or the limit, that the device lacks.
  static Status load(VulkanDevice &device, const std::vector<uint32_t> &words,
                     std::vector<Entry> entries,
                     std::unique_ptr<VulkanProgram> &result);
  ~VulkanProgram();

  /// A command buffer, which runs again and again. It goes before the program.
  class Commands {
  public:
    explicit Commands(VulkanState &state);
    ~Commands();
    Commands(const Commands &) = delete;
    Commands &operator=(const Commands &) = delete;

  private:
    friend class VulkanProgram;
    struct Handles;
    VulkanState &state;
    std::unique_ptr<Handles> handles;
  };

  /// Records the dispatches, to run in order, each after the one before has
  /// finished. Their buffers must be there in each run.
  Status record(const std::vector<VulkanDispatch> &dispatches,
                std::unique_ptr<Commands> &result);

  /// Runs commands and waits for their end. What the host has written is seen
  /// by the device, and the other way round. Adds the time that the device
  /// took, by its clock, to `nanoseconds`, where that is not null and there is
  /// a clock. DeviceLost: so do all later calls.
  Status run(const Commands &commands, int64_t *nanoseconds = nullptr);

  /// Both.
  Status run(const std::vector<VulkanDispatch> &dispatches,
             int64_t *nanoseconds = nullptr);

private:
  struct Pipeline;
  explicit VulkanProgram(VulkanState &state);
  Status createPipelines();
  Status createPipeline(const Entry &entry, Pipeline &made);
  Status addDispatch(const VulkanDispatch &dispatch, Commands &commands);
  void addCopy(const VulkanDispatch &dispatch, Commands &commands);
  void orderMemory(Commands &commands);
  Status check(const VulkanDispatch &dispatch) const;

  VulkanState &state;
  std::vector<Entry> entries;
  uint64_t shader = 0;
  std::vector<Pipeline> pipelines;
};

} // namespace dlrt

#endif // DLRT_DEVICE_VULKAN_VULKANPROGRAM_H
