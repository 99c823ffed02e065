// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What this machine can do at most, measured.

#ifndef DL_TOOLS_MEASURE_MACHINE_H
#define DL_TOOLS_MEASURE_MACHINE_H

namespace dl::tools {

/// The two limits of a roofline (Williams, Waterman and Patterson, "Roofline:
/// An Insightful Visual Performance Model for Multicore Architectures", 2009).
struct MachineLimits {
  double flops = 0; // float32 operations a second, multiply-adds counting two
  double bandwidth = 0; // bytes a second that stream from memory
  int threads = 1;      // that reach these together
};

/// Multiply-adds on registers of the widest vectors that the CPU has, on
/// `threads` threads at once: of each thread the best of many short runs in
/// about `seconds`. Operations a second.
double measurePeakFlops(int threads, double seconds);

/// Reads that no cache can serve: `bytes` bytes, divided among the threads, are
/// written past the caches and then read, again and again for about `seconds`;
/// the best pass counts. Bytes a second; 0 where there is not enough memory.
double measureBandwidth(int threads, double seconds,
                        unsigned long bytes = 1ul << 26);

/// Both, in about `seconds`.
MachineLimits measureMachine(int threads, double seconds);

} // namespace dl::tools

#endif // DL_TOOLS_MEASURE_MACHINE_H
