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

/// Of a sequence or an optional.
static void checkKind(const runtime::Value &declared,
                      const values::Value &value, const std::string &file,
                      const std::string &what) {
  using Kind = values::Value::Kind;
  bool isOptional = declared.kind != DLRT_SEQUENCE;
  bool fits = declared.kind == DLRT_OPTIONAL_TENSOR
                  ? value.kind == Kind::Tensor
                  : value.kind == Kind::Sequence;
  if (!fits && !(isOptional && value.kind == Kind::None))
    throw Failure(file, what + "it is not of the declared kind");
  for (const values::Value &element : value.elements)
    if (element.type != declared.type)
      throw Failure(file, what + "it has an element of type " +
                              dlrt_type_name(element.type) + ", expected " +
                              dlrt_type_name(declared.type));
  if (value.kind == Kind::Tensor && value.type != declared.type)
    throw Failure(file, what + "type is " + dlrt_type_name(value.type) +
                            ", expected " + dlrt_type_name(declared.type));
}

/// The same messages as the runtime's, for what it would have checked.
static void checkInput(const runtime::Value &declared,
                       const values::Value &value, size_t index,
                       const std::string &file) {
  std::string what =
      "input " + std::to_string(index) + " '" + declared.name + "': ";
  if (declared.kind != DLRT_TENSOR) {
    checkKind(declared, value, file, what);
    return;
  }
  if (value.kind != values::Value::Kind::Tensor)
    throw Failure(file, what + "it is no tensor");
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
  std::vector<values::Value> results =
      openReference(name, module)->run(module.entryName(entry), inputs);
  for (size_t i = 0; i < results.size(); ++i) {
    results[i].type = outputs[i].type;
    for (values::Value &element : results[i].elements)
      element.type = outputs[i].type;
  }
  return results;
}

} // namespace dl::tools
