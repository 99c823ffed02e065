// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/cpu/ThreadPool.h"

#include <algorithm>
#include <thread>

#if defined(__linux__)
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sched.h>
#include <string>
#endif

namespace dlrt {
namespace {

#if defined(__linux__)

/// Reads the first line of a small file; empty when there is none.
std::string firstLine(const std::string &path) {
  std::string line;
  if (FILE *file = fopen(path.c_str(), "re")) {
    char buffer[256];
    if (fgets(buffer, sizeof(buffer), file))
      line = buffer;
    fclose(file);
  }
  return line;
}

/// CPUs that a quota of `quota` microseconds in each `period` allows; 0 for no
/// limit.
int quotaCpus(double quota, double period) {
  if (quota <= 0 || period <= 0)
    return 0;
  // Rounded down: threads beyond the quota would be stopped for parts of a
  // period.
  return std::max(1, static_cast<int>(quota / period));
}

/// The smaller of two limits, 0 meaning none.
int stricter(int a, int b) { return a == 0 || (b != 0 && b < a) ? b : a; }

/// The limit of the control group at `path` below the mount points, and of
/// those around it.
int groupCpus(std::string path) {
  int limit = 0;
  for (;;) {
    // "QUOTA PERIOD" or "max PERIOD"; what is no number reads as 0, no limit.
    std::string line = firstLine("/sys/fs/cgroup" + path + "/cpu.max");
    char *rest = nullptr;
    double quota = strtod(line.c_str(), &rest);
    limit = stricter(limit, quotaCpus(quota, strtod(rest, nullptr)));
    std::string old = "/sys/fs/cgroup/cpu" + path + "/cpu.cfs_";
    quota = strtod(firstLine(old + "quota_us").c_str(), nullptr);
    double period = strtod(firstLine(old + "period_us").c_str(), nullptr);
    limit = stricter(limit, quotaCpus(quota, period));
    if (path.empty())
      return limit;
    path.erase(path.rfind('/'));
  }
}

int controlGroupLimit() {
  int limit = groupCpus("");
  FILE *file = fopen("/proc/self/cgroup", "re");
  if (!file)
    return limit;
  char line[4096];
  while (fgets(line, sizeof(line), file)) {
    // "ID:CONTROLLERS:/PATH", the controllers empty in version 2.
    char *controllers = strchr(line, ':');
    char *path = controllers ? strchr(controllers + 1, ':') : nullptr;
    if (!path || path[1] != '/')
      continue;
    *path++ = '\0';
    path[strcspn(path, "\n")] = '\0';
    if (controllers[1] == '\0' || strstr(controllers, "cpu"))
      limit = stricter(limit, groupCpus(strcmp(path, "/") ? path : ""));
  }
  fclose(file);
  return limit;
}

int affinityCpus() {
  // A set for more CPUs than cpu_set_t has, so that large machines answer too.
  constexpr int kMaxCpus = 16384;
  cpu_set_t *set = CPU_ALLOC(kMaxCpus);
  if (!set)
    return 0;
  size_t bytes = CPU_ALLOC_SIZE(kMaxCpus);
  CPU_ZERO_S(bytes, set);
  int count =
      sched_getaffinity(0, bytes, set) == 0 ? CPU_COUNT_S(bytes, set) : 0;
  CPU_FREE(set);
  return count;
}

#endif

} // namespace

int availableCpus() {
  int count = 0;
#if defined(__linux__)
  count = affinityCpus();
#endif
  if (count <= 0)
    count = static_cast<int>(std::thread::hardware_concurrency());
#if defined(__linux__)
  if (int limit = controlGroupLimit())
    count = std::min(count, limit);
#endif
  return std::max(count, 1);
}

} // namespace dlrt
