// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/dl-train/Trainer.h"

#include "tools/values/Inputs.h"

#include <cmath>

using dl::values::Failure;

namespace dl::train {

static constexpr const char *kStep = "step";

static runtime::Module openTraining(const std::string &path) {
  runtime::Module module = runtime::Module::open(path);
  if (module.states().empty())
    throw Failure(path, "is no training module; dl-compile --train makes one");
  return module;
}

static runtime::Session openSession(const runtime::Module &module,
                                    const runtime::State &state,
                                    const char *entry, int threads) {
  runtime::SessionOptions options;
  options.entry = entry;
  options.threads = threads;
  options.state = state.get();
  return runtime::Session(module, options);
}

Trainer::Trainer(const std::string &path, int threads)
    : path(path), trained(openTraining(path)), states(trained),
      stepSession(openSession(trained, states, kStep, threads)) {}

void Trainer::load(const std::vector<std::string> &inputs,
                   const std::string &label) {
  std::vector<std::string> files = inputs;
  files.push_back(label);
  uint32_t entry = trained.findEntry(kStep);
  data = values::readInputs(path, kStep, trained.inputs(entry), files);
  values::bindInputs(stepSession, data,
                     values::listFiles(trained.inputs(entry), files));
}

float Trainer::step() {
  stepSession.run();
  float loss = *static_cast<const float *>(stepSession.output(0).data);
  if (!std::isfinite(loss))
    throw Failure(path, "the loss is " + std::to_string(loss) +
                            " before this step's update");
  return loss;
}

} // namespace dl::train
