// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/ChannelStatistics.h"

#include <algorithm>
#include <cmath>

namespace dl::tools {

void ChannelStatistics::addChannel(size_t channel, const float *values,
                                   int64_t size) {
  // Side by side, so that elements need not wait for each other.
  constexpr int64_t kLanes = 8;
  double sum[kLanes] = {}, square[kLanes] = {};
  float most[kLanes] = {};
  auto take = [&](int64_t lane, float value) {
    sum[lane] += value;
    square[lane] += double(value) * value;
    float magnitude = std::fabs(value);
    most[lane] = magnitude > most[lane] ? magnitude : most[lane];
  };
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes)
    for (int64_t lane = 0; lane < kLanes; ++lane)
      take(lane, values[i + lane]);
  for (; i < size; ++i)
    take(0, values[i]);
  int64_t used = std::min(size, kLanes);
  for (int64_t lane = 0; lane < used; ++lane) {
    sums[channel] += sum[lane];
    squares[channel] += square[lane];
    largest[channel] = std::max(largest[channel], most[lane]);
  }
}

bool ChannelStatistics::add(const float *values,
                            const std::vector<int64_t> &dims, size_t axis) {
  if (axis >= dims.size())
    return false;
  auto channels = static_cast<size_t>(dims[axis]);
  int64_t outer = 1, inner = 1;
  for (size_t d = 0; d < dims.size(); ++d)
    if (d != axis)
      (d < axis ? outer : inner) *= dims[d];
  if (sums.empty()) {
    sums.assign(channels, 0);
    squares.assign(channels, 0);
    largest.assign(channels, 0);
  } else if (sums.size() != channels) {
    return false;
  }
  for (int64_t o = 0; o < outer && inner == 1; ++o, values += channels)
    for (size_t c = 0; c < channels; ++c) {
      float value = values[c], magnitude = std::fabs(value);
      sums[c] += value;
      squares[c] += double(value) * value;
      largest[c] = magnitude > largest[c] ? magnitude : largest[c];
    }
  for (int64_t o = 0; o < outer && inner != 1; ++o)
    for (size_t c = 0; c < channels; ++c, values += inner)
      addChannel(c, values, inner);
  count += static_cast<uint64_t>(outer * inner);
  return true;
}

void ChannelStatistics::divide(const std::vector<float> &factors) {
  for (size_t c = 0; c < sums.size(); ++c) {
    sums[c] /= factors[c];
    squares[c] /= double(factors[c]) * factors[c];
    largest[c] /= factors[c];
  }
}

std::vector<double> ChannelStatistics::getNorms() const {
  std::vector<double> norms;
  norms.reserve(squares.size());
  for (double square : squares)
    norms.push_back(std::sqrt(square / static_cast<double>(count)));
  return norms;
}

std::vector<double>
ChannelStatistics::getNorms(const frontend::ProductSite &site) const {
  frontend::WeightMatrix matrix(site);
  auto rows = static_cast<size_t>(matrix.rows);
  // A convolution's channel is read at each tap.
  if (count == 0 || sums.empty() || rows % sums.size())
    return {};
  size_t taps = rows / sums.size();
  std::vector<double> channels = getNorms(), norms(rows);
  for (size_t k = 0; k < rows; ++k)
    norms[k] = channels[k / taps];
  return norms;
}

size_t getChannelAxis(const frontend::ProductSite &site, size_t rank) {
  return site.op == "Conv" ? 1 : rank - 1;
}

} // namespace dl::tools
