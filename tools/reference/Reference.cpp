// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/reference/Reference.h"

#include "runtime/artifact/Format.h"

#include <dlfcn.h>

using dl::values::Failure;

namespace dl::tools {

/// Found through the tool's own search path, as libdlrt.so is.
constexpr char kLibrary[] = "libdlreference.so.0";

bool isReference(const std::string &target) {
  return target == dlrt::kReferenceTarget;
}

std::unique_ptr<ReferenceProgram> openReference(const std::string &name,
                                                const runtime::Module &module) {
  size_t size = 0;
  const void *bytes = dlrt_module_reference_program(module.get(), &size);
  if (!bytes)
    throw Failure(name, "the module has no program for the reference");
  // Never closed: what it made lives until the end.
  void *library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    throw Failure("--device=reference",
                  std::string("the interpreter cannot be loaded: ") +
                      dlerror());
  auto open = reinterpret_cast<decltype(&dl_reference_open)>(
      dlsym(library, "dl_reference_open"));
  if (!open)
    throw Failure("--device=reference", dlerror());
  return std::unique_ptr<ReferenceProgram>(open(name.c_str(), bytes, size));
}

/// Dense tensors of numbers go in and out.
static void checkSupported(const runtime::Value &declared,
                           const std::string &where, const std::string &what) {
  if (declared.kind != DLRT_TENSOR || declared.type == DLRT_STRING)
    throw Failure(where, what + "the reference takes and gives no strings, "
                                "sequences and optionals");
}

/// The same messages as the runtime's, for what it would have checked.
static void checkInput(const runtime::Value &declared,
                       const values::Value &value, size_t index,
                       const std::string &file) {
  std::string what =
      "input " + std::to_string(index) + " '" + declared.name + "': ";
  checkSupported(declared, file, what);
  if (value.type != declared.type)
    throw Failure(file, what + "type is " + dlrt_type_name(value.type) +
                            ", expected " + dlrt_type_name(declared.type));
  if (value.dims.size() != declared.dims.size())
    throw Failure(file, what + "rank is " + std::to_string(value.dims.size()) +
                            ", expected " +
                            std::to_string(declared.dims.size()));
  for (size_t d = 0; d < value.dims.size(); ++d)
    if (declared.sizes[d] >= 0 && value.dims[d] != declared.sizes[d])
      throw Failure(file, what + "dimension " + std::to_string(d) + " is " +
                              std::to_string(value.dims[d]) + ", expected " +
                              std::to_string(declared.sizes[d]));
}

std::vector<values::Value>
runReference(const std::string &name, const runtime::Module &module,
             uint32_t entry, const std::vector<values::Value> &inputs,
             const std::vector<std::string> &files) {
  std::vector<runtime::Value> declared = module.inputs(entry);
  for (size_t i = 0; i < inputs.size(); ++i)
    checkInput(declared[i], inputs[i], i, files[i]);
  std::vector<runtime::Value> outputs = module.outputs(entry);
  for (size_t i = 0; i < outputs.size(); ++i)
    checkSupported(outputs[i], name,
                   "output " + std::to_string(i) + " '" + outputs[i].name +
                       "': ");
  std::vector<values::Value> results =
      openReference(name, module)->run(module.entryName(entry), inputs);
  for (size_t i = 0; i < results.size(); ++i)
    results[i].type = outputs[i].type;
  return results;
}

} // namespace dl::tools
