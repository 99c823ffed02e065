// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Code for devices with memory of their own, as a module file holds it.

#ifndef DL_CODEGEN_GPU_IMAGE_H
#define DL_CODEGEN_GPU_IMAGE_H

#include <cstdint>
#include <string>
#include <vector>

namespace dl::gpucode {

/// `scale` times some of the launch's sizes.
struct SizeProduct {
  int64_t scale = 1;
  std::vector<unsigned> sizes;
};

/// A tensor in memory, for the copy engine of sm_90; dimensions from the
/// innermost on.
struct TensorMap {
  enum Element { F16, BF16, F32, Byte };

  unsigned arg = 0; ///< the buffer
  Element element = F16;
  std::vector<SizeProduct> extents;
  std::vector<SizeProduct> strides; ///< bytes; of all but the innermost
  std::vector<int64_t> box;         ///< elements that are copied at once
};

/// How a kernel is launched.
struct DeviceKernel {
  std::string entry;  ///< of a stage, as `dl.stages` names it
  std::string name;   ///< in the code
  unsigned args = 0;  ///< buffers
  unsigned sizes = 0; ///< 32-bit integers after them
  int64_t threads = 0;
  int64_t sharedBytes = 0; ///< dynamic shared memory
  /// No more workgroups are launched than there are processors.
  bool isPersistent = false;
  std::vector<TensorMap> maps; ///< parameters after the sizes
};

struct DeviceImage {
  std::string target; ///< "cuda" or "vulkan"
  std::string arch;   ///< of CUDA, "sm_80"
  std::string code;   ///< PTX, or the words of SPIR-V
  std::vector<DeviceKernel> kernels;
};

} // namespace dl::gpucode

#endif // DL_CODEGEN_GPU_IMAGE_H
