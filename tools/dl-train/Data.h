// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Examples in memory, and batches of them.

#ifndef DL_TOOLS_DL_TRAIN_DATA_H
#define DL_TOOLS_DL_TRAIN_DATA_H

#include "tools/values/Value.h"

#include <cstdint>

namespace dl::train {

/// Tensors [examples, ..], one for each input of a module's "step": the model's
/// inputs, then the labels. A tensor may have several rows for each example of
/// the first, one after the other: labels of all positions of a text.
class Data {
public:
  Data() = default;
  /// Throws a Failure, located at `files[i]`, where a tensor has no multiple
  /// of the first one's number of examples, or none.
  Data(std::vector<values::Value> tensors,
       const std::vector<std::string> &files);

  int64_t size() const { return count; }
  bool empty() const { return count == 0; }
  const std::vector<values::Value> &tensors() const { return all; }

  /// The examples of these numbers, in order, copied to `batch`.
  void gather(const int64_t *numbers, int64_t amount,
              std::vector<values::Value> &batch) const;

  /// Splits the last `share` off, at least one example and not all.
  Data splitOff(double share);

private:
  std::vector<values::Value> all;
  int64_t count = 0;
};

/// The order of `count` examples in an epoch: a permutation that follows from
/// both numbers alone (Fisher-Yates with SplitMix64), so that training goes on
/// as it would have.
std::vector<int64_t> shuffle(int64_t count, uint64_t seed, uint64_t epoch);

} // namespace dl::train

#endif // DL_TOOLS_DL_TRAIN_DATA_H
