// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A training module with its state, ready for steps.

#ifndef DL_TOOLS_DL_TRAIN_TRAINER_H
#define DL_TOOLS_DL_TRAIN_TRAINER_H

#include "runtime/api/dlrt.hpp"
#include "tools/values/Value.h"

#include <string>
#include <vector>

namespace dl::train {

class Trainer {
public:
  /// Opens a module that dl-compile --train has made. `threads` 0: as many as
  /// this process may use. Throws a Failure for a module that does not train.
  Trainer(const std::string &path, int threads);

  /// Reads the data of the step's inputs and of the label, one file each.
  void load(const std::vector<std::string> &inputs, const std::string &label);

  /// Computes the loss of all data, then updates the state.
  float step();

  const runtime::Module &module() const { return trained; }
  runtime::State &state() { return states; }

private:
  std::string path;
  runtime::Module trained;
  runtime::State states;
  runtime::Session stepSession;
  std::vector<values::Value> data;
};

} // namespace dl::train

#endif // DL_TOOLS_DL_TRAIN_TRAINER_H
