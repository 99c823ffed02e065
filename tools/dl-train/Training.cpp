// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/dl-train/Training.h"

#include "tools/checkpoint/Checkpoint.h"
#include "tools/dl-train/Batches.h"
#include "tools/dl-train/Records.h"
#include "tools/dl-train/Trainer.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <numeric>
#include <unistd.h>

using dl::values::Failure;
using Clock = std::chrono::steady_clock;

namespace dl::train {

static volatile std::sig_atomic_t isInterrupted = 0;

static double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

namespace {

constexpr int64_t kDefaultBatch = 32;
constexpr int kInterrupted = 130;

class Training {
public:
  explicit Training(const Options &options)
      : options(options), trainer(options.module, options.threads),
        schedule(options.schedule),
        showsProgress(!options.quiet && isatty(STDERR_FILENO)) {
    check();
    data = trainer.read(options.inputs, options.label);
    if (!options.validationInputs.empty())
      validation =
          trainer.read(options.validationInputs, options.validationLabel);
    else if (options.validationSplit > 0)
      validation = data.splitOff(options.validationSplit);
    if (!options.testInputs.empty())
      test = trainer.read(options.testInputs, options.testLabel);
    chooseBatch();
  }

  int run() {
    bool isResumed = resume();
    records = std::make_unique<Records>(options.log, options.events,
                                        options.plot, isResumed);
    start = Clock::now();
    firstStep = progress.step;
    bool isDone = progress.step >= lastStep;
    while (!isDone && !isInterrupted)
      isDone = runEpoch();
    clearProgress();
    if (isInterrupted) {
      save();
      fprintf(stderr, "interrupted after step %lld%s%s\n",
              static_cast<long long>(progress.step),
              options.checkpoint.empty() ? "" : "; checkpoint: ",
              options.checkpoint.c_str());
      records->finish();
      return kInterrupted;
    }
    finish();
    return 0;
  }

private:
  void check() const {
    auto need = [](bool holds, const char *option, const char *what) {
      if (!holds)
        throw Failure(option, what);
    };
    need(!options.label.empty() || isArchive(options.inputs, options.label),
         "--label", "is needed, but for data in one .npz");
    auto fits = [](const auto &inputs, const std::string &label) {
      return inputs.empty() == label.empty() || isArchive(inputs, label);
    };
    need(fits(options.validationInputs, options.validationLabel),
         "--validation-input", "needs --validation-label, and the other way");
    need(fits(options.testInputs, options.testLabel), "--test-input",
         "needs --test-label, and the other way");
    need(options.validationSplit < 1, "--validation-split",
         "leaves no data to train with");
    need(!options.patience || !options.validationInputs.empty() ||
             options.validationSplit > 0,
         "--early-stopping", "needs data for validation");
    need(!(options.resume || options.checkpointEvery) ||
             !options.checkpoint.empty(),
         options.resume ? "--resume" : "--checkpoint-every",
         "needs --checkpoint");
    need(!(options.fullBatch && options.batch), "--full-batch",
         "does not go with --batch");
  }

  void chooseBatch() {
    auto fixed = trainer.fixedBatch();
    batch = options.fullBatch ? data.size()
            : options.batch   ? options.batch
            : fixed           ? *fixed
                              : std::min(kDefaultBatch, data.size());
    if (fixed && batch != *fixed)
      throw Failure(options.module, "its steps take " + std::to_string(*fixed) +
                                        " examples, not " +
                                        std::to_string(batch));
    if (batch > data.size())
      throw Failure(options.inputs[0],
                    "it has " + std::to_string(data.size()) +
                        " examples for training, a step takes " +
                        std::to_string(batch));
    // What fills no batch is left out of an epoch; the order changes.
    stepsInEpoch =
        fixed ? data.size() / batch : (data.size() + batch - 1) / batch;
    lastStep = options.epochs ? options.epochs * stepsInEpoch
                              : std::max<int64_t>(options.steps, 1);
    if (options.epochs && options.steps)
      lastStep = std::min(lastStep, options.steps);
    if (schedule.rate == 0)
      schedule.rate = trainer.learningRate();
    if (schedule.every == 0)
      schedule.every = stepsInEpoch;
    schedule.total = lastStep;
    progress.seed = options.seed;
  }

  bool resume() {
    if (!options.resume || access(options.checkpoint.c_str(), F_OK) != 0)
      return false;
    progress =
        loadCheckpoint(options.checkpoint, trainer.module(), trainer.state());
    if (progress.seed != options.seed)
      throw Failure("--seed", "the checkpoint was made with " +
                                  std::to_string(progress.seed));
    return true;
  }

  /// Whether the training is at its end.
  bool runEpoch() {
    std::vector<int64_t> order;
    if (options.noShuffle) {
      order.resize(static_cast<size_t>(data.size()));
      std::iota(order.begin(), order.end(), 0);
    } else {
      order = shuffle(data.size(), options.seed,
                      static_cast<uint64_t>(progress.epoch));
    }
    Batches batches(
        data, std::move(order), batch, progress.nextBatch,
        std::min(stepsInEpoch, progress.nextBatch + lastStep - progress.step));
    double sum = 0;
    int64_t count = 0;
    while (progress.nextBatch < stepsInEpoch && progress.step < lastStep &&
           !isInterrupted) {
      double rate = schedule.at(progress.step);
      trainer.setLearningRate(rate);
      double loss = static_cast<double>(trainer.step(batches.next()));
      sum += loss, ++count;
      ++progress.step, ++progress.nextBatch;
      records->add(progress.step, {{"loss", loss},
                                   {"epoch", double(progress.epoch + 1)},
                                   {"learning_rate", rate}});
      if (!options.epochs)
        printf("step %lld: loss %.6g\n", static_cast<long long>(progress.step),
               loss);
      showProgress(sum / double(count));
      if (options.checkpointEvery &&
          progress.step % options.checkpointEvery == 0)
        save();
    }
    if (isInterrupted && progress.nextBatch < stepsInEpoch)
      return false;
    bool isWhole = progress.nextBatch == stepsInEpoch;
    if (isWhole)
      ++progress.epoch, progress.nextBatch = 0;
    bool stops = validate(sum, count);
    if (isWhole)
      save();
    return stops || progress.step >= lastStep;
  }

