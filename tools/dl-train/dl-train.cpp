// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Trains a module that dl-compile --train has made.

#include "runtime/api/dlrt.h"
#include "tools/dl-train/Training.h"

#include <CLI/CLI.hpp>
#include <cstdio>

using dl::train::Options;
using dl::train::Schedule;

static void addDataOptions(CLI::App &app, Options &options) {
  auto addFiles = [&](const char *name, std::vector<std::string> &files,
                      const char *help) {
    return app.add_option(name, files, help)
        ->type_name("FILE")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->group("Data");
  };
  auto addFile = [&](const char *name, std::string &file, const char *help) {
    return app.add_option(name, file, help)->type_name("FILE")->group("Data");
  };
  addFiles("--input", options.inputs,
           "a file with the data of the next input, .npy or .pb: examples in "
           "its first dimension")
      ->required();
  addFile("--label", options.label,
          "a file with the labels; may be left out where the one --input is an "
          ".npz with arrays called as the module's inputs, or in their order, "
          "the last one of the labels. Where the loss is an output of the "
          "model (dl-compile --loss=output), labels are inputs like others");
  addFiles("--validation-input", options.validationInputs,
           "the same for validation, after each epoch");
  addFile("--validation-label", options.validationLabel,
          "the labels for validation");
  app.add_option("--validation-split", options.validationSplit,
                 "validate on this share of the data, the last examples")
      ->type_name("SHARE")
      ->check(CLI::Range(0.0, 1.0))
      ->group("Data");
  addFiles("--test-input", options.testInputs,
           "the same for a test at the end");
  addFile("--test-label", options.testLabel, "the labels for the test");
  app.add_option("--batch", options.batch,
                 "examples in a step, of all ranks together; default: what the "
                 "module fixes for each, or 32")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->group("Data");
  app.add_flag("--full-batch", options.fullBatch, "all data is one batch")
      ->group("Data");
  app.add_flag("--no-shuffle", options.noShuffle,
               "take the data in the order of the files")
      ->group("Data");
  app.add_option("--seed", options.seed,
                 "what the order of the examples follows from; default: 0")
      ->type_name("N")
      ->group("Data");
}

static void addTrainingOptions(CLI::App &app, Options &options) {
  const std::map<std::string, Schedule::Kind> kinds = {
      {"constant", Schedule::Kind::Constant},
      {"step", Schedule::Kind::Step},
      {"cosine", Schedule::Kind::Cosine},
      {"one-cycle", Schedule::Kind::OneCycle}};
  app.add_option("--steps", options.steps,
                 "stop after so many steps; default: 1, or as --epochs says")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  app.add_option("--epochs", options.epochs, "go through the data N times")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  app.add_option("--lr", options.schedule.rate,
                 "the learning rate; default: the module's")
      ->type_name("X")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--schedule", options.schedule.kind,
                 "constant (default), step, cosine or one-cycle, over all "
                 "steps")
      ->type_name("KIND")
      ->transform(CLI::CheckedTransformer(kinds).description(""));
  app.add_option("--schedule-every", options.schedule.every,
                 "of the schedule step: steps between two changes")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  app.add_option("--schedule-factor", options.schedule.factor,
                 "of the schedule step; default: 0.1")
      ->type_name("X")
      ->check(CLI::PositiveNumber);
  app.add_option("--warmup", options.schedule.warmup,
                 "let the learning rate rise over the first N steps")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--early-stopping", options.patience,
                 "end after N epochs without a lower validation loss, and take "
                 "the weights of the lowest")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  app.add_option("--device", options.device,
                 "where to train: cpu, vulkan or cuda:1; default: the module's "
                 "only target, or cpu")
      ->type_name("NAME");
  app.add_option("--threads", options.threads,
                 "threads to use; default: the CPUs that affinity and control "
                 "group allow, divided among the ranks of this machine")
      ->type_name("N")
      ->check(CLI::Range(1, 65536));
}

static void addOutputOptions(CLI::App &app, Options &options) {
  auto add = [&](const char *name, std::string &file, const char *type,
                 const char *help) {
    app.add_option(name, file, help)->type_name(type)->group("Output");
  };
  add("--checkpoint", options.checkpoint, "FILE",
      "write all states here after each epoch, at the end, and when the "
      "training is interrupted; FILE.best has those of the lowest validation "
      "loss");
  app.add_option("--checkpoint-every", options.checkpointEvery,
                 "write them after every N steps, too")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->group("Output");
  app.add_flag("--resume", options.resume,
               "go on from the checkpoint, where there is one")
      ->group("Output");
  add("--log", options.log, "FILE",
      "write lines of JSON: the loss of each step, before its update, and what "
      "validation finds");
  add("--tensorboard", options.events, "FOLDER",
      "write the same as an event file for TensorBoard");
  add("--plot", options.plot, "FILE", "draw the curves, as SVG");
  app.add_flag("--quiet", options.quiet, "show no progress")->group("Output");
}

int main(int argc, char **argv) {
  Options options;
  CLI::App app("Trains a module that dl-compile --train has made.", "dl-train");
  app.footer("Examples:\n"
             "  dl-train model.dlm --input=x.npy --label=y.npy --epochs=20 "
             "--batch=64 --validation-split=0.1 \\\n"
             "      --schedule=one-cycle --early-stopping=5 "
             "--checkpoint=model.ckpt --plot=curves.svg\n"
             "  dl-train model.dlm --config=training.toml --resume\n"
             "  dl-train model.dlm --input=x.npy --label=y.npy --full-batch "
             "--steps=10 --no-shuffle --log=log.jsonl\n"
             "  mpirun -n 2 dl-train model.dlm --config=training.toml "
             "--checkpoint=model.ckpt --checkpoint-every=100 --resume\n"
             "The last one trains a module of dl-compile --data-parallel on "
             "two ranks, which need Open MPI (the environment variable "
             "DL_MPI_LIBRARY tells where its library is, by default "
             "libmpi.so.40). Each takes its part of every batch; the first one "
             "writes. Where one dies, all end; with --resume, any number of "
             "ranks goes on from the last checkpoint.\n"
             "An interrupt (Ctrl-C) ends the training after the step at hand, "
             "with a checkpoint and exit status 130; SIGUSR1 to mpirun does "
             "so, too.");
  app.set_version_flag("--version", std::string("dl-train ") + dlrt_version());
  app.add_option("module", options.module, "the module file (.dlm)")
      ->required();
  app.set_config("--config", "",
                 "read options from a TOML file: batch = 64, epochs = 20, ..")
      ->type_name("FILE");
  addDataOptions(app, options);
  addTrainingOptions(app, options);
  addOutputOptions(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    if (error.get_exit_code() == 0) // --help, --version
      return app.exit(error);
    fprintf(stderr, "error: dl-train: %s\n", error.what());
    return 1;
  }
  try {
    return dl::train::train(options);
  } catch (const std::exception &error) {
    fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
