// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Batches of an epoch, each put together while the step before it runs.

#ifndef DL_TOOLS_DL_TRAIN_BATCHES_H
#define DL_TOOLS_DL_TRAIN_BATCHES_H

#include "tools/dl-train/Data.h"
#include "tools/dl-train/Parallel.h"

#include <condition_variable>
#include <mutex>
#include <thread>

namespace dl::train {

class Batches {
public:
  /// A rank's parts of batches of `batch` examples in the order `order`, from
  /// number `first` on up to `end`; the last one of the order may have fewer.
  /// `data` outlives this, and so does `ranks`.
  Batches(const Data &data, std::vector<int64_t> order, int64_t batch,
          int64_t first, int64_t end, const ranks::Ranks &ranks);
  ~Batches();
  Batches(const Batches &) = delete;
  Batches &operator=(const Batches &) = delete;

  /// The next batch, which stays as it is until the next call. Not to be called
  /// after the last one. Throws std::bad_alloc where there was no memory.
  const std::vector<values::Value> &next();
  /// The numbers, in the data, of the examples of the batch that next() has
  /// given last.
  const std::vector<int64_t> &numbers() const {
    return examples[(taken - 1) % 2];
  }

private:
  void work();

  const Data &data;
  std::vector<int64_t> order;
  const ranks::Ranks &ranks;
  int64_t batch, at, end; ///< `at`: the next one to be put together
  std::vector<values::Value> buffers[2];
  std::vector<int64_t> examples[2]; ///< in these
  std::mutex mutex;
  std::condition_variable changed;
  int64_t taken; ///< batches that next() has given
  int64_t ready; ///< and that have been put together
  bool isOver = false, hasFailed = false;
  std::thread worker;
};

} // namespace dl::train

#endif // DL_TOOLS_DL_TRAIN_BATCHES_H
