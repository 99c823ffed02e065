// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/quantize/Palette.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace dl::frontend {

namespace {

/// Weights in equal steps of their range, each with the sum of those in it.
struct Bins {
  explicit Bins(const std::vector<float> &weights) {
    auto [least, largest] = std::minmax_element(weights.begin(), weights.end());
    low = *least;
    width = (double(*largest) - low) / kCount;
    counts.resize(kCount);
    sums.resize(kCount);
    for (float weight : weights) {
      auto bin = width > 0 ? static_cast<size_t>((weight - low) / width) : 0;
      bin = std::min<size_t>(bin, kCount - 1);
      ++counts[bin];
      sums[bin] += weight;
    }
  }

  double middle(size_t bin) const { return low + (double(bin) + 0.5) * width; }

  static constexpr size_t kCount = 1 << 16;
  double low, width;
  std::vector<uint64_t> counts;
  std::vector<double> sums;
};

} // namespace

/// Where entries are dense as the cube root of the weights' density is: the
/// least squared error for many of them (P. Panter and W. Dite, 1951).
static std::vector<double> placeFirst(const Bins &bins, size_t size) {
  // Single bins are too few weights to tell a density.
  constexpr size_t kTogether = 64;
  std::vector<double> reached(Bins::kCount / kTogether);
  double total = 0;
  for (size_t i = 0; i < reached.size(); ++i) {
    uint64_t count = 0;
    for (size_t bin = i * kTogether; bin < (i + 1) * kTogether; ++bin)
      count += bins.counts[bin];
    reached[i] = total += std::cbrt(static_cast<double>(count));
  }
  std::vector<double> entries;
  size_t at = 0;
  for (size_t i = 0; i < size; ++i) {
    double share = (double(i) + 0.5) / double(size) * total;
    while (at + 1 < reached.size() && reached[at] < share)
      ++at;
    double before = at ? reached[at - 1] : 0;
    double part =
        reached[at] > before ? (share - before) / (reached[at] - before) : 0.5;
    entries.push_back(bins.low + (double(at) + part) * kTogether * bins.width);
  }
  return entries;
}

/// The entry nearest to zero becomes zero.
static void holdZero(std::vector<double> &entries) {
  *std::min_element(entries.begin(), entries.end(), [](double a, double b) {
    return std::fabs(a) < std::fabs(b);
  }) = 0;
}

/// Moves each entry to the mean of the weights that are nearest to it.
static void improve(const Bins &bins, std::vector<double> &entries) {
  size_t bin = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
    double end =
        i + 1 < entries.size() ? (entries[i] + entries[i + 1]) / 2 : INFINITY;
    uint64_t count = 0;
    double sum = 0;
    for (; bin < Bins::kCount && bins.middle(bin) < end; ++bin) {
      count += bins.counts[bin];
      sum += bins.sums[bin];
    }
    if (count)
      entries[i] = sum / static_cast<double>(count);
  }
}

Palette::Palette(const std::vector<float> &weights, size_t size) {
  if (weights.empty()) {
    values = {0};
    return;
  }
  // Few values stay what they are.
  std::vector<float> seen{0};
  for (size_t i = 0; i < weights.size() && seen.size() <= size; ++i) {
    auto place = std::lower_bound(seen.begin(), seen.end(), weights[i]);
    if (place == seen.end() || *place != weights[i])
      seen.insert(place, weights[i]);
  }
  if (seen.size() <= size) {
    values = std::move(seen);
    return;
  }
  Bins bins(weights);
  std::vector<double> entries = placeFirst(bins, size);
  constexpr int kRounds = 60;
  for (int i = 0; i < kRounds; ++i) {
    holdZero(entries);
    improve(bins, entries);
  }
  holdZero(entries);
  values.assign(entries.begin(), entries.end());
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

float Palette::round(float value) const {
  auto above = std::lower_bound(values.begin(), values.end(), value);
  if (above == values.begin())
    return *above;
  if (above == values.end())
    return values.back();
  return *above - value < value - above[-1] ? *above : above[-1];
}

} // namespace dl::frontend
