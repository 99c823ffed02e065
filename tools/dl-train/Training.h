// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A whole training: epochs, validation, schedule, checkpoints and records.

#ifndef DL_TOOLS_DL_TRAIN_TRAINING_H
#define DL_TOOLS_DL_TRAIN_TRAINING_H

#include "tools/dl-train/Schedule.h"

#include <cstdint>
#include <string>
#include <vector>

namespace dl::train {

/// What the command line says. Zero and empty stand for what is not given.
struct Options {
  std::string module;
  std::vector<std::string> inputs, validationInputs, testInputs;
  std::string label, validationLabel, testLabel;
  double validationSplit = 0;
  int64_t batch = 0;
  bool fullBatch = false, noShuffle = false;
  uint64_t seed = 0;
  int64_t steps = 0, epochs = 0;
  Schedule schedule;
  int64_t patience = 0;
  std::string device;
  int threads = 0;
  std::string checkpoint;
  int64_t checkpointEvery = 0;
  bool resume = false, quiet = false;
  std::string log, events, plot;
};

/// Trains. The result is on standard output, progress on standard error.
/// Returns the exit status: 130 after an interrupt. Throws what is to be
/// reported, a values::Failure or a runtime::Error.
int train(const Options &options);

} // namespace dl::train

#endif // DL_TOOLS_DL_TRAIN_TRAINING_H
