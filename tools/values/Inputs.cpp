// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/values/Inputs.h"

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
  if (files.size() != declared.size())
    throw Failure(module, "entry '" + entry + "' has " +
                              std::to_string(declared.size()) +
                              " inputs, found " + std::to_string(files.size()) +
                              " --input files");
  std::vector<Value> values;
  values.reserve(files.size());
  for (size_t i = 0; i < files.size(); ++i)
    values.push_back(readValue(files[i], declared[i].kind));
  return values;
}

static void bindInput(runtime::Session &session, uint32_t index,
                      const Value &value) {
  if (value.kind == Value::Kind::None)
    return session.bindNone(index);
  if (value.kind == Value::Kind::Tensor)
    return session.bindInput(index, value.data.data(), value.type, value.dims);
  std::vector<runtime::Tensor> tensors;
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
