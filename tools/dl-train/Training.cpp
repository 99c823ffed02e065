// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/dl-train/Training.h"

#include "tools/checkpoint/Checkpoint.h"
#include "tools/dl-train/Batches.h"
#include "tools/dl-train/Parallel.h"
#include "tools/dl-train/Records.h"
#include "tools/dl-train/Trainer.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <thread>
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
  Training(const Options &options, ranks::Ranks &ranks)
      : options(options), ranks(ranks),
        trainer(options.module, options.device, options.threads, ranks),
        schedule(options.schedule),
        showsProgress(ranks.isFirst() && !options.quiet &&
                      isatty(STDERR_FILENO)) {
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
    checkAlike(ranks, options.module, trainer.module(),
               {data.size(), batch, lastStep, int64_t(options.seed),
                options.noShuffle, options.resume, options.patience});
  }

  int run() {
    bool isResumed = resume();
    // The first rank writes for all.
    records = ranks.isFirst()
                  ? std::make_unique<Records>(options.log, options.events,
                                              options.plot, isResumed)
                  : std::make_unique<Records>("", "", "", false);
    start = Clock::now();
    firstStep = progress.step;
    if (trainer.lossScale())
      skipped = progress.step - trainer.countSteps();
    bool isDone = progress.step >= lastStep;
    while (!isDone && !hasStopped())
      isDone = runEpoch();
    clearProgress();
    if (ranks.count() > 1 && ranks.isFirst() && progress.step > firstStep)
      fprintf(stderr, "%s\n",
              describeTraffic(ranks, progress.step - firstStep).c_str());
    if (std::string text = describeSkipped(); ranks.isFirst() && !text.empty())
      fprintf(stderr, "%s\n", text.c_str());
    if (std::string why = ranks.whyNoNccl(); ranks.isFirst() && !why.empty())
      fprintf(stderr, "note: gradients passed through the host: %s\n",
              why.c_str());
    if (hasStopped()) {
      save();
      if (ranks.isFirst())
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
    // Without labels of its own, a training is evaluated without any, too.
    auto fits = [&](const auto &inputs, const std::string &label) {
      return inputs.empty() ? label.empty()
                            : label.empty() == options.label.empty() ||
                                  isArchive(inputs, label);
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
    int64_t count = ranks.count();
    batch = options.fullBatch ? data.size()
            : options.batch   ? options.batch
            : fixed           ? *fixed * count
                              : chooseSize();
    if (fixed && batch != *fixed * count)
      throw Failure(options.module,
                    "its steps take " + std::to_string(*fixed) + " examples" +
                        (count > 1
                             ? " on each of " + std::to_string(count) + " ranks"
                             : "") +
                        ", not " + std::to_string(batch) +
                        (count > 1 ? " together" : ""));
    if (batch % count)
      throw Failure(options.fullBatch ? "--full-batch" : "--batch",
                    std::to_string(batch) + " examples are no multiple of " +
                        std::to_string(count) + " ranks");
    if (batch > data.size())
      throw Failure(options.inputs[0],
                    "it has " + std::to_string(data.size()) +
                        " examples for training, a step takes " +
                        std::to_string(batch));
    // What fills no batch, or cannot be divided among the ranks, is left out of
    // an epoch; the order changes.
    bool hasRest = !fixed && data.size() % batch >= count;
    stepsInEpoch = data.size() / batch + hasRest;
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

  /// The default: a multiple of the ranks, but for less data than ranks.
  int64_t chooseSize() const {
    int64_t count = ranks.count(), size = std::min(kDefaultBatch, data.size());
    return std::max(size - size % count, std::min(count, data.size()));
  }

  /// The first rank reads the checkpoint for all.
  bool resume() {
    char isThere = 0;
    if (options.resume && ranks.isFirst() &&
        access(options.checkpoint.c_str(), F_OK) == 0) {
      isThere = 1;
      progress =
          loadCheckpoint(options.checkpoint, trainer.module(), trainer.state());
      if (progress.seed != options.seed)
        throw Failure("--seed", "the checkpoint was made with " +
                                    std::to_string(progress.seed));
    }
    ranks.broadcast(&isThere, sizeof isThere);
    if (!isThere)
      return false;
    ranks.broadcast(&progress, sizeof progress);
    broadcastStates(ranks, trainer.module(), trainer.state());
    return true;
  }

  /// Adds what has become of the loss scale, if there is one; whether the last
  /// step was skipped for it.
  bool noteScale(Metrics &metrics) {
    auto now = trainer.lossScale();
    if (!now)
      return false;
    int64_t before = skipped;
    scale = *now;
    skipped = progress.step - trainer.countSteps();
    metrics.push_back({"loss_scale", scale});
    metrics.push_back({"skipped", double(skipped)});
    return skipped > before;
  }

  /// Steps that changed nothing but the loss scale; empty where there are none.
  std::string describeSkipped() const {
    char text[80];
    std::snprintf(text, sizeof text, "%lld steps skipped, loss scale %g",
                  static_cast<long long>(skipped), scale);
    return skipped > 0 ? text : "";
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
        std::min(stepsInEpoch, progress.nextBatch + lastStep - progress.step),
        ranks);
    double sum = 0;
    int64_t count = 0;
    while (progress.nextBatch < stepsInEpoch && progress.step < lastStep &&
           !hasStopped()) {
      double rate = schedule.at(progress.step);
      trainer.setLearningRate(rate);
      ranks::Traffic before = ranks.traffic();
      ranks.beginAny(isInterrupted != 0);
      const std::vector<values::Value> &examples = batches.next();
      double loss =
          static_cast<double>(trainer.step(examples, batches.numbers()));
      stops = ranks.endAny();
      sum += loss, ++count;
      ++progress.step, ++progress.nextBatch;
      Metrics metrics = {{"loss", loss},
                         {"epoch", double(progress.epoch + 1)},
                         {"learning_rate", rate}};
      bool isSkipped = noteScale(metrics);
      records->add(progress.step, metrics, measureTraffic(ranks, before));
      if (!options.epochs && ranks.isFirst())
        printf("step %lld: loss %.6g%s\n",
               static_cast<long long>(progress.step), loss,
               isSkipped ? ", skipped" : "");
      showProgress(sum / double(count));
      if (options.checkpointEvery &&
          progress.step % options.checkpointEvery == 0)
        save();
    }
    if (hasStopped() && progress.nextBatch < stepsInEpoch)
      return false;
    bool isWhole = progress.nextBatch == stepsInEpoch;
    if (isWhole)
      ++progress.epoch, progress.nextBatch = 0;
    bool ends = validate(sum, count);
    if (isWhole)
      save();
    return ends || progress.step >= lastStep;
  }

  /// After an epoch; whether the training stops early.
  bool validate(double sum, int64_t count) {
    std::string line = "epoch " + std::to_string(progress.epoch);
    if (count)
      line += ": loss " + toText(sum / double(count));
    bool ends = false;
    if (!validation.empty()) {
      Evaluation found = trainer.evaluate(validation, batch / ranks.count());
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
      ends = options.patience && progress.epochsSinceBest >= options.patience;
      if (ends)
        line += "; no lower loss in " + std::to_string(options.patience) +
                " epochs";
    }
    clearProgress();
    if (options.epochs && ranks.isFirst())
      printf("%s\n", line.c_str());
    fflush(stdout);
    return ends;
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
    if (!options.checkpoint.empty() && ranks.isFirst())
      saveCheckpoint(options.checkpoint + ".best", trainer.module(),
                     trainer.state(), progress);
  }

  void restoreBest() {
    if (best.empty() && options.patience && !options.checkpoint.empty()) {
      // It was found before the training was resumed.
      std::string path = options.checkpoint + ".best";
      if (ranks.isFirst() && access(path.c_str(), F_OK) == 0)
        loadCheckpoint(path, trainer.module(), trainer.state());
      broadcastStates(ranks, trainer.module(), trainer.state());
      return;
    }
    std::vector<runtime::StateInfo> infos = trainer.module().states();
    for (uint32_t i = 0; i < best.size(); ++i)
      trainer.state().set(
          i, {infos[i].type, infos[i].dims, best[i].data(), best[i].size()});
  }

  void save() {
    if (!options.checkpoint.empty() && ranks.isFirst())
      saveCheckpoint(options.checkpoint, trainer.module(), trainer.state(),
                     progress);
  }

  /// Whether an interrupt has come: after the same step on all ranks.
  bool hasStopped() const {
    return ranks.count() == 1 ? isInterrupted != 0 : stops;
  }

  void finish() {
    save();
    restoreBest();
    if (!test.empty()) {
      Evaluation found = trainer.evaluate(test, batch / ranks.count());
      Metrics metrics = {{"test_loss", found.loss}};
      std::string line = "test: loss " + toText(found.loss);
      if (found.accuracy) {
        metrics.push_back({"test_accuracy", *found.accuracy});
        line += ", accuracy " + toText(*found.accuracy);
      }
      records->add(progress.step, metrics);
      if (ranks.isFirst())
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
            "steps/s, %.0f s left%s%s",
            std::string(static_cast<size_t>(full), '#').c_str(),
            std::string(static_cast<size_t>(kBar - full), '.').c_str(),
            static_cast<long long>(progress.step),
            static_cast<long long>(lastStep),
            static_cast<long long>(progress.epoch) + 1, loss, rate, left,
            skipped > 0 ? ", " : "", describeSkipped().c_str());
  }
  void clearProgress() {
    if (showsProgress)
      fprintf(stderr, "\r\x1b[K");
  }

  const Options &options;
  ranks::Ranks &ranks;
  Trainer trainer;
  Schedule schedule;
  bool showsProgress, stops = false;
  Data data, validation, test;
  int64_t batch = 0, stepsInEpoch = 0, lastStep = 0, firstStep = 0;
  Progress progress;
  double scale = 1;
  int64_t skipped = 0; ///< of progress.step, those too large for the scale
  std::unique_ptr<Records> records;
  std::vector<values::Bytes> best;
  Clock::time_point start, shown;
};

} // namespace

/// Reports what ends the training on this rank, and ends the others. Where all
/// fail alike, the first one says so.
[[noreturn]] static void fail(ranks::Ranks &ranks,
                              const std::exception &error) {
  constexpr std::chrono::milliseconds kPrecedence(500);
  if (!ranks.isFirst())
    std::this_thread::sleep_for(kPrecedence);
  fflush(stdout);
  fprintf(stderr, "error: %s\n", error.what());
  ranks.abort(1);
  std::abort();
}

int train(const Options &options) {
  std::unique_ptr<ranks::Ranks> ranks = ranks::join();
  struct sigaction action = {};
  action.sa_handler = [](int) { isInterrupted = 1; };
  // A second interrupt ends the program at once.
  action.sa_flags = SA_RESETHAND;
  auto run = [&] {
    Training training(options, *ranks);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    // What mpirun hands on, without ending the ranks soon after.
    if (ranks->count() > 1)
      sigaction(SIGUSR1, &action, nullptr);
    int status = training.run();
    fflush(stdout);
    ranks->finish();
    return status;
  };
  if (ranks->count() == 1)
    return run();
  try {
    return run();
  } catch (const std::exception &error) {
    fail(*ranks, error);
  }
}

} // namespace dl::train
