// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the times of two that take turns tell.

#ifndef DL_TOOLS_TUNE_TURNS_H
#define DL_TOOLS_TUNE_TURNS_H

#include <vector>

namespace dl::tools {

/// Times of two contestants, in seconds: the least one of each turn.
struct Turns {
  std::vector<double> first, second;

  void add(double ofFirst, double ofSecond) {
    first.push_back(ofFirst);
    second.push_back(ofSecond);
  }
};

/// Whether the second contestant takes less than a share of the first one's
/// time.
enum class Verdict { Less, NotLess, Open };

/// Judges by what each takes undisturbed: at least its least time, and no more
/// than what a quarter of its turns have not exceeded. `Less` and `NotLess`
/// need eight turns and these two apart from those of the other, by the share;
/// `NotLess`, moreover, that each comes close to its least time again and
/// again. Else others on the machine have disturbed too many turns, or the two
/// are too near to the share: more turns may tell.
Verdict judge(const Turns &turns, double share);

} // namespace dl::tools

#endif // DL_TOOLS_TUNE_TURNS_H
