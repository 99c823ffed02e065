// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Evaluate.h"

#include "frontend/quantize/QuantizeModel.h"
#include "tools/values/Files.h"
#include "tools/values/Inputs.h"

#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace dl::tools {

namespace fs = std::filesystem;
using values::Failure;

TemporaryFolder::TemporaryFolder(const std::string &option) {
  std::string pattern = (fs::temp_directory_path() / "dl-model-XXXXXX");
  if (!mkdtemp(pattern.data()))
    throw Failure(option, "no temporary folder");
  path = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code code;
  if (!path.empty())
    fs::remove_all(path, code);
}

void Program::run(const std::vector<values::Value> &inputs) {
  values::bindInputs(session, inputs, {});
  session.run();
}

const float *Program::output(uint32_t index, size_t &count) {
  runtime::Tensor tensor = session.output(index);
  count = tensor.bytes / sizeof(float);
  return static_cast<const float *>(tensor.data);
}

CompileOptions getPlainOptions(CompileOptions options) {
  options.trace = nullptr;
  options.tune = nullptr;
  options.header.clear();
  options.verbose = options.timing = false;
  options.emit = EmitKind::Module;
  options.stopAfter.reset();
  options.targets = {Target::Cpu};
  return options;
}

std::string compileModel(const CompileOptions &options,
                         const std::string &path) {
  CompileOptions given = options;
  given.input = path;
  given.output = path + ".dlm";
  std::string errors;
  llvm::raw_string_ostream stream(errors);
  if (failed(compile(given, stream)))
    throw CompilerFailure(errors);
  return given.output;
}

std::shared_ptr<frontend::Model> readModel(const std::string &path) {
  auto model = frontend::loadModel(path);
  if (!model)
    throw Failure(path, llvm::toString(model.takeError()));
  return *model;
}

void writeModel(frontend::Model &model, const std::string &path) {
  auto bytes = frontend::serializeModel(model);
  if (!bytes)
    throw Failure(path, llvm::toString(bytes.takeError()));
  std::ofstream file(path, std::ios::binary);
  file.write(bytes->data(), static_cast<std::streamsize>(bytes->size()));
  if (!file.flush())
    throw Failure(path, "cannot be written");
}

double measureError(const std::string &reference, const std::string &module,
                    const Samples &samples, size_t most, uint32_t numOutputs) {
  Program exact(reference), other(module);
  std::vector<double> error(numOutputs, 0), power(numOutputs, 0);
  std::vector<runtime::Value> declared = exact.module.outputs(0);
  samples.forEach(most, [&](const auto &inputs, const std::string &) {
    exact.run(inputs);
    other.run(inputs);
    for (uint32_t i = 0; i < numOutputs; ++i) {
      if (declared[i].type != DLRT_FLOAT32)
        continue;
      size_t count = 0, otherCount = 0;
      const float *a = exact.output(i, count);
      const float *b = other.output(i, otherCount);
      if (count != otherCount) {
        error[i] = power[i] = 1;
        continue;
      }
      for (size_t k = 0; k < count; ++k) {
        error[i] += std::pow(double(a[k]) - b[k], 2);
        power[i] += std::pow(double(a[k]), 2);
      }
    }
  });
  double worst = 0;
  for (size_t i = 0; i < numOutputs; ++i)
    if (error[i] > 0)
      worst = std::max(worst, power[i] > 0 ? std::sqrt(error[i] / power[i])
                                           : INFINITY);
  return worst;
}

Comparison compareSpeed(const std::string &first, const std::string &second,
                        double share) {
  // Where memory and threads happen to lie stays for a contestant's life, and
  // matters to short runs.
  constexpr int kContests = 3;
  constexpr double kLimit = 8, kShort = 1e-3;
  Comparison result;
  std::vector<double> ratios;
  for (int i = 0; i < kContests; ++i) {
    Contestant a(first, 0), b(second, 0);
    double seconds = a.run(1);
    bool isShort = seconds <= kShort || i > 0;
    double limit = isShort ? kLimit / kContests : kLimit;
    Comparison one = compareRuns(a, b, chooseRounds(seconds, limit), share);
    if (!isShort)
      return one;
    result.first = i ? std::min(result.first, one.first) : one.first;
    result.second = i ? std::min(result.second, one.second) : one.second;
    ratios.push_back(one.ratio);
    for (size_t turn = 0; turn < one.turns.first.size(); ++turn)
      result.turns.add(one.turns.first[turn], one.turns.second[turn]);
  }
  std::sort(ratios.begin(), ratios.end());
  result.ratio = ratios[kContests / 2];
  return result;
}

} // namespace dl::tools
