// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_TOOLS_DL_RUN_INFO_H
#define DL_TOOLS_DL_RUN_INFO_H

#include "runtime/api/dlrt.hpp"

#include <string>

namespace dl::tools {

/// What a module holds, as text for people.
std::string describeModule(const std::string &path,
                           const runtime::Module &module);

/// The same as one JSON object.
std::string describeModuleJson(const std::string &path,
                               const runtime::Module &module);

} // namespace dl::tools

#endif // DL_TOOLS_DL_RUN_INFO_H
