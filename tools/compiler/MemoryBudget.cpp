// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/compiler/MemoryBudget.h"

#include <algorithm>

namespace dl::tools {

std::optional<MemoryFit>
fitMemory(int64_t budget,
          llvm::function_ref<std::optional<int64_t>(int64_t)> measure) {
  // What the passes count is near to what is planned, on either side.
  constexpr int kMostTries = 8;
  std::optional<int64_t> unlimited = measure(0);
  if (!unlimited)
    return std::nullopt;
  MemoryFit best{0, *unlimited, *unlimited};
  int64_t target = budget, unchanged = 0;
  for (int i = 0; i < kMostTries && best.bytes > budget && target > 0; ++i) {
    std::optional<int64_t> bytes = measure(target);
    if (!bytes)
      return std::nullopt;
    unchanged = *bytes < best.bytes ? 0 : unchanged + 1;
    if (*bytes < best.bytes)
      best = {target, *bytes, *unlimited};
    if (unchanged == 3)
      break;
    target -= std::max((*bytes - budget) * 5 / 4, budget / 64);
  }
  return best;
}

} // namespace dl::tools
