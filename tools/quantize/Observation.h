// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Looks at many values of a run at once.

#ifndef DL_TOOLS_QUANTIZE_OBSERVATION_H
#define DL_TOOLS_QUANTIZE_OBSERVATION_H

#include "frontend/quantize/Reconstruct.h"
#include "runtime/api/dlrt.hpp"
#include "tools/quantize/ChannelStatistics.h"
#include "tools/quantize/Histogram.h"

namespace dl::tools {

/// A value of float32, and what is gathered about it, which no other
/// observation shares.
struct Observation {
  runtime::Tensor value;
  size_t channelAxis = 0;
  Histogram *histogram = nullptr;
  ChannelStatistics *statistics = nullptr;
  frontend::Correlation *correlation = nullptr; ///< null: not gathered
  bool isFinite = true; ///< whether it was added: all elements are finite
};

/// Adds each value to what is gathered about it, on so many threads.
void observeAll(std::vector<Observation> &values, int threads);

} // namespace dl::tools

#endif // DL_TOOLS_QUANTIZE_OBSERVATION_H
