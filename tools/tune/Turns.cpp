// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/tune/Turns.h"

#include <algorithm>

namespace dl::tools {

namespace {

/// What a contestant takes undisturbed lies between these.
struct Range {
  double low, high;

  /// Of times that are not empty.
  explicit Range(std::vector<double> times) {
    // The second least of few turns: one that came again.
    auto quarter =
        std::min(std::max<size_t>(times.size() / 4, 2), times.size());
    std::sort(times.begin(), times.end());
    low = times.front();
    high = times[quarter - 1];
  }

  bool recurs() const {
    constexpr double kClose = 1.05;
    return high <= kClose * low;
  }
};

} // namespace

Verdict judge(const Turns &turns, double share) {
  constexpr size_t kEnough = 8;
  if (std::min(turns.first.size(), turns.second.size()) < kEnough)
    return Verdict::Open;
  Range first(turns.first), second(turns.second);
  if (second.high < share * first.low)
    return Verdict::Less;
  if (second.low >= share * first.high && first.recurs() && second.recurs())
    return Verdict::NotLess;
  return Verdict::Open;
}

} // namespace dl::tools
