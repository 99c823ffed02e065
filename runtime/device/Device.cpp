// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/Device.h"

#include "runtime/device/cuda/CudaModule.h"
#if defined(DLRT_HAVE_VULKAN)
#include "runtime/device/vulkan/VulkanModule.h"
#endif

namespace dlrt {

Status DeviceQueue::useStream(void *, bool isOwn) {
  return isOwn ? Status()
               : Status(Code::Unsupported, "this device has no streams that "
                                           "the program around could give it");
}

Status DeviceQueue::beginTiming() {
  timingStart = std::chrono::steady_clock::now();
  return {};
}

Status DeviceQueue::endTiming(int64_t &nanoseconds) {
  DLRT_RETURN_IF_ERROR(wait());
  nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(
                    std::chrono::steady_clock::now() - timingStart)
                    .count();
  return {};
}

Status DeviceModule::constant(uint32_t index, const void *data, size_t bytes,
                              void *&address) {
  std::lock_guard<std::mutex> lock(mutex);
  if (index >= constants.size())
    constants.resize(size_t(index) + 1);
  if (!constants[index]) {
    auto block = std::make_unique<Block>(memory());
    DLRT_RETURN_IF_ERROR(block->reserve(bytes, "constants"));
    std::unique_ptr<DeviceQueue> queue;
    DLRT_RETURN_IF_ERROR(openQueue(queue));
    DLRT_RETURN_IF_ERROR(queue->upload(block->data(), data, bytes));
    DLRT_RETURN_IF_ERROR(queue->wait());
    constants[index] = std::move(block);
  }
  address = constants[index]->data();
  return {};
}

bool parseDevice(const std::string &device, std::string &target, int &ordinal) {
  size_t colon = device.find(':');
  target = device.substr(0, colon);
  ordinal = 0;
  if (colon == std::string::npos)
    return true;
  constexpr size_t kMostDigits = 4;
  std::string digits = device.substr(colon + 1);
  if (digits.empty() || digits.size() > kMostDigits ||
      digits.find_first_not_of("0123456789") != std::string::npos)
    return false;
  ordinal = std::stoi(digits);
  return true;
}

Status loadDeviceModule(const Artifact &artifact, const std::string &target,
                        int ordinal, std::unique_ptr<DeviceModule> &result) {
  if (target == "cuda")
    return cuda::loadModule(artifact, ordinal, result);
#if defined(DLRT_HAVE_VULKAN)
  if (target == "vulkan")
    return vulkan::loadModule(artifact, ordinal, result);
#endif
  return {Code::Unsupported,
          "this runtime does not run the target '" + target + "'"};
}

std::vector<std::pair<std::string, std::string>> listDevices() {
  std::vector<std::pair<std::string, std::string>> devices;
  for (std::string &name : cuda::listDevices())
    devices.emplace_back("cuda:" + std::to_string(devices.size()),
                         std::move(name));
#if defined(DLRT_HAVE_VULKAN)
  int ordinal = 0;
  for (std::string &name : vulkan::listDevices())
    devices.emplace_back("vulkan:" + std::to_string(ordinal++),
                         std::move(name));
#endif
  return devices;
}

} // namespace dlrt
