// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// dl-compile --memory-budget: what the passes are told, so that a step's
// memory, as it is planned in the end, stays below a limit.

#ifndef DL_TOOLS_COMPILER_MEMORYBUDGET_H
#define DL_TOOLS_COMPILER_MEMORYBUDGET_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include <cstdint>
#include <optional>

namespace dl::tools {

struct MemoryFit {
  int64_t target = 0;    ///< for PipelineOptions::memoryBudget
  int64_t bytes = 0;     ///< that the plan takes with it
  int64_t unlimited = 0; ///< that it takes with none
};

/// Looks for the largest target with which the plan takes at most `budget`
/// bytes; where there is none, returns the one with which it takes fewest.
/// `measure` gives the bytes for a target, 0 for none; nothing where it fails,
/// and then there is no result.
std::optional<MemoryFit>
fitMemory(int64_t budget,
          llvm::function_ref<std::optional<int64_t>(int64_t)> measure);

} // namespace dl::tools

#endif // DL_TOOLS_COMPILER_MEMORYBUDGET_H
