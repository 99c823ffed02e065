// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_TOOLS_DL_BENCH_ROOFLINE_H
#define DL_TOOLS_DL_BENCH_ROOFLINE_H

#include "tools/measure/Machine.h"
#include "tools/measure/Work.h"

namespace dl::tools {

/// The kernels against the machine's limits, a line each, in the order given.
std::string rooflineTable(const std::vector<MeasuredWork> &kernels,
                          const MachineLimits &machine);

/// The same as JSON: `machine` and `kernels`.
nlohmann::ordered_json rooflineJson(const std::vector<MeasuredWork> &kernels,
                                    const MachineLimits &machine);

} // namespace dl::tools

#endif // DL_TOOLS_DL_BENCH_ROOFLINE_H
