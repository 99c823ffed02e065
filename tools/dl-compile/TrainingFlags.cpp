// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/dl-compile/TrainingFlags.h"

#include "frontend/import/Import.h"
#include "passes/differentiate/Losses.h"
#include "passes/differentiate/Optimizers.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Regex.h"
#include <cmath>
#include <limits>

using namespace llvm;

namespace dl::tools {

static Error fail(const Twine &what) { return createStringError(what); }

/// Takes a flag's number into `value`, which is at least `low` and less than
/// `high`.
static Error take(const cl::opt<double> &flag, double low, double high,
                  double &value) {
  if (!flag.getNumOccurrences())
    return Error::success();
  value = flag;
  if (value >= low && value < high)
    return Error::success();
  return fail("--" + flag.ArgStr + ": expected a number of at least " +
              formatv("{0}", low).str() +
              (high < HUGE_VAL ? " and less than " + formatv("{0}", high).str()
                               : std::string()) +
              ", found " + formatv("{0}", value).str());
}

static Error takeBetas(const cl::opt<std::string> &flag,
                       TrainingOptions &options) {
  if (!flag.getNumOccurrences())
    return Error::success();
  auto [first, second] = StringRef(flag).split(',');
  auto isDecay = [](StringRef text, double &value) {
    return !text.getAsDouble(value) && value >= 0 && value < 1;
  };
  if (isDecay(first, options.beta1) && isDecay(second, options.beta2))
    return Error::success();
  return fail("--betas: expected two numbers of at least 0 and less than 1, "
              "X,Y, found '" +
              flag + "'");
}

/// A loss's name, an output, or the file of a graph that computes it.
static Error takeLoss(const TrainingFlags &flags, TrainingOptions &options) {
  StringRef text = flags.loss;
  if (flags.loss.getNumOccurrences())
    options.loss = text.str();
  bool isFile =
      !parseObjective(text) && (text.contains('.') || text.contains('/'));
  if (isFile) {
    if (!sys::fs::exists(text))
      return fail("--loss: there is no file '" + text + "'");
    if (!frontend::isModelFile(text))
      return fail("--loss: '" + text + "' is no ONNX model");
    options.lossModel = text.str();
    options.loss = "output";
  }
  auto objective = parseObjective(options.loss);
  if (!objective)
    return fail("--loss: unknown loss '" + options.loss +
                "'; known: cross_entropy, nll, mse, l1, huber, bce, "
                "bce_logits, kl, output, output:NAME, and a file");
  if (!objective->loss && flags.smoothing.getNumOccurrences())
    return fail("--label-smoothing: expected --loss=cross_entropy or nll, "
                "found '" +
                text + "'");
  return Error::success();
}

static Error takeReduction(StringRef text, TrainingOptions &options) {
  if (!text.empty() && text != "mean" && text != "sum")
    return fail("--loss-reduction: expected mean or sum, found '" + text + "'");
  options.sumsLoss = text == "sum";
  return Error::success();
}

static Error takeNames(const TrainingFlags &flags, TrainingOptions &options) {
  if (Error error = takeLoss(flags, options))
    return error;
  if (Error error = takeReduction(flags.reduction, options))
    return error;
  if (flags.optimizer.getNumOccurrences())
    options.optimizer = flags.optimizer;
  options.trainOnly = flags.trainOnly;
  options.nesterov = flags.nesterov;
  if (!parseOptimizer(options.optimizer))
    return fail("--optimizer: unknown optimizer '" + options.optimizer +
                "'; known: sgd, adam, adamw, adagrad, rmsprop, lamb, lion");
  options.noDecay = flags.noDecay;
  options.stopGradient = flags.stopGradient;
  if (!flags.gradients.empty() && !frontend::isModelFile(flags.gradients))
    return fail("--gradient: '" + flags.gradients + "' is no ONNX file");
  options.gradients = flags.gradients;
  for (const cl::opt<std::string> *flag :
       {&flags.trainOnly, &flags.noDecay, &flags.stopGradient}) {
    std::string reason;
    if (!flag->empty() && !Regex(*flag).isValid(reason))
      return fail("--" + flag->ArgStr + ": '" + *flag +
                  "' is no regular expression: " + reason);
  }
  return Error::success();
}

static Error takeAdapters(const TrainingFlags &flags,
                          TrainingOptions &options) {
  options.loraSeed = static_cast<int64_t>(flags.loraSeed.getValue());
  if (!flags.lora.getNumOccurrences())
    return flags.loraSeed.getNumOccurrences()
               ? fail("--lora-seed: expected --lora, too")
               : Error::success();
  auto [rank, pattern] = StringRef(flags.lora).split(':');
  std::string reason;
  if (rank.getAsInteger(10, options.loraRank) || options.loraRank < 1 ||
      pattern.empty())
    return fail("--lora: expected a rank of at least 1 and a regular "
                "expression, R:REGEX, found '" +
                flags.lora + "'");
  options.lora = pattern.str();
  if (!Regex(pattern).isValid(reason))
    return fail("--lora: '" + pattern +
                "' is no regular expression: " + reason);
  return Error::success();
}

/// The bytes that a flag says.
static Expected<int64_t> readBytes(const cl::opt<std::string> &flag) {
  StringRef text = flag, unit = text.ltrim("0123456789");
  uint64_t number = 0;
  auto factor = StringSwitch<uint64_t>(unit)
                    .Cases({"", "B"}, 1)
                    .Case("kB", 1000)
                    .Case("MB", 1000000)
                    .Case("GB", 1000000000)
                    .Case("KiB", uint64_t(1) << 10)
                    .Case("MiB", uint64_t(1) << 20)
                    .Case("GiB", uint64_t(1) << 30)
                    .Default(0);
  constexpr uint64_t kMost = uint64_t(1) << 48;
  if (text.drop_back(unit.size()).getAsInteger(10, number) || number == 0 ||
      factor == 0 || number > kMost / factor)
    return fail("--" + flag.ArgStr +
                ": expected a number of bytes such as 1000, 64MB or 2GiB, "
                "found '" +
                text + "'");
  return static_cast<int64_t>(number * factor);
}

Expected<int64_t> TrainingFlags::readMemoryBudget() const {
  if (!memoryBudget.getNumOccurrences())
    return 0;
  return readBytes(memoryBudget);
}

static Error takeRanks(const TrainingFlags &flags, TrainingOptions &options) {
  options.dataParallel = flags.dataParallel;
  if (!flags.bucketSize.getNumOccurrences())
    return Error::success();
  if (!flags.dataParallel)
    return fail("--bucket-size: expected --data-parallel, too");
  Expected<int64_t> bytes = readBytes(flags.bucketSize);
  if (!bytes)
    return bytes.takeError();
  options.bucketBytes = *bytes;
  return Error::success();
}

/// `dynamic`, which is also the default where `isNarrow`, or a number.
static Error takeScale(const cl::opt<std::string> &flag, bool isNarrow,
                       TrainingOptions &options) {
  constexpr double kFirstScale = 65536;
  StringRef text = flag;
  bool isGiven = flag.getNumOccurrences() > 0;
  if (!isGiven && !isNarrow)
    return Error::success();
  options.lossScale = kFirstScale;
  options.dynamicLossScale = !isGiven || text == "dynamic";
  if (options.dynamicLossScale)
    return Error::success();
  if (text.getAsDouble(options.lossScale) ||
      !(options.lossScale >= std::numeric_limits<float>::min()) ||
      options.lossScale > std::numeric_limits<float>::max())
    return fail(
        "--loss-scale: expected a number above 0 or 'dynamic', found '" + text +
        "'");
  return Error::success();
}

Expected<std::optional<TrainingOptions>>
TrainingFlags::read(Precision precision) const {
  if (!train) {
    for (const cl::Option *flag :
         {static_cast<const cl::Option *>(&loss),
          static_cast<const cl::Option *>(&reduction),
          static_cast<const cl::Option *>(&gradients),
          static_cast<const cl::Option *>(&stopGradient),
          static_cast<const cl::Option *>(&optimizer),
          static_cast<const cl::Option *>(&smoothing),
          static_cast<const cl::Option *>(&rate),
          static_cast<const cl::Option *>(&momentum),
          static_cast<const cl::Option *>(&nesterov),
          static_cast<const cl::Option *>(&betas),
          static_cast<const cl::Option *>(&alpha),
          static_cast<const cl::Option *>(&epsilon),
          static_cast<const cl::Option *>(&weightDecay),
          static_cast<const cl::Option *>(&trainOnly),
          static_cast<const cl::Option *>(&noDecay),
          static_cast<const cl::Option *>(&clipNorm),
          static_cast<const cl::Option *>(&clipValue),
          static_cast<const cl::Option *>(&lossScale),
          static_cast<const cl::Option *>(&average),
          static_cast<const cl::Option *>(&accumulate),
          static_cast<const cl::Option *>(&memoryBudget),
          static_cast<const cl::Option *>(&dataParallel),
          static_cast<const cl::Option *>(&bucketSize),
          static_cast<const cl::Option *>(&lora),
          static_cast<const cl::Option *>(&loraSeed)})
      if (flag->getNumOccurrences())
        return fail("--" + flag->ArgStr + ": expected --train, too");
    return std::nullopt;
  }
  TrainingOptions options;
  if (Error error = takeNames(*this, options))
    return error;
  if (Error error = takeBetas(betas, options))
    return error;
  struct Number {
    const cl::opt<double> *flag;
    double high;
    double *value;
  };
  for (auto [flag, high, value] :
       {Number{&smoothing, 1, &options.smoothing},
        Number{&rate, HUGE_VAL, &options.rate},
        Number{&momentum, 1, &options.momentum},
        Number{&alpha, 1, &options.alpha},
        Number{&epsilon, HUGE_VAL, &options.epsilon},
        Number{&weightDecay, HUGE_VAL, &options.weightDecay},
        Number{&clipNorm, HUGE_VAL, &options.clipNorm},
        Number{&clipValue, HUGE_VAL, &options.clipValue},
        Number{&average, 1, &options.average}})
    if (Error error = take(*flag, 0, high, *value))
      return error;
  if (Error error = takeAdapters(*this, options))
    return error;
  if (Error error = takeRanks(*this, options))
    return error;
  if (Error error = takeScale(lossScale, precision == Precision::F16, options))
    return error;
  if (accumulate.getNumOccurrences())
    options.microBatches = accumulate;
  if (options.microBatches < 1)
    return fail("--accumulate: expected a number of parts, found " +
                Twine(options.microBatches));
  if (options.nesterov && options.momentum == 0)
    return fail("--nesterov: expected --momentum above 0, too");
  return options;
}

Error TrainingFlags::read(StringRef input,
                          std::optional<WeightsOptions> &options) const {
  if (weights.empty()) {
    if (trainedModel.getNumOccurrences())
      return fail("--trained-onnx: expected --weights, too");
    return Error::success();
  }
  if (!frontend::isModelFile(input))
    return fail("--weights: only an ONNX model can take a checkpoint's "
                "weights");
  options.emplace();
  options->checkpoint = weights;
  options->output = trainedModel;
  options->trains = train;
  return Error::success();
}

} // namespace dl::tools
