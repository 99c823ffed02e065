// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What this process has in memory, as Linux counts it. All numbers are bytes,
// 0 where the system does not tell.

#ifndef DL_TOOLS_MEASURE_MEMORY_H
#define DL_TOOLS_MEASURE_MEMORY_H

#include <cstdint>

namespace dl::tools {

/// Pages that are in memory at the moment.
struct MemoryUse {
  uint64_t resident = 0;
  uint64_t anonymous = 0; // of no file, or changed since they were read
  uint64_t file = 0;      // as a file has them: others may share them
};
MemoryUse readMemoryUse();

/// The most that was resident since the process, or resetPeakMemory, began.
uint64_t readPeakMemory();

/// From now on, the peak is that of what follows; it stays where the system
/// does not allow this.
void resetPeakMemory();

} // namespace dl::tools

#endif // DL_TOOLS_MEASURE_MEMORY_H
