// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// All states of a training, and where it stands, in a file:
//   "DLCHKPT1", the size of a text in 8 bytes, the text (JSON), XXH3-64 of the
//   text, the states' elements one after the other, XXH3-64 of those.

#ifndef DL_TOOLS_CHECKPOINT_CHECKPOINT_H
#define DL_TOOLS_CHECKPOINT_CHECKPOINT_H

#include "runtime/api/dlrt.hpp"
#include "tools/values/Value.h"

#include <limits>
#include <string>
#include <vector>

namespace dl::train {

/// Where a training stands: before step `nextBatch` of epoch `epoch`, both from
/// 0 on.
struct Progress {
  int64_t step = 0; ///< done so far
  int64_t epoch = 0, nextBatch = 0;
  uint64_t seed = 0;
  /// Of early stopping: the least validation loss, and the epochs since.
  double bestLoss = std::numeric_limits<double>::infinity();
  int64_t epochsSinceBest = 0;
};

/// A state as a checkpoint has it.
struct SavedState {
  std::string name;
  std::string type;       ///< as dlrt_type_name has it
  std::string role;       ///< as dlrt_state_role says: "parameter", ..
  int64_t parameter = -1; ///< of a slot, the number of the state it is for
  std::vector<int64_t> dims;
  const unsigned char *data = nullptr; ///< of Checkpoint::bytes
  uint64_t bytes = 0;
};

/// A checkpoint's file, read and checked.
struct Checkpoint {
  values::Bytes bytes;
  std::string signature; ///< of the module, in hexadecimal digits
  Progress progress;
  std::vector<SavedState> states;
};

/// Throws a Failure located at `path` for a file that is no checkpoint, is cut
/// short or damaged.
Checkpoint readCheckpoint(const std::string &path);

/// Writes a file that is whole or not there: a new one, synchronized, takes the
/// old one's place. Throws a Failure located at `path`; the old one stays then.
void saveCheckpoint(const std::string &path, const runtime::Module &module,
                    const runtime::State &state, const Progress &progress);

/// Reads one into `state`. Throws a Failure located at `path` for a file that
/// is no checkpoint, is of another module, is cut short or damaged: `state`
/// stays as it was.
Progress loadCheckpoint(const std::string &path, const runtime::Module &module,
                        runtime::State &state);

} // namespace dl::train

#endif // DL_TOOLS_CHECKPOINT_CHECKPOINT_H
