// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/dl-run/Steps.h"
#include "tools/values/Inputs.h"

#include <cstring>

namespace dl::tools {

using values::Failure;
using values::Value;

namespace {

/// Packed elements have no bytes of their own in each step.
bool isPacked(dlrt_type type) { return dlrt_type_bits(type) < 8; }

void checkInput(const Value &value, const std::string &file, int64_t steps) {
  if (value.kind != Value::Kind::Tensor || value.type == DLRT_STRING ||
      isPacked(value.type))
    throw Failure(file,
                  "--steps takes tensors of numbers of whole bytes alone");
  if (value.dims.empty() || value.dims[0] != steps)
    throw Failure(file, "expected a first dimension of " +
                            std::to_string(steps) +
                            ", one for each step, found " +
                            values::describe(value.type, value.dims));
}

/// What an input is in one step.
Value takeStep(const Value &whole, int64_t step, int64_t steps) {
  Value value;
  value.type = whole.type;
  value.dims.assign(whole.dims.begin() + 1, whole.dims.end());
  auto bytes = static_cast<std::ptrdiff_t>(whole.data.size()) / steps;
  value.data.assign(whole.data.begin() + step * bytes,
                    whole.data.begin() + (step + 1) * bytes);
  return value;
}

/// Adds what the last run gave.
void addStep(Value &whole, const runtime::Tensor &tensor, int64_t step,
             int64_t steps, const std::string &name) {
  std::vector<int64_t> dims = tensor.dims;
  dims.insert(dims.begin(), steps);
  if (step == 0) {
    whole.type = tensor.type;
    whole.dims = dims;
    whole.data.reserve(tensor.bytes * static_cast<size_t>(steps));
  } else if (whole.dims != dims) {
    throw Failure(
        "output '" + name + "'",
        "has another shape in step " + std::to_string(step) +
            " than before: " + values::describe(tensor.type, tensor.dims));
  }
  auto from = static_cast<const unsigned char *>(tensor.data);
  whole.data.insert(whole.data.end(), from, from + tensor.bytes);
}

} // namespace

std::vector<Value> runSteps(runtime::Session &session,
                            const std::vector<Value> &inputs,
                            const std::vector<std::string> &files,
                            const std::vector<runtime::Value> &outputs,
                            int64_t steps) {
  for (size_t i = 0; i < inputs.size(); ++i)
    checkInput(inputs[i], files[i], steps);
  for (const runtime::Value &output : outputs)
    if (output.kind != DLRT_TENSOR || output.type == DLRT_STRING ||
        isPacked(output.type))
      throw Failure("output '" + output.name + "'",
                    "--steps gives tensors of numbers of whole bytes alone");
  std::vector<Value> results(outputs.size());
  for (int64_t step = 0; step < steps; ++step) {
    std::vector<Value> own;
    for (const Value &input : inputs)
      own.push_back(takeStep(input, step, steps));
    values::bindInputs(session, own, files);
    session.run();
    for (size_t i = 0; i < outputs.size(); ++i)
      addStep(results[i], session.output(static_cast<uint32_t>(i)), step, steps,
              outputs[i].name);
  }
  return results;
}

} // namespace dl::tools
