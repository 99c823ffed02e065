// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The CUDA devices that code is made for.

#ifndef DL_CODEGEN_PTX_TARGET_H
#define DL_CODEGEN_PTX_TARGET_H

#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>
#include <string>

namespace dl::ptx {

/// An architecture: a compute capability, and whether code is for it alone.
struct PtxTarget {
  unsigned capability = 80; ///< 90 for 9.0
  bool isSpecial = false;   ///< as sm_90a: wgmma and the like
  /// Whether products of float32 may round their factors to 11 bits (tf32).
  bool usesTf32 = false;
  /// Whether zeros of weights are left out.
  bool compressesWeights = true;

  std::string getArch() const {
    return "sm_" + std::to_string(capability) + (isSpecial ? "a" : "");
  }
  /// Whether mma.sp is there, and faster than dense products: the warpgroups of
  /// sm_90a multiply these at twice the speed.
  bool multipliesPairs() const {
    constexpr unsigned kFirst = 80, kHopper = 90;
    return capability >= kFirst && !(capability == kHopper && isSpecial);
  }
  /// Processors of the largest device of the architecture, or of one near it.
  int64_t countProcessors() const;
  int64_t workgroupSize = 256; ///< threads of kernels that need no other number
};

/// Reads "sm_80", "sm_90a"; sm_70 is the least, and nothing is returned below
/// it or for other texts.
std::optional<PtxTarget> parseTarget(llvm::StringRef arch);

} // namespace dl::ptx

#endif // DL_CODEGEN_PTX_TARGET_H
