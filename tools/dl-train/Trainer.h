// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A training module with its state, ready for steps.

#ifndef DL_TOOLS_DL_TRAIN_TRAINER_H
#define DL_TOOLS_DL_TRAIN_TRAINER_H

#include "runtime/api/dlrt.hpp"
#include "tools/dl-train/Data.h"
#include "tools/ranks/Ranks.h"

#include <optional>
#include <string>
#include <vector>

namespace dl::train {

/// Means over examples.
struct Evaluation {
  double loss = 0;
  /// The share of labels that the first output is largest at; nothing where the
  /// labels are no classes, or are inputs of the model itself.
  std::optional<double> accuracy;
};

/// Whether data comes from one archive of numpy's, the labels with it.
bool isArchive(const std::vector<std::string> &inputs,
               const std::string &label);

class Trainer {
public:
  /// Opens a module that dl-compile --train has made, to train with others.
  /// `device`: where to run; empty: the module's only target, or the CPU.
  /// `threads` 0: as many as this process may use, and the other ranks on this
  /// machine leave. Throws a Failure for a module that does not train.
  Trainer(const std::string &path, const std::string &device, int threads,
          ranks::Ranks &ranks);

  /// Reads the data of the step's inputs and of the label, one file each, or,
  /// without a label, all from one .npz: arrays with the inputs' names, or in
  /// their order. A module whose loss is an output of the model has inputs
  /// alone.
  Data read(const std::vector<std::string> &inputs,
            const std::string &label) const;

  /// The examples that each step takes, where the module has that fixed.
  std::optional<int64_t> fixedBatch() const;

  /// Computes the loss of a batch, which must stay until the next call, then
  /// updates the state. Throws a Failure for a loss that is not finite, which
  /// says where that came from, and for a label that is no class; the state is
  /// as before then. `numbers`: of the batch's examples in the data.
  float step(const std::vector<values::Value> &batch,
             const std::vector<int64_t> &numbers);

  /// Computes loss and accuracy of all data, in batches of `batch`, of which
  /// each rank takes its own; where the module fixes the batch, examples that
  /// fill none are left out. All ranks are given the same.
  Evaluation evaluate(const Data &data, int64_t batch);

  const runtime::Module &module() const { return trained; }
  runtime::State &state() { return states; }
  /// Updates of the whole training, those before a checkpoint among them: steps
  /// that a loss scale was too large for are none.
  int64_t countSteps() const;
  /// What losses are multiplied with before they are differentiated; nothing
  /// in a module without a loss scale.
  std::optional<double> lossScale() const;
  double learningRate() const;
  void setLearningRate(double rate);

private:
  runtime::Session openSession(const char *entry);
  /// Runs a session on a batch; an error about labels tells which one.
  void run(runtime::Session &session, const std::vector<values::Value> &batch,
           const std::vector<int64_t> &numbers) const;

  std::string path, device;
  int threads;
  ranks::Ranks &ranks;
  runtime::Module trained;
  bool hasScale; ///< of losses, which are not finite now and then
  bool hasLabel; ///< the last input is labels that the model does not take
  runtime::State states;
  runtime::Session stepSession;
  std::optional<runtime::Session> evaluateSession;
};

} // namespace dl::train

#endif // DL_TOOLS_DL_TRAIN_TRAINER_H
