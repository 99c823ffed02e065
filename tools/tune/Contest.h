// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Two modules of one model, run in turns.

#ifndef DL_TOOLS_TUNE_CONTEST_H
#define DL_TOOLS_TUNE_CONTEST_H

#include "runtime/api/dlrt.hpp"
#include "tools/tune/Turns.h"
#include "tools/values/Value.h"

#include <map>
#include <string>
#include <vector>

namespace dl::tools {

/// A module that is ready to run, with random inputs.
class Contestant {
public:
  /// Opens the module at `path` and runs it once, on `threads` threads. Throws
  /// where it cannot run.
  Contestant(const std::string &path, int threads);

  /// Runs `count` times and returns the seconds of the fastest one.
  double run(int count);
  /// The same, and takes the least time of each step into `steps`.
  void runProfiled(int count, std::vector<double> &steps);

  /// The kernel of each step, in the order in which a run executes them.
  const std::vector<std::string> &kernels() const { return stepKernels; }
  int threads() const { return session.threads(); }

private:
  runtime::Module module;
  runtime::Session session;
  std::vector<values::Value> inputs;
  std::vector<std::string> stepKernels;
};

/// How two contestants compare in something that both do.
struct Comparison {
  double first = 0, second = 0; // seconds: sums of the least time of each step
  /// Second over first: the median of those of each turn. What slows both down
  /// for a while, others on the machine or its clock, it does not see.
  double ratio = 1;
  Turns turns;

  /// Whether the second one takes less than `share` of the first one's time, by
  /// least times and by turns.
  bool isBelow(double share) const {
    return second < share * first && ratio < share;
  }
};

/// How long contests last. They go on while others on the machine disturb them,
/// so that the least times still become less.
struct Rounds {
  int batch;                // runs of one contestant before the other's turn
  int batches, mostBatches; // of each contestant
};

/// Enough for least times that hold, where a run takes `seconds`, and more if
/// a contest then takes no longer than `limit` seconds.
Rounds chooseRounds(double seconds, double limit);

/// Runs both in turns and times their kernels, by key: `keys` has that of each
/// kernel.
std::map<std::string, Comparison>
compareKernels(Contestant &first, Contestant &second, Rounds rounds,
               const std::map<std::string, std::string> &keys);

/// The same of steps: `first.kernels()[i]` has the key `keysOfFirst[i]`, an
/// empty one where it does not count.
std::map<std::string, Comparison>
compareSteps(Contestant &first, Contestant &second, Rounds rounds,
             const std::vector<std::string> &keysOfFirst,
             const std::vector<std::string> &keysOfSecond);

/// Runs both in turns and times whole runs. Where `share` is not 0, they go on
/// until it is clear whether the second one takes less than that of the first
/// one's time.
Comparison compareRuns(Contestant &first, Contestant &second, Rounds rounds,
                       double share = 0);

} // namespace dl::tools

#endif // DL_TOOLS_TUNE_CONTEST_H
