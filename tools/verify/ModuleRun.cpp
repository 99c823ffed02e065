// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/verify/ModuleRun.h"

#include "runtime/api/dlrt.hpp"
#include "tools/values/Npz.h"
#include "tools/values/Value.h"

namespace dl::tools {

static RawTensor toRaw(const values::Value &value) {
  return {value.type, value.dims,
          std::string(value.data.begin(), value.data.end())};
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
                    std::vector<RawTensor> &inputs, std::string &error) {
  try {
    for (const std::string &file : files) {
      if (isArchive(file))
        readArchive(file, names, inputs);
      else
        inputs.push_back(toRaw(values::readValue(file)));
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
    options.target = "cpu";
    runtime::Session session(module, options);
    std::vector<runtime::Value> declared = module.inputs(0);
    for (uint32_t i = 0; i < inputs.size(); ++i) {
      dlrt_type type = i < declared.size() ? declared[i].type : inputs[i].type;
      session.bindInput(i, inputs[i].bytes.data(), type, inputs[i].dims);
    }
    session.prepare();
    session.run();
    for (uint32_t i = 0; i < module.outputs(0).size(); ++i) {
      runtime::Tensor tensor = session.output(i);
      outputs.push_back(
          {tensor.type, tensor.dims,
           std::string(static_cast<const char *>(tensor.data), tensor.bytes)});
    }
    return true;
  } catch (const std::exception &failure) {
    error = failure.what();
    return false;
  }
}

std::string getTypeName(dlrt_type type) { return dlrt_type_name(type); }

} // namespace dl::tools
