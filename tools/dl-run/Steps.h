// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Several runs of one session, as decoding with a cache makes them.

#ifndef DL_TOOLS_DL_RUN_STEPS_H
#define DL_TOOLS_DL_RUN_STEPS_H

#include "runtime/api/dlrt.hpp"
#include "tools/values/Value.h"

namespace dl::tools {

/// Runs the session `steps` times. Each input, of a file each, has one
/// dimension more in front, with a value for each step; so has each output,
/// which has one shape in all steps. Throws a Failure that names the file or
/// the output.
std::vector<values::Value> runSteps(runtime::Session &session,
                                    const std::vector<values::Value> &inputs,
                                    const std::vector<std::string> &files,
                                    const std::vector<runtime::Value> &outputs,
                                    int64_t steps);

} // namespace dl::tools

#endif // DL_TOOLS_DL_RUN_STEPS_H
