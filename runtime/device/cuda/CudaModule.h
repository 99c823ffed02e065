// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Modules on CUDA devices.

#ifndef DLRT_DEVICE_CUDA_CUDAMODULE_H
#define DLRT_DEVICE_CUDA_CUDAMODULE_H

#include "runtime/device/Device.h"

namespace dlrt::cuda {

/// As loadDeviceModule, for the `ordinal`th CUDA device.
Status loadModule(const Artifact &artifact, int ordinal,
                  std::unique_ptr<DeviceModule> &result);

/// The names of the CUDA devices; none where there is no driver.
std::vector<std::string> listDevices();

} // namespace dlrt::cuda

#endif // DLRT_DEVICE_CUDA_CUDAMODULE_H
