// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What kernels may ask of a Vulkan device.

#ifndef DL_CODEGEN_SPIRV_TARGET_H
#define DL_CODEGEN_SPIRV_TARGET_H

#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>
#include <string>

namespace dl::spirv {

/// What the code may ask of a device; the defaults hold for every Vulkan device
/// that has GPUs' usual subgroups.
struct SpirvTarget {
  std::string name = "generic";
  int64_t workgroupSize = 64; ///< invocations, at most 128
  /// Invocations of a workgroup that keep the device busy, if there are many
  /// workgroups.
  int64_t fewestInvocations = 32;
  /// Invocations of a stage that keep the device busy.
  int64_t busyInvocations = 16384;
  /// Invocations that compute a row together at most, and columns that each of
  /// them holds.
  int64_t rowInvocations = 64, rowColumns = 32;
  int64_t pushConstantBytes = 128; ///< for the sizes of dynamic dimensions
  int64_t bufferBytes = 1 << 27;   ///< of a binding
  /// Whether invocations of a subgroup, of which there are eight at least, hand
  /// each other values.
  bool shuffles = true;
  bool float64 = true; ///< computes in 64-bit floats
  /// Whether integers of 8 and of 16 bits are computed in, and lie in buffers;
  /// otherwise words hold them.
  bool int8 = true, int16 = true;
  bool float16 = true; ///< computes in 16-bit floats, which lie in buffers
  /// Multiplies four bytes by four at once (VK_KHR_shader_integer_dot_product).
  bool dotProducts = false;
  /// A subgroup multiplies matrices of 16-bit floats together, 16 x 16 by 16 x
  /// 16 (VK_KHR_cooperative_matrix), and of bytes of as many contracted
  /// positions as `byteMatrixDepth` says, 0 where not.
  bool cooperativeMatrices = false;
  int64_t byteMatrixDepth = 0;
  int64_t subgroup = 32; ///< invocations that multiply a matrix
  /// Whether operands of products go through shared memory, of which a
  /// workgroup of 64 takes 16 KiB and one of 128 takes 24; otherwise they stay
  /// in registers.
  bool stagesOperands = false;
  /// Whether zeros of weights are left out where that is faster (see
  /// codegen/gpu/CompressWeights.h).
  bool compressesWeights = true;
  /// Rows and columns of a matrix product that an invocation keeps at most.
  int64_t tileRows = 32, tileColumns = 4;
};

/// The target of that name; nothing for other names.
std::optional<SpirvTarget> parseTarget(llvm::StringRef name);

/// All names, for messages.
llvm::StringRef getTargetNames();

} // namespace dl::spirv

#endif // DL_CODEGEN_SPIRV_TARGET_H
