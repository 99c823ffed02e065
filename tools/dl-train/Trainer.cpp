// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/dl-train/Trainer.h"

#include "tools/dl-train/NonFinite.h"
#include "tools/values/Inputs.h"
#include "tools/values/Npz.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using dl::values::Failure;
using dl::values::Value;

namespace dl::train {

// "step" is an entry and the counter of its calls.
static constexpr const char *kStep = "step", *kEvaluate = "evaluate",
                            *kLearningRate = "learning_rate",
                            *kLossScale = "loss_scale";

static runtime::Module openTraining(const std::string &path) {
  runtime::Module module = runtime::Module::open(path);
  if (module.states().empty())
    throw Failure(path, "is no training module; dl-compile --train makes one");
  return module;
}

/// The CUDA device that a target is; empty for others.
static std::string getCudaDevice(const std::string &target) {
  if (target.compare(0, 4, "cuda") != 0)
    return {};
  return target == "cuda" ? "cuda:0" : target;
}

/// A kind of device, such as "cuda", as one device: where there are several,
/// the ranks of a machine take them in turn.
static std::string divideDevices(const std::string &target) {
  std::vector<std::string> devices;
  dlrt_list_devices(
      [](void *context, const char *name, const char *) {
        static_cast<std::vector<std::string> *>(context)->push_back(name);
      },
      &devices);
  std::string prefix = target + ":";
  devices.erase(std::remove_if(devices.begin(), devices.end(),
                               [&](const std::string &name) {
                                 return name.compare(0, prefix.size(),
                                                     prefix) != 0;
                               }),
                devices.end());
  if (devices.size() < 2)
    return target;
  return devices[static_cast<size_t>(ranks::rankOnMachine()) % devices.size()];
}

runtime::Session Trainer::openSession(const char *entry) {
  uint32_t number = values::chooseEntry(trained, entry);
  std::string target = values::chooseTarget(trained, number, device);
  if (ranks.count() > 1)
    target = divideDevices(target);
  runtime::SessionOptions options;
  options.target = target.c_str();
  options.communicator = ranks.communicator(getCudaDevice(target));
  options.entry = entry;
  options.threads = threads;
  options.state = states.get();
  return runtime::Session(trained, options);
}

static bool hasSetting(const runtime::Module &module, const char *name) {
  std::vector<runtime::StateInfo> states = module.states();
  return std::any_of(states.begin(), states.end(), [&](const auto &state) {
    return state.name == name && state.role == DLRT_STATE_SETTING;
  });
}

/// Whether the last input of a step is the labels that the compiler has added
/// to a model, and no input of the model itself.
static bool endsWithLabel(const runtime::Module &module) {
  std::string name = module.inputs(module.findEntry(kStep)).back().name;
  return name.substr(0, name.find_last_not_of('_') + 1) == "label";
}

/// The threads of a rank: those given, or its part of what there is.
static int divideThreads(int threads) {
  return threads ? threads
                 : std::max(dlrt_available_cpus() / ranks::countOnMachine(), 1);
}

Trainer::Trainer(const std::string &path, const std::string &device,
                 int threads, ranks::Ranks &ranks)
    : path(path), device(device), threads(divideThreads(threads)), ranks(ranks),
      trained(openTraining(path)), hasScale(hasSetting(trained, kLossScale)),
      hasLabel(endsWithLabel(trained)), states(trained),
      stepSession(openSession(kStep)) {}

bool isArchive(const std::vector<std::string> &inputs,
               const std::string &label) {
  const std::string ending = ".npz";
  return label.empty() && inputs.size() == 1 &&
         inputs[0].size() > ending.size() &&
         inputs[0].compare(inputs[0].size() - ending.size(), ending.size(),
                           ending) == 0;
}

/// The arrays of the inputs' names; where there is none of these, as many as
/// there are inputs, in the archive's order.
static std::vector<Value>
readArchive(const std::string &path,
            const std::vector<runtime::Value> &inputs) {
  std::vector<values::NamedValue> arrays = values::readNpz(path);
  auto find = [&](const std::string &name) {
    return std::find_if(
        arrays.begin(), arrays.end(),
        [&](const values::NamedValue &array) { return array.name == name; });
  };
  bool hasNames =
      std::any_of(inputs.begin(), inputs.end(), [&](const auto &input) {
        return find(input.name) != arrays.end();
      });
  std::vector<Value> result;
  for (size_t i = 0; i < inputs.size(); ++i) {
    auto array = hasNames            ? find(inputs[i].name)
                 : i < arrays.size() ? arrays.begin() + std::ptrdiff_t(i)
                                     : arrays.end();
    if (array == arrays.end())
      throw Failure(path, "it has no array for input '" + inputs[i].name + "'");
    result.push_back(std::move(array->value));
  }
  return result;
}

Data Trainer::read(const std::vector<std::string> &inputs,
                   const std::string &label) const {
  if (isArchive(inputs, label)) {
    std::vector<runtime::Value> declared =
        trained.inputs(trained.findEntry(kStep));
    std::vector<std::string> places;
    places.reserve(declared.size());
    for (const runtime::Value &input : declared)
      places.push_back(inputs[0] + ": " + input.name);
    return Data(readArchive(inputs[0], declared), places);
  }
  std::vector<runtime::Value> declared =
      trained.inputs(trained.findEntry(kStep));
  std::vector<std::string> files = inputs;
  if (!label.empty())
    files.push_back(label);
  else if (hasLabel && files.size() + 1 == declared.size())
    throw Failure("--label", "is needed, but for data in one .npz");
  return Data(values::readInputs(path, kStep, declared, files), files);
}

std::optional<int64_t> Trainer::fixedBatch() const {
  for (const runtime::Value &input : trained.inputs(trained.findEntry(kStep)))
    if (!input.sizes.empty() && input.sizes[0] >= 0)
      return input.sizes[0];
  return std::nullopt;
}

/// Of labels, the first one that is below 0, or else the first of the largest
/// ones, as "7 in example 12": its number in the data.
template <typename Label>
static std::string describeWorst(const Value &labels,
                                 const std::vector<int64_t> &numbers) {
  const auto *first = reinterpret_cast<const Label *>(labels.data.data());
  const Label *last = first + labels.data.size() / sizeof(Label);
  const Label *worst =
      std::find_if(first, last, [](Label label) { return label < 0; });
  if (worst == last)
    worst = std::max_element(first, last);
  auto rows = size_t(last - first) / std::max<size_t>(numbers.size(), 1);
  auto at = size_t(worst - first);
  std::string text = std::to_string(*worst) + " in example " +
                     std::to_string(numbers[at / std::max<size_t>(rows, 1)]);
  return rows > 1 ? text + ", label " + std::to_string(at % rows) : text;
}

void Trainer::run(runtime::Session &session, const std::vector<Value> &batch,
                  const std::vector<int64_t> &numbers) const {
  values::bindInputs(session, batch, {});
  try {
    session.run();
  } catch (const runtime::Error &error) {
    // A model's own checks have other words.
    const Value &labels = batch.back();
    std::string what = error.what();
    if (!hasLabel || labels.data.empty() || labels.type != DLRT_INT64 ||
        what.find("a label is no class") == std::string::npos)
      throw;
    // The runtime tells by how much.
    throw Failure(path, what.substr(0, what.find(" (found")) + ", found " +
                            describeWorst<int64_t>(labels, numbers) +
                            " (counted from 0)");
  }
}

float Trainer::step(const std::vector<Value> &batch,
                    const std::vector<int64_t> &numbers) {
  run(stepSession, batch, numbers);
  float loss = *static_cast<const float *>(stepSession.output(0).data);
  if (std::isfinite(loss))
    return loss;
  std::string reason = explainNonFinite(trained, states, stepSession, batch);
  throw Failure(path, "the loss is " + std::to_string(loss) + " in step " +
                          std::to_string(countSteps() + 1) +
                          ", which changed nothing" +
                          (reason.empty() ? "" : "; " + reason));
}

/// How many labels the largest of `scores` [.., classes] stands at.
template <typename Label>
static int64_t countRight(const runtime::Tensor &scores, const Value &labels) {
  auto classes = static_cast<size_t>(scores.dims.back());
  const auto *score = static_cast<const float *>(scores.data);
  const auto *label = reinterpret_cast<const Label *>(labels.data.data());
  int64_t right = 0;
  for (size_t i = 0; i < labels.data.size() / sizeof(Label); ++i) {
    const float *row = score + i * classes;
    right += std::max_element(row, row + classes) - row ==
             static_cast<std::ptrdiff_t>(label[i]);
  }
  return right;
}

/// Whether labels are classes: integers, one for each row of the scores.
static bool areClasses(const runtime::Tensor &scores, const Value &labels) {
  std::vector<int64_t> rows = scores.dims;
  if (rows.empty() || rows.back() < 1 || scores.type != DLRT_FLOAT32 ||
      (labels.type != DLRT_INT64 && labels.type != DLRT_INT32))
    return false;
  rows.pop_back();
  return rows == labels.dims;
}

Evaluation Trainer::evaluate(const Data &data, int64_t batch) {
  if (!evaluateSession)
    evaluateSession.emplace(openSession(kEvaluate));
  std::vector<int64_t> numbers(static_cast<size_t>(data.size()));
  std::iota(numbers.begin(), numbers.end(), 0);
  bool isFixed = fixedBatch().has_value();
  std::vector<Value> part;
  bool hasScores =
      hasLabel && trained.outputs(trained.findEntry(kEvaluate)).size() > 1;
  double loss = 0, examples = 0, labels = 0, right = 0, hasClasses = hasScores;
  for (int64_t at = ranks.rank() * batch; at < data.size();
       at += ranks.count() * batch) {
    int64_t amount = std::min(batch, data.size() - at);
    if (isFixed && amount < batch)
      break;
    data.gather(numbers.data() + at, amount, part);
    run(*evaluateSession, part,
        {numbers.begin() + at, numbers.begin() + at + amount});
    loss +=
        double(*static_cast<const float *>(evaluateSession->output(0).data)) *
        double(amount);
    examples += double(amount);
    if (!hasScores)
      continue;
    runtime::Tensor scores = evaluateSession->output(1);
    const Value &label = part.back();
    if (!areClasses(scores, label))
      hasClasses = 0;
    if (hasClasses == 0)
      continue;
    bool isLong = label.type == DLRT_INT64;
    right += double(isLong ? countRight<int64_t>(scores, label)
                           : countRight<int32_t>(scores, label));
    labels += double(label.data.size()) / (isLong ? 8 : 4);
  }
  std::vector<double> sums{loss, examples, labels, right, hasClasses};
  ranks.sum(sums);
  if (sums[1] == 0)
    throw Failure(path, "the data for evaluation does not fill a batch of " +
                            std::to_string(batch));
  Evaluation result;
  result.loss = sums[0] / sums[1];
  if (sums[4] == ranks.count())
    result.accuracy = sums[3] / sums[2];
  return result;
}

int64_t Trainer::countSteps() const {
  return *static_cast<const int64_t *>(states.tensor(kStep).data);
}

std::optional<double> Trainer::lossScale() const {
  if (!hasScale)
    return std::nullopt;
  return *static_cast<const float *>(states.tensor(kLossScale).data);
}

double Trainer::learningRate() const {
  return *static_cast<const float *>(states.tensor(kLearningRate).data);
}

void Trainer::setLearningRate(double rate) {
  states.set(kLearningRate, static_cast<float>(rate));
}

} // namespace dl::train
