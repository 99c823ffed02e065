// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Code for CUDA devices, as a module file holds it.

#ifndef DL_CODEGEN_PTX_IMAGE_H
#define DL_CODEGEN_PTX_IMAGE_H

#include <cstdint>
#include <string>
#include <vector>

namespace dl::ptx {

/// How a kernel is launched.
struct PtxKernel {
  std::string entry;  ///< of a stage, as `dl.stages` names it
  std::string name;   ///< in the text
  unsigned args = 0;  ///< pointers
  unsigned sizes = 0; ///< 32-bit integers after them
  int64_t threads = 0;
  int64_t sharedBytes = 0; ///< dynamic shared memory
};

struct PtxImage {
  std::string arch; ///< "sm_80"
  std::string text; ///< PTX
  std::vector<PtxKernel> kernels;
};

} // namespace dl::ptx

#endif // DL_CODEGEN_PTX_IMAGE_H
