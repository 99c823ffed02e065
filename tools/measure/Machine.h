// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What this machine can do at most, measured.

#ifndef DL_TOOLS_MEASURE_MACHINE_H
#define DL_TOOLS_MEASURE_MACHINE_H

#include <set>
#include <string>

namespace dl::tools {

/// The instructions that a kernel multiplies and adds with: on vectors of
/// float32, on pairs of bf16 in vectors (AVX512-BF16), on bf16 in tile
/// registers (AMX), on four bytes in each lane of a vector (VNNI), on bytes in
/// tile registers. What a processor can do at most depends on it.
enum class Products { Float32, Pairs, Tiles, Quads, ByteTiles };

/// By the name in a module's debug information: "f32", "bf16-pairs",
/// "bf16-tiles", "i8-quads", "i8-tiles"; Float32 for any other.
Products parseProducts(const std::string &name);
const char *getName(Products products);

/// The two limits of a roofline (Williams, Waterman and Patterson, "Roofline:
/// An Insightful Visual Performance Model for Multicore Architectures", 2009).
struct MachineLimits {
  double flops = 0; // float32 operations a second, multiply-adds counting two
  double pairFlops = 0, tileFlops = 0; // the same in bf16; 0 if not measured
  double quadOps = 0, byteTileOps = 0; // and of bytes
  double bandwidth = 0;                // bytes a second that stream from memory
  int threads = 1;                     // that reach these together

  /// The operations a second of the products; of float32 if theirs are not
  /// known.
  double peak(Products products) const;
  /// Takes what is higher.
  void raise(const MachineLimits &other);
};

/// Multiply-adds on registers, of float32 the widest vectors that the CPU has,
/// on `threads` threads at once: of each thread the best of many short runs in
/// about `seconds`. Operations a second; 0 where the CPU or the system lacks
/// such products.
double measurePeakFlops(int threads, double seconds,
                        Products products = Products::Float32);

/// Reads that no cache can serve: `bytes` bytes, divided among the threads, are
/// written past the caches and then read, again and again for about `seconds`;
/// the best pass counts. Bytes a second; 0 where there is not enough memory.
double measureBandwidth(int threads, double seconds,
                        unsigned long bytes = 1ul << 26);

/// The bandwidth, and the peaks of float32 and of `products`, in about
/// `seconds`.
MachineLimits measureMachine(int threads, double seconds,
                             const std::set<Products> &products = {});

} // namespace dl::tools

#endif // DL_TOOLS_MEASURE_MACHINE_H
