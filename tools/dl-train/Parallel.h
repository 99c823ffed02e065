// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the ranks of a training have in common, and how they divide data.

#ifndef DL_TOOLS_DL_TRAIN_PARALLEL_H
#define DL_TOOLS_DL_TRAIN_PARALLEL_H

#include "runtime/api/dlrt.hpp"
#include "tools/dl-train/Records.h"
#include "tools/ranks/Ranks.h"

#include <string>
#include <vector>

namespace dl::train {

/// The part of a batch that is a rank's: examples [begin, begin + amount).
struct Share {
  int64_t begin = 0, amount = 0;
};

/// The part of a batch of `size` examples, each rank's of one size: up to
/// count - 1 examples are no one's.
Share getShare(const ranks::Ranks &ranks, int64_t size);

/// Throws a Failure on each rank that has another module than the first one at
/// `path`, or other `numbers` about its data and options; and, located at
/// `path`, where the module is for one rank alone and there are more.
void checkAlike(ranks::Ranks &ranks, const std::string &path,
                const runtime::Module &module,
                const std::vector<int64_t> &numbers);

/// Gives all ranks the states of the first one.
void broadcastStates(ranks::Ranks &ranks, const runtime::Module &module,
                     runtime::State &state);

/// What reductions took since `before`, by name; nothing where there is one
/// rank.
Metrics measureTraffic(const ranks::Ranks &ranks, const ranks::Traffic &before);

/// What the reductions of `steps` steps took, for people.
std::string describeTraffic(const ranks::Ranks &ranks, int64_t steps);

/// Bytes that each rank sends at least for reductions of so many, whatever the
/// algorithm (P. Patarasuk, X. Yuan, "Bandwidth optimal all-reduce algorithms
/// for clusters of workstations", 2009).
double countWireBytes(const ranks::Ranks &ranks, uint64_t bytes);

} // namespace dl::train

#endif // DL_TOOLS_DL_TRAIN_PARALLEL_H
