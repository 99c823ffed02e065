// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A Vulkan device for compute: its driver is opened at run time.

#ifndef DLRT_DEVICE_VULKAN_VULKANDEVICE_H
#define DLRT_DEVICE_VULKAN_VULKANDEVICE_H

#include "runtime/artifact/Status.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace dlrt {

struct VulkanState;

struct VulkanOptions {
  /// Load VK_LAYER_KHRONOS_validation where it is installed; each message of it
  /// goes to `onMessage`.
  bool validate = false;
  std::function<void(const std::string &)> onMessage;
  /// Which device, in the order of VulkanDevice::list.
  int ordinal = 0;
  /// Told Vulkan's functions once they are there, which it may replace: tests
  /// let them fail.
  std::function<void(VulkanState &)> onOpen;
};

/// Memory that the device and the host both see. The device that made it must
/// outlive it.
class VulkanBuffer {
public:
  ~VulkanBuffer();
  VulkanBuffer(const VulkanBuffer &) = delete;
  VulkanBuffer &operator=(const VulkanBuffer &) = delete;

  void *data() const { return mapped; }
  uint64_t size() const { return bytes; }

private:
  friend class VulkanDevice;
  friend class VulkanProgram;
  explicit VulkanBuffer(VulkanState &state) : state(state) {}

  VulkanState &state;
  uint64_t buffer = 0, memory = 0; // Vulkan's handles
  void *mapped = nullptr;
  uint64_t bytes = 0;
};

/// One device with one queue. For one thread at a time.
class VulkanDevice {
public:
  /// The names of the devices with a compute queue, real GPUs before software;
  /// none where there is no loader or driver.
  static std::vector<std::string> list();

  /// Opens the loader (libvulkan.so.1) and a device. NotFound: no loader, no
  /// driver, no such device.
  static Status open(const VulkanOptions &options,
                     std::unique_ptr<VulkanDevice> &result);
  ~VulkanDevice();

  const std::string &name() const;
  /// Whether the validation layer is at work.
  bool isValidated() const;
  /// The largest buffer that a kernel can be given, in bytes.
  uint64_t maxBufferBytes() const;
  /// After how many iterations of all its loops together the device ends an
  /// invocation's loops, whatever they are about; 0: after none.
  int64_t mostIterations() const;

  /// Whether its clock times what it runs.
  bool hasTimer() const;

  /// `bytes` may be 0. Unsupported: more than maxBufferBytes, unless kernels
  /// are given parts of it alone; OutOfMemory.
  Status createBuffer(uint64_t bytes, std::unique_ptr<VulkanBuffer> &result,
                      bool inParts = false);

private:
  friend class VulkanProgram;
  VulkanDevice();
  std::unique_ptr<VulkanState> state;
};

} // namespace dlrt

#endif // DLRT_DEVICE_VULKAN_VULKANDEVICE_H
