// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/weights/Weights.h"

#include "frontend/onnx/TrainedWeights.h"
#include "frontend/quantize/QuantizeModel.h"
#include "tools/checkpoint/Checkpoint.h"
#include "tools/values/Files.h"

#include <filesystem>
#include <map>

namespace dl::tools {

namespace fs = std::filesystem;
using frontend::TrainedTensor;
using train::Checkpoint;
using train::SavedState;
using values::Failure;

/// The exponential average of a parameter; the parameter itself where there is
/// none.
static const SavedState &findAverage(const Checkpoint &checkpoint,
                                     size_t parameter) {
  const std::string name = checkpoint.states[parameter].name + ".average";
  for (const SavedState &state : checkpoint.states)
    if (state.parameter == static_cast<int64_t>(parameter) &&
        state.name.compare(0, name.size(), name) == 0)
      return state;
  return checkpoint.states[parameter];
}

static TrainedTensor toTensor(const std::string &name, const SavedState &from) {
  return {
      name, from.type, from.dims,
      llvm::StringRef(reinterpret_cast<const char *>(from.data), from.bytes)};
}

/// What a checkpoint has for a model's initializers.
struct TrainedWeights {
  std::vector<TrainedTensor> tensors;
  std::vector<frontend::Adapter> adapters;
};

static TrainedWeights getWeights(const Checkpoint &checkpoint) {
  constexpr llvm::StringLiteral kLeft = ".lora_A", kRight = ".lora_B";
  TrainedWeights weights;
  std::map<std::string, TrainedTensor> right;
  for (size_t i = 0; i < checkpoint.states.size(); ++i) {
    const SavedState &state = checkpoint.states[i];
    bool isParameter = state.role == "parameter";
    if (!isParameter && state.role != "statistic")
      continue;
    llvm::StringRef name = state.name;
    TrainedTensor tensor =
        toTensor(state.name, isParameter ? findAverage(checkpoint, i) : state);
    if (name.consume_back(kLeft))
      weights.adapters.push_back({name.str(), tensor, {}});
    else if (name.consume_back(kRight))
      right[name.str()] = tensor;
    else
      weights.tensors.push_back(tensor);
  }
  for (frontend::Adapter &adapter : weights.adapters)
    adapter.right = right[adapter.weight];
  return weights;
}

static std::unique_ptr<TrainedModel> edit(const std::string &input,
                                          const WeightsOptions &options) {
  Checkpoint checkpoint = train::readCheckpoint(options.checkpoint);
  auto model = readModel(input);
  TrainedWeights weights = getWeights(checkpoint);
  llvm::Error error = frontend::replaceInitializers(*model, weights.tensors);
  if (!error)
    error = frontend::mergeAdapters(*model, weights.adapters);
  if (error)
    throw Failure(options.checkpoint, "it is a checkpoint of another model: " +
                                          llvm::toString(std::move(error)));
  if (!options.trains)
    frontend::setInference(*model);
  auto bytes = frontend::serializeModel(*model);
  if (!bytes)
    throw Failure(input, llvm::toString(bytes.takeError()));
  auto result = std::make_unique<TrainedModel>();
  result->path =
      result->folder.path + "/" + fs::path(input).stem().string() + ".onnx";
  values::NewFiles files;
  files.add(result->path, "", bytes->data(), bytes->size());
  if (!options.output.empty())
    files.add(options.output, "", bytes->data(), bytes->size());
  files.commit();
  return result;
}

std::unique_ptr<TrainedModel> takeWeights(const std::string &input,
                                          const WeightsOptions &options,
                                          std::string &error) {
  try {
    return edit(input, options);
  } catch (const std::exception &failure) {
    error = failure.what();
    return nullptr;
  }
}

} // namespace dl::tools
