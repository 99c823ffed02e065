// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/values/Inputs.h"

#include <algorithm>

namespace dl::values {

uint32_t chooseEntry(const runtime::Module &module, const std::string &name) {
  return name.empty() ? 0 : module.findEntry(name);
}

std::string chooseTarget(const runtime::Module &module, uint32_t entry,
                         const std::string &device) {
  if (!device.empty())
    return device;
  std::vector<std::string> targets = module.targets(entry);
  return targets.size() == 1 ? targets[0] : "cpu";
}

std::vector<Value> readInputs(const std::string &module,
                              const std::string &entry,
                              const std::vector<runtime::Value> &declared,
                              const std::vector<std::string> &files) {
  // A map's values come from the file of its keys.
  auto expected = std::count_if(declared.begin(), declared.end(),
                                [](const runtime::Value &value) {
                                  return value.mapPart != DLRT_MAP_VALUES;
                                });
  if (files.size() != static_cast<size_t>(expected))
    throw Failure(module, "entry '" + entry + "' has " +
                              std::to_string(expected) + " inputs, found " +
                              std::to_string(files.size()) + " --input files");
  std::vector<Value> values;
  values.reserve(declared.size());
  for (const std::string &file : files) {
    const runtime::Value &value = declared[values.size()];
    if (value.mapPart != DLRT_MAP_KEYS) {
      values.push_back(readValue(file, value.kind));
      continue;
    }
    auto [keys, mapped] = readMap(file);
    if (mapped.data.empty())
      mapped.type = declared[values.size() + 1].type;
    values.push_back(std::move(keys));
    values.push_back(std::move(mapped));
  }
  return values;
}

std::vector<std::string> listFiles(const std::vector<runtime::Value> &declared,
                                   const std::vector<std::string> &files) {
  std::vector<std::string> list;
  size_t next = 0;
  for (const runtime::Value &value : declared)
    if (value.mapPart == DLRT_MAP_VALUES && !list.empty())
      list.push_back(list.back());
    else if (next < files.size())
      list.push_back(files[next++]);
  return list;
}

static void bindInput(runtime::Session &session, uint32_t index,
                      const Value &value) {
  if (value.kind == Value::Kind::None)
    return session.bindNone(index);
  if (value.kind == Value::Kind::Tensor)
    return session.bindInput(index, value.data.data(), value.type, value.dims);
  std::vector<runtime::Tensor> tensors;
  tensors.reserve(value.elements.size());
  for (const Value &element : value.elements)
    tensors.push_back({element.type, element.dims,
                       const_cast<unsigned char *>(element.data.data()),
                       element.data.size()});
  session.bindSequence(index, tensors);
}

void bindInputs(runtime::Session &session, const std::vector<Value> &values,
                const std::vector<std::string> &files) {
  for (size_t i = 0; i < values.size(); ++i) {
    try {
      bindInput(session, static_cast<uint32_t>(i), values[i]);
    } catch (const runtime::Error &error) {
      if (files.empty())
        throw;
      throw Failure(files[i], error.what());
    }
  }
  session.prepare();
}

} // namespace dl::values