  /// After an epoch; whether the training stops early.
  bool validate(double sum, int64_t count) {
    std::string line = "epoch " + std::to_string(progress.epoch);
    if (count)
      line += ": loss " + toText(sum / double(count));
    bool stops = false;
    if (!validation.empty()) {
      Evaluation found = trainer.evaluate(validation, batch);
      Metrics metrics = {{"val_loss", found.loss}};
      line += ", validation loss " + toText(found.loss);
      if (found.accuracy) {
        metrics.push_back({"val_accuracy", *found.accuracy});
        line += ", accuracy " + toText(*found.accuracy);
      }
      records->add(progress.step, metrics);
      bool isBest = found.loss < progress.bestLoss;
      progress.epochsSinceBest = isBest ? 0 : progress.epochsSinceBest + 1;
      if (isBest) {
        progress.bestLoss = found.loss;
        keepBest();
      }
      stops = options.patience && progress.epochsSinceBest >= options.patience;
      if (stops)
        line += "; no lower loss in " + std::to_string(options.patience) +
                " epochs";
    }
    clearProgress();
    if (options.epochs)
      printf("%s\n", line.c_str());
    fflush(stdout);
    return stops;
  }

  void keepBest() {
    if (!options.patience)
      return;
    best.clear();
    std::vector<runtime::StateInfo> infos = trainer.module().states();
    for (uint32_t i = 0; i < infos.size(); ++i) {
      runtime::Tensor tensor = trainer.state().tensor(i);
      const auto *bytes = static_cast<const unsigned char *>(tensor.data);
      best.emplace_back(bytes, bytes + tensor.bytes);
    }
    if (!options.checkpoint.empty())
      saveCheckpoint(options.checkpoint + ".best", trainer.module(),
                     trainer.state(), progress);
  }

  void restoreBest() {
    if (best.empty() && options.patience && !options.checkpoint.empty()) {
      // It was found before the training was resumed.
      std::string path = options.checkpoint + ".best";
      if (access(path.c_str(), F_OK) == 0)
        loadCheckpoint(path, trainer.module(), trainer.state());
      return;
    }
    std::vector<runtime::StateInfo> infos = trainer.module().states();
    for (uint32_t i = 0; i < best.size(); ++i)
      trainer.state().set(
          i, {infos[i].type, infos[i].dims, best[i].data(), best[i].size()});
  }

  void save() {
    if (!options.checkpoint.empty())
      saveCheckpoint(options.checkpoint, trainer.module(), trainer.state(),
                     progress);
  }

  void finish() {
    save();
    restoreBest();
    if (!test.empty()) {
      Evaluation found = trainer.evaluate(test, batch);
      Metrics metrics = {{"test_loss", found.loss}};
      std::string line = "test: loss " + toText(found.loss);
      if (found.accuracy) {
        metrics.push_back({"test_accuracy", *found.accuracy});
        line += ", accuracy " + toText(*found.accuracy);
      }
      records->add(progress.step, metrics);
      printf("%s\n", line.c_str());
    }
    records->finish();
    if (fflush(stdout) != 0)
      throw Failure("standard output", "cannot write");
  }

  static std::string toText(double number) {
    char text[32];
    std::snprintf(text, sizeof text, "%.4g", number);
    return text;
  }

  void showProgress(double loss) {
    if (!showsProgress || secondsSince(shown) < 0.1)
      return;
    shown = Clock::now();
    double rate = double(progress.step - firstStep) / secondsSince(start);
    double left = double(lastStep - progress.step) / rate;
    constexpr int kBar = 24;
    int full = static_cast<int>(kBar * progress.step / lastStep);
    fprintf(stderr,
            "\r\x1b[K[%s%s] step %lld of %lld, epoch %lld, loss %.4g, %.1f "
            "steps/s, %.0f s left",
            std::string(static_cast<size_t>(full), '#').c_str(),
            std::string(static_cast<size_t>(kBar - full), '.').c_str(),
            static_cast<long long>(progress.step),
            static_cast<long long>(lastStep),
            static_cast<long long>(progress.epoch) + 1, loss, rate, left);
  }
  void clearProgress() {
    if (showsProgress)
      fprintf(stderr, "\r\x1b[K");
  }

  const Options &options;
  Trainer trainer;
  Schedule schedule;
  bool showsProgress;
  Data data, validation, test;
  int64_t batch = 0, stepsInEpoch = 0, lastStep = 0, firstStep = 0;
  Progress progress;
  std::unique_ptr<Records> records;
  std::vector<values::Bytes> best;
  Clock::time_point start, shown;
};

} // namespace

int train(const Options &options) {
  Training training(options);
  struct sigaction action = {};
  action.sa_handler = [](int) { isInterrupted = 1; };
  // A second interrupt ends the program at once.
  action.sa_flags = SA_RESETHAND;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return training.run();
}

} // namespace dl::train
