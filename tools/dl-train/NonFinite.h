// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Where a loss that is infinite or NaN came from.

#ifndef DL_TOOLS_DL_TRAIN_NONFINITE_H
#define DL_TOOLS_DL_TRAIN_NONFINITE_H

#include "runtime/api/dlrt.hpp"
#include "tools/values/Value.h"

#include <string>
#include <vector>

namespace dl::train {

/// Says what a step without finite loss found: an input or a state that is not
/// finite, or the nodes of the model that made the first infinite value and the
/// first NaN out of finite ones. For that, it runs the step, which changes
/// nothing, once more, and looks at what each kernel writes. Empty where
/// nothing was found.
std::string explainNonFinite(const runtime::Module &module,
                             const runtime::State &state,
                             runtime::Session &step,
                             const std::vector<values::Value> &batch);

} // namespace dl::train

#endif // DL_TOOLS_DL_TRAIN_NONFINITE_H
