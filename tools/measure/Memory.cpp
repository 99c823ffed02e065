// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/measure/Memory.h"

#include <fstream>
#include <sstream>
#include <string>

namespace dl::tools {

/// The bytes on a line `Name:   123 kB` of a file of /proc.
static uint64_t readLine(const char *path, const std::string &name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string first;
    uint64_t kilobytes = 0;
    if (words >> first && first == name && words >> kilobytes)
      return kilobytes << 10;
  }
  return 0;
}

MemoryUse readMemoryUse() {
  const char *path = "/proc/self/smaps_rollup";
  MemoryUse use;
  use.resident = readLine(path, "Rss:");
  use.anonymous = readLine(path, "Anonymous:");
  use.file = use.resident - use.anonymous;
  return use;
}

uint64_t readPeakMemory() { return readLine("/proc/self/status", "VmHWM:"); }

void resetPeakMemory() { std::ofstream("/proc/self/clear_refs") << 5; }

} // namespace dl::tools
