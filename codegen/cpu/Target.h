// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The CPUs that code is made for.

#ifndef DL_CODEGEN_CPU_TARGET_H
#define DL_CODEGEN_CPU_TARGET_H

#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>
#include <vector>

namespace dl::cpu {

/// Every CPU target is of this triple: images hold no system call and no symbol
/// of a library, so that only the calling convention matters.
constexpr llvm::StringLiteral kTriple = "x86_64-unknown-linux-gnu";

/// One CPU level. Code may use the listed features and those that every x86-64
/// CPU has, nothing else.
struct CpuTarget {
  /// LLVM's name, which also chooses instruction costs: "znver4", "x86-64-v3".
  std::string cpu;
  /// LLVM's names without a sign, sorted: "avx2", "avx512f".
  std::vector<std::string> features;
  /// Bytes of the cache that each core has for itself. Tiles are sized by it.
  int64_t l2Bytes = 1 << 20;

  bool has(llvm::StringRef feature) const;
  /// Leaves out the features of tile registers, which a process must ask the
  /// operating system for: code that does not use them shall run without.
  void dropTiles();
  /// Whether it makes more products of bf16 than of float32 in the same time.
  bool hasFastBf16() const;
  /// Width of the widest vector registers in bits: 512, 256 or 128.
  unsigned vectorBits() const;
  /// The features as LLVM takes them: "+avx,+avx2".
  std::string featureString() const;
};

/// The CPU that this process runs on.
CpuTarget getNativeTarget();

/// The target of that name: `native` or a name that LLVM knows. When the name
/// is not known, returns nothing and sets `error`, which lists the known names.
std::optional<CpuTarget> parseTarget(llvm::StringRef name, std::string &error);

/// As parseTarget, for names separated by commas, in the order given.
std::optional<std::vector<CpuTarget>> parseTargets(llvm::StringRef names,
                                                   std::string &error);

} // namespace dl::cpu

#endif // DL_CODEGEN_CPU_TARGET_H
