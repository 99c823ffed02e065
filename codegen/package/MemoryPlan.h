// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Where each temporary of an entry lies in its arena.

#ifndef DL_CODEGEN_PACKAGE_MEMORYPLAN_H
#define DL_CODEGEN_PACKAGE_MEMORYPLAN_H

#include "codegen/package/Program.h"

namespace dl::package {

/// Alignment, in bytes, of every offset in an arena.
constexpr int64_t kArenaAlignment = 64;

/// A block of `size` bytes that is in use from step `first` to step `last`,
/// both included. A size is never negative.
struct PlanItem {
  int64_t first = 0;
  int64_t last = 0;
  FormulaId size = kNoFormula;

  bool meets(const PlanItem &other) const {
    return first <= other.last && other.first <= last;
  }
};

struct MemoryPlan {
  std::vector<FormulaId> offsets; // of the items, in bytes
  FormulaId arenaSize = kNoFormula;
};

/// Offsets such that no two items that are in use at once overlap, whatever the
/// values of the symbols; with few bytes for typical values.
///
/// Several greedy orders lay the items out for sample values of the symbols. A
/// layout says, of two items in use at once, which lies below the other;
/// keeping just this order gives each offset as the maximum of the ends of the
/// items below. The order whose arena is smallest over all samples is taken.
/// Where all sizes are constant, the formulas fold to the layout itself.
MemoryPlan planMemory(Formulas &formulas, const std::vector<PlanItem> &items);

/// Whether the plan keeps items apart, inside of the arena and aligned for
/// these values of the symbols. Sets `error` if not.
bool verifyMemoryPlan(const Formulas &formulas,
                      const std::vector<PlanItem> &items,
                      const MemoryPlan &plan,
                      const std::vector<int64_t> &symbols, std::string &error);

/// The storages of a program's arena with the steps in which each is in use,
/// numbered in running order; a storage that is also used outside of a loop is
/// in use in the whole loop. Storages that no step mentions are left out.
struct ArenaUse {
  std::vector<int32_t> storages;
  std::vector<PlanItem> items;
};
ArenaUse getArenaUse(Program &program);

/// Plans the arenas of a program, one for each stage, which holds the storages
/// whose sizes are known from it on: sets their sizes and the offsets of the
/// storages.
void planArena(Program &program);

/// The most bytes in use at once for these values of the symbols: no plan can
/// do with less.
int64_t getPeakUse(const std::vector<PlanItem> &items,
                   const std::vector<int64_t> &values);

} // namespace dl::package

#endif // DL_CODEGEN_PACKAGE_MEMORYPLAN_H
