// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Linked native code, as the packager writes it into a module.

#ifndef DL_CODEGEN_CPU_IMAGE_H
#define DL_CODEGEN_CPU_IMAGE_H

#include <cstdint>
#include <string>
#include <vector>

namespace dl::cpu {

/// Position-independent code of all kernels for one CPU level. It refers to
/// nothing outside itself and has no relocation left: the pieces are mapped at
/// their addresses relative to one base, and the kernels can be called.
struct CpuImage {
  struct Piece {
    std::string bytes;
    /// Relative to the image's base; a multiple of 4096.
    uint64_t address = 0;
    /// At least the size of bytes; what is beyond is zero.
    uint64_t memorySize = 0;
    /// Readable and executable; otherwise readable alone.
    bool executable = false;
  };

  std::string triple, cpu;
  /// LLVM's names of all features that the code may use.
  std::vector<std::string> features;
  std::vector<Piece> pieces;
  uint64_t imageSize = 0;
  /// Address of each kernel relative to the base, in the order asked for; equal
  /// kernels share one.
  std::vector<uint64_t> entries;
};

} // namespace dl::cpu

#endif // DL_CODEGEN_CPU_IMAGE_H
