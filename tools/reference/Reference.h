// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Runs modules of the target "reference" with the interpreter of ir/reference.
//
// The interpreter needs MLIR. It is a shared library of its own,
// libdlreference.so, which is opened when a module asks for it: a tool that
// runs other modules starts without it.

#ifndef DL_TOOLS_REFERENCE_REFERENCE_H
#define DL_TOOLS_REFERENCE_REFERENCE_H

#include "runtime/api/dlrt.hpp"
#include "tools/values/Value.h"

#include <memory>

namespace dl::tools {

/// A program in MLIR bytecode.
class ReferenceProgram {
public:
  virtual ~ReferenceProgram() = default;

  /// Runs an entry on inputs of the types and ranks that it declares; outputs
  /// have elements as in module files, several of less than a byte in one. The
  /// types of outputs are left to the caller, who knows them. Throws an
  /// exception whose text is "WHERE: WHAT".
  virtual std::vector<values::Value>
  run(const std::string &entry, const std::vector<values::Value> &inputs) = 0;
};

/// Whether `target` is the reference's.
bool isReference(const std::string &target);

/// Reads the program of a module, which must outlive the result; `name` is the
/// module's in messages. Throws a Failure where there is none, or no library.
std::unique_ptr<ReferenceProgram> openReference(const std::string &name,
                                                const runtime::Module &module);

/// Runs an entry. `files`, one for each input, name them in messages. Throws a
/// Failure where inputs do not fit their declarations.
std::vector<values::Value>
runReference(const std::string &name, const runtime::Module &module,
             uint32_t entry, const std::vector<values::Value> &inputs,
             const std::vector<std::string> &files);

} // namespace dl::tools

/// The library's only function: what openReference calls. `bytes` lie at a
/// multiple of 64.
extern "C" DLRT_API dl::tools::ReferenceProgram *
dl_reference_open(const char *name, const void *bytes, size_t size);

#endif // DL_TOOLS_REFERENCE_REFERENCE_H
