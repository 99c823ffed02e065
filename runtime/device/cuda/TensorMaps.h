// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Tensor maps of a launch.

#ifndef DLRT_DEVICE_CUDA_TENSORMAPS_H
#define DLRT_DEVICE_CUDA_TENSORMAPS_H

#include "runtime/artifact/Artifact.h"
#include "runtime/device/cuda/CudaDriver.h"

namespace dlrt::cuda {

/// Makes the map that `described` says for a tensor at `address` and a launch's
/// sizes, which are not negative. Unsupported: an extent or stride that a map
/// cannot hold; Internal: the driver refuses it.
Status encodeTensorMap(const Driver &driver, const fb::TensorMap &described,
                       DevicePointer address, const int64_t *sizes,
                       TensorMap &result);

} // namespace dlrt::cuda

#endif // DLRT_DEVICE_CUDA_TENSORMAPS_H
