// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What quantization has come to, for the user.

#ifndef DL_TOOLS_QUANTIZE_OUTCOME_H
#define DL_TOOLS_QUANTIZE_OUTCOME_H

#include "frontend/quantize/QuantizeModel.h"
#include "tools/tune/Contest.h"

#include <optional>

namespace dl::tools {

struct QuantizeOutcome {
  std::string model; ///< the file
  std::string type;  ///< of quantized products
  std::vector<frontend::ProductSite> sites;
  std::vector<double> noise; ///< of each site, relative power; 0 for unknown
  size_t numQuantized = 0, numSamples = 0;
  double error = -1; ///< relative, of outputs on the samples; -1 for unknown
  std::optional<Comparison> speed; ///< of float32 and the quantized model
  /// The same of products' kernels, by sites.
  std::map<size_t, Comparison> productTimes;
  /// `speed` does not tell which is faster: others used the machine.
  bool isOpen = false;
};

/// Why a product stays in float32: the times of its kernels, or of whole runs,
/// in float32 and in the type.
std::string describeTimes(const std::string &type, const Comparison &kernels);
std::string describeRuns(const std::string &type, const Comparison &runs);

/// Lines for the standard error.
std::string summarize(const QuantizeOutcome &outcome);

/// JSON about every product.
std::string makeReport(const QuantizeOutcome &outcome);

} // namespace dl::tools

#endif // DL_TOOLS_QUANTIZE_OUTCOME_H
