// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Trains a module that dl-compile --train has made.

#include "tools/dl-train/Trainer.h"
#include "tools/values/Files.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

using namespace dl;
using dl::values::Failure;

namespace {

struct Options {
  std::string module;
  std::vector<std::string> inputs;
  std::string label;
  std::string log;
  int64_t steps = 1;
  int threads = 0;
  bool fullBatch = false, noShuffle = false;
};

void runTraining(const Options &options) {
  dl::train::Trainer trainer(options.module, options.threads);
  trainer.load(options.inputs, options.label);
  std::string log;
  for (int64_t step = 1; step <= options.steps; ++step) {
    float loss = trainer.step();
    printf("step %lld: loss %.6g\n", static_cast<long long>(step),
           static_cast<double>(loss));
    log += nlohmann::ordered_json{{"step", step}, {"loss", loss}}.dump() + "\n";
  }
  if (!options.log.empty()) {
    values::NewFiles files;
    files.add(options.log, log, nullptr, 0);
    files.commit();
  }
  if (fflush(stdout) != 0)
    throw Failure("standard output", "cannot write");
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  CLI::App app("Trains a module that dl-compile --train has made.", "dl-train");
  app.footer("Example:\n"
             "  dl-train model.dlm --input=x.npy --label=y.npy --full-batch "
             "--steps=10 --no-shuffle --log=log.jsonl");
  app.set_version_flag("--version", std::string("dl-train ") + dlrt_version());
  app.add_option("module", options.module, "the module file (.dlm)")
      ->required();
  app.add_option("--input", options.inputs,
                 "a file with the data of the next input, .npy or .pb")
      ->type_name("FILE")
      ->required()
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--label", options.label, "a file with the labels")
      ->type_name("FILE")
      ->required();
  app.add_option("--steps", options.steps, "how many steps; default: 1")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  app.add_flag("--full-batch", options.fullBatch, "all data is one batch")
      ->required();
  app.add_flag("--no-shuffle", options.noShuffle,
               "take the data in the order of the files");
  app.add_option("--threads", options.threads,
                 "threads to use; default: the CPUs that affinity and control "
                 "group allow")
      ->type_name("N")
      ->check(CLI::Range(1, 65536));
  app.add_option("--log", options.log,
                 "write the loss of each step, before its update, as lines of "
                 "JSON")
      ->type_name("FILE");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    if (error.get_exit_code() == 0) // --help, --version
      return app.exit(error);
    fprintf(stderr, "error: dl-train: %s\n", error.what());
    return 1;
  }
  try {
    runTraining(options);
    return 0;
  } catch (const std::exception &error) {
    fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
