// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Modules on Vulkan devices.

#ifndef DLRT_DEVICE_VULKAN_VULKANMODULE_H
#define DLRT_DEVICE_VULKAN_VULKANMODULE_H

#include "runtime/device/Device.h"

namespace dlrt::vulkan {

/// As loadDeviceModule, for the Vulkan devices in the order of `listDevices`.
/// Buffers are memory that the host sees, too, and have its addresses.
Status loadModule(const Artifact &artifact, int ordinal,
                  std::unique_ptr<DeviceModule> &result);

/// The names of the Vulkan devices, the best first; none where there is no
/// driver.
std::vector<std::string> listDevices();

} // namespace dlrt::vulkan

#endif // DLRT_DEVICE_VULKAN_VULKANMODULE_H
