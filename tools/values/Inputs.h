// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_TOOLS_VALUES_INPUTS_H
#define DL_TOOLS_VALUES_INPUTS_H

#include "runtime/api/dlrt.hpp"
#include "tools/values/Value.h"

namespace dl::values {

/// The entry called `name`, or the first where `name` is empty.
uint32_t chooseEntry(const runtime::Module &module, const std::string &name);

/// The target to run an entry on: `device`, or where that is empty the only
/// target of the entry, or the CPU.
std::string chooseTarget(const runtime::Module &module, uint32_t entry,
                         const std::string &device);

/// Reads the inputs of an entry from files, in order: one for each, but for
/// maps, whose two inputs come from one file. Throws a Failure where their
/// number is wrong; `module` is the module's name in messages.
std::vector<Value> readInputs(const std::string &module,
                              const std::string &entry,
                              const std::vector<runtime::Value> &declared,
                              const std::vector<std::string> &files);

/// The file that each input comes from; none where there are no files.
std::vector<std::string> listFiles(const std::vector<runtime::Value> &declared,
                                   const std::vector<std::string> &files);

/// Binds values to a session and prepares it. The values must outlive its runs.
/// `files`, where not empty, name each value in messages.
void bindInputs(runtime::Session &session, const std::vector<Value> &values,
                const std::vector<std::string> &files);

} // namespace dl::values

#endif // DL_TOOLS_VALUES_INPUTS_H
