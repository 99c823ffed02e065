// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_TOOLS_MEASURE_RANDOMINPUTS_H
#define DL_TOOLS_MEASURE_RANDOMINPUTS_H

#include "runtime/api/dlrt.hpp"
#include "tools/values/Value.h"

#include <map>

namespace dl::tools {

/// Sizes to try a module at.
constexpr int64_t kBatchSize = 1;
constexpr int64_t kOtherSize = 64;

/// A size for each symbol of an entry: kBatchSize for an input's first
/// dimension, kOtherSize for others, or kBatchSize too where they shall be
/// `small`.
std::map<std::string, int64_t> exampleSizes(const runtime::Module &module,
                                            uint32_t entry, bool small);

/// Makes inputs for an entry: floating-point numbers in [0, 1), integers 0 or
/// 1, the same at each call. `sizes` gives symbols their values, 1 where it has
/// none. Throws a Failure for a name that is no symbol, and for a dimension
/// that is not a symbol or number itself.
std::vector<values::Value>
randomInputs(const runtime::Module &module, uint32_t entry,
             const std::map<std::string, int64_t> &sizes);

} // namespace dl::tools

#endif // DL_TOOLS_MEASURE_RANDOMINPUTS_H
