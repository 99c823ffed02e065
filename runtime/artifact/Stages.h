// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DLRT_ARTIFACT_STAGES_H
#define DLRT_ARTIFACT_STAGES_H

#include "runtime/artifact/Status.h"

#include <cstdint>
#include <vector>

namespace dlrt {

namespace fb {
struct Bind;
struct Entry;
struct Perform;
struct Plan;
} // namespace fb

/// Values of symbols that a step binds are at most this.
constexpr int64_t kMaxBoundSize = int64_t(1) << 48;

/// What module.fbs calls the stages of a plan.
struct PlanStages {
  /// The step that begins each stage but the first: a Bind or a Perform (the
  /// other is null), its position in the plan's own list, and the symbols that
  /// it gives values.
  struct Begin {
    const fb::Bind *bind;
    const fb::Perform *perform;
    uint32_t step;
    std::vector<uint32_t> symbols;
  };
  std::vector<Begin> begins;
  /// The first stage in which each formula of the entry has a value. Empty
  /// where there is one stage alone.
  std::vector<uint32_t> formulas;

  uint32_t count() const { return static_cast<uint32_t>(begins.size()) + 1; }
  uint32_t of(int32_t formula) const {
    return formulas.empty() || formula < 0
               ? 0
               : formulas[static_cast<size_t>(formula)];
  }
};

/// Finds the stages of a plan, whose formulas are well formed. Fails unless the
/// plan binds each symbol once that no input gives, and no other.
Status findStages(const fb::Entry &entry, const fb::Plan &plan,
                  PlanStages &stages);

} // namespace dlrt

#endif // DLRT_ARTIFACT_STAGES_H
