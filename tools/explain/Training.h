// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_TOOLS_EXPLAIN_TRAINING_H
#define DL_TOOLS_EXPLAIN_TRAINING_H

#include "tools/measure/Work.h"

namespace dl::tools {

/// The report's `training` of an entry that trains: what each pass costs, what
/// is kept from the forward to the backward pass, and what is computed again.
/// `steps` are the report's.
nlohmann::ordered_json describeTraining(const nlohmann::ordered_json &steps,
                                        const std::vector<ArenaValue> &values,
                                        const Symbols &symbols);

} // namespace dl::tools

#endif // DL_TOOLS_EXPLAIN_TRAINING_H
