// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/verify/ModuleRun.h"

#include "runtime/api/dlrt.hpp"
#include "tools/values/Inputs.h"
#include "tools/values/Npz.h"
#include "tools/values/Value.h"

namespace dl::tools {

using Kind = RawTensor::Kind;

static RawTensor toRaw(const values::Value &value) {
  RawTensor raw;
  raw.kind = value.kind == values::Value::Kind::None       ? Kind::None
             : value.kind == values::Value::Kind::Sequence ? Kind::Sequence
                                                           : Kind::Tensor;
  raw.type = value.type;
  raw.dims = value.dims;
  if (value.texts)
    raw.texts = *value.texts;
  else
    raw.bytes.assign(value.data.begin(), value.data.end());
  for (const values::Value &element : value.elements)
    raw.elements.push_back(toRaw(element));
  return raw;
}

static values::Value toValue(const RawTensor &raw) {
  if (raw.kind == Kind::Tensor && raw.type == DLRT_STRING)
    return values::makeStrings(raw.dims, raw.texts);
  values::Value value;
  value.kind = raw.kind == Kind::None       ? values::Value::Kind::None
               : raw.kind == Kind::Sequence ? values::Value::Kind::Sequence
                                            : values::Value::Kind::Tensor;
  value.type = raw.type;
  value.dims = raw.dims;
  value.data.assign(raw.bytes.begin(), raw.bytes.end());
  for (const RawTensor &element : raw.elements)
    value.elements.push_back(toValue(element));
  return value;
}

static RawTensor toRaw(const runtime::Tensor &tensor) {
  RawTensor raw;
  raw.type = tensor.type;
  raw.dims = tensor.dims;
  if (tensor.type != DLRT_STRING) {
    raw.bytes.assign(static_cast<const char *>(tensor.data), tensor.bytes);
    return raw;
  }
  const auto *texts = static_cast<const dlrt_string *>(tensor.data);
  for (size_t i = 0; i < tensor.bytes / sizeof(dlrt_string); ++i)
    raw.texts.emplace_back(texts[i].data, texts[i].size);
  return raw;
}

static RawTensor takeOutput(const runtime::Session &session, uint32_t index,
                            dlrt_value_kind kind) {
  if (kind == DLRT_TENSOR)
    return toRaw(session.output(index));
  RawTensor raw;
  int64_t count = session.outputCount(index);
  if (count < 0) {
    raw.kind = Kind::None;
    return raw;
  }
  if (kind == DLRT_OPTIONAL_TENSOR)
    return toRaw(session.outputTensor(index, 0));
  raw.kind = Kind::Sequence;
  for (int64_t i = 0; i < count; ++i)
    raw.elements.push_back(
        toRaw(session.outputTensor(index, static_cast<size_t>(i))));
  return raw;
}

static bool isArchive(const std::string &path) {
  return path.size() > 4 && path.compare(path.size() - 4, 4, ".npz") == 0;
}

static void readArchive(const std::string &path,
                        const std::vector<std::string> &names,
                        std::vector<RawTensor> &inputs) {
  std::vector<values::NamedValue> members = values::readNpz(path);
  if (members.size() != names.size())
    throw values::Failure(path, "expected " + std::to_string(names.size()) +
                                    " arrays, one for each input, found " +
                                    std::to_string(members.size()));
  size_t found = 0;
  for (const std::string &name : names)
    for (const values::NamedValue &member : members)
      found += member.name == name;
  for (size_t i = 0; i < names.size(); ++i)
    for (size_t j = 0; j < members.size(); ++j)
      if (found == names.size() ? members[j].name == names[i] : i == j)
        inputs.push_back(toRaw(members[j].value));
}

bool readInputFiles(const std::vector<std::string> &files,
                    const std::vector<std::string> &names,
                    const std::vector<dlrt_value_kind> &kinds,
                    std::vector<RawTensor> &inputs, std::string &error) {
  try {
    for (const std::string &file : files) {
      size_t number = inputs.size();
      if (isArchive(file))
        readArchive(file, names, inputs);
      else
        inputs.push_back(toRaw(values::readValue(
            file, number < kinds.size() ? kinds[number] : DLRT_TENSOR)));
    }
    return true;
  } catch (const std::exception &failure) {
    error = failure.what();
    return false;
  }
}

bool runModuleFile(const std::string &path,
                   const std::vector<RawTensor> &inputs,
                   std::vector<RawTensor> &outputs, std::string &error) {
  try {
    runtime::Module module = runtime::Module::open(path);
    runtime::SessionOptions options;
    std::string target = values::chooseTarget(module, /*entry=*/0, "");
    options.target = target.c_str();
    runtime::Session session(module, options);
    std::vector<values::Value> bound;
    bound.reserve(inputs.size());
    for (const RawTensor &input : inputs)
      bound.push_back(toValue(input));
    values::bindInputs(session, bound, {});
    session.run();
    std::vector<runtime::Value> declared = module.outputs(0);
    for (uint32_t i = 0; i < declared.size(); ++i)
      outputs.push_back(takeOutput(session, i, declared[i].kind));
    return true;
  } catch (const std::exception &failure) {
    error = failure.what();
    return false;
  }
}

std::string getTypeName(dlrt_type type) { return dlrt_type_name(type); }

} // namespace dl::tools
