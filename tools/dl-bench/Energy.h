// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Energy of runs: from the processor's own counters, or by a model.

#ifndef DL_TOOLS_DL_BENCH_ENERGY_H
#define DL_TOOLS_DL_BENCH_ENERGY_H

#include "tools/measure/Work.h"

#include <optional>
#include <string>
#include <vector>

namespace dl::tools {

/// Where Linux shows the counters of Intel's and AMD's processors (RAPL).
constexpr const char *kPowercap = "/sys/class/powercap";

/// The counters of all packages and of memory that is not counted with them, of
/// the whole machine, other programs included.
class EnergyCounters {
public:
  /// Finds the counters that can be read below `folder`.
  explicit EnergyCounters(const std::string &folder);

  /// Joules since the last call of start; nothing without counters. A counter
  /// that wraps around once is followed.
  void start();
  std::optional<double> joules() const;

private:
  struct Counter {
    std::string path;
    double range = 0; // microjoules at which it starts again from 0
    double first = 0;
  };
  std::vector<Counter> counters;
};

/// Picojoules of one float32 operation with its share of the instruction, and
/// of one byte that moves between memory and the processor. From M. Horowitz,
/// "Computing's energy problem (and what we can do about it)", ISSCC 2014, at
/// 45 nm: a multiplication of 3.7 pJ and an addition of 0.9 pJ, halved; 70 pJ
/// for an instruction, which a vector of 16 lanes divides among 32 operations;
/// 1.3 nJ for 8 bytes from DRAM, its lower figure. Newer processes need less:
/// the model is for comparing models, not for bills. Idle power is left out.
constexpr double kPicojoulesPerFlop = (3.7 + 0.9) / 2 + 70.0 / 32;
constexpr double kPicojoulesPerByte = 1300.0 / 8;

/// Joules of this work by that model.
double modelEnergy(const Work &work);

} // namespace dl::tools

#endif // DL_TOOLS_DL_BENCH_ENERGY_H
