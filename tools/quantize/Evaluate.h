// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What editing a model before it is compiled needs: models read, written,
// compiled and run, their answers and their speed compared.

#ifndef DL_TOOLS_QUANTIZE_EVALUATE_H
#define DL_TOOLS_QUANTIZE_EVALUATE_H

#include "frontend/onnx/Model.h"
#include "tools/compiler/Compile.h"
#include "tools/quantize/Samples.h"
#include "tools/tune/Contest.h"

#include <memory>
#include <string>

namespace dl::tools {

/// A folder of its own for intermediate files, which goes with the object.
class TemporaryFolder {
public:
  /// Throws a values::Failure at `option` where there can be none.
  explicit TemporaryFolder(const std::string &option);
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;
  std::string path;
};

/// What the compiler has reported, lines that begin with "error: ".
class CompilerFailure : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A compiled model.
struct Program {
  explicit Program(const std::string &path)
      : module(runtime::Module::open(path)), session(module) {}

  void run(const std::vector<values::Value> &inputs);
  /// The elements of an output of float32, as the last run left them.
  const float *output(uint32_t index, size_t &count);

  runtime::Module module;
  runtime::Session session;
};

/// The same options for a module of the CPU, without tuning and reports.
CompileOptions getPlainOptions(CompileOptions options);

/// Compiles the model at `path`; returns the module's path, beside it. Throws a
/// CompilerFailure.
std::string compileModel(const CompileOptions &options,
                         const std::string &path);

/// Reads, and writes with all data in one file. Throw a values::Failure located
/// at `path`.
std::shared_ptr<frontend::Model> readModel(const std::string &path);
void writeModel(frontend::Model &model, const std::string &path);

/// The root mean square of an output's error over that of the output, on `most`
/// samples, of the first `numOutputs` outputs of float32 that is the largest.
double measureError(const std::string &reference, const std::string &module,
                    const Samples &samples, size_t most, uint32_t numOutputs);

/// The share of a model's time below which it pays to give up exactness for
/// speed: more than two measurements of the same differ by.
constexpr double kWorthwhile = 0.95;

/// Runs two modules of one signature in turns, with random inputs, until it is
/// clear whether the second takes less than `share` of the first one's time, or
/// for 8 seconds.
Comparison compareSpeed(const std::string &first, const std::string &second,
                        double share = kWorthwhile);

} // namespace dl::tools

#endif // DL_TOOLS_QUANTIZE_EVALUATE_H
