// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the channels of a product's input are like, over all samples.

#ifndef DL_TOOLS_QUANTIZE_CHANNELSTATISTICS_H
#define DL_TOOLS_QUANTIZE_CHANNELSTATISTICS_H

#include "frontend/quantize/QuantizeModel.h"

#include <cstdint>
#include <vector>

namespace dl::tools {

struct ChannelStatistics {
  std::vector<double> sums, squares; ///< over `count` positions
  std::vector<float> largest;        ///< magnitudes
  uint64_t count = 0;

  /// Adds a value of shape `dims` with its channels along `axis`; false, with
  /// nothing added, where their number is not that of the values before.
  bool add(const float *values, const std::vector<int64_t> &dims, size_t axis);

  /// Adds `size` positions of one channel, but for `count`.
  void addChannel(size_t channel, const float *values, int64_t size);

  /// As if each channel had been divided by its factor before.
  void divide(const std::vector<float> &factors);

  /// The root mean square of each channel; empty where there was no value.
  std::vector<double> getNorms() const;
  /// The root mean square of what each contracted position of a site's weight
  /// is multiplied with; empty where that is not known.
  std::vector<double> getNorms(const frontend::ProductSite &site) const;
};

/// The dimension of a site's input that its channels lie along.
size_t getChannelAxis(const frontend::ProductSite &site, size_t rank);

} // namespace dl::tools

#endif // DL_TOOLS_QUANTIZE_CHANNELSTATISTICS_H
