// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Histogram.h"

#include <algorithm>
#include <cmath>

namespace dl::tools {

constexpr int kSteps = 255;

void Histogram::widen(float largest) {
  if (bins.empty()) {
    bins.assign(kBins, 0);
    // So that a constant activation has bins, too.
    width = std::max(largest, 1e-20f) * 2.02 / kBins;
  }
  constexpr int kHalf = kBins / 2;
  while (largest >= width * kHalf) {
    std::vector<uint64_t> wider(kBins, 0);
    for (int i = 0; i < kBins; ++i)
      wider[(i - kBins / 2 + kBins) / 2] += bins[i];
    bins.swap(wider);
    width *= 2;
  }
}

namespace {
/// Accumulators side by side, so that elements need not wait for each other.
constexpr size_t kLanes = 16;
} // namespace

/// The least and the largest of the values and 0; false where one is not
/// finite.
static bool findExtremes(const float *values, size_t count, float &least,
                         float &most) {
  float low[kLanes] = {}, high[kLanes] = {}, sum[kLanes] = {};
  auto take = [&](size_t lane, float value) {
    low[lane] = value < low[lane] ? value : low[lane];
    high[lane] = value > high[lane] ? value : high[lane];
    sum[lane] += value * 0.0f; // NaN of what is not finite
  };
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (size_t lane = 0; lane < kLanes; ++lane)
      take(lane, values[i + lane]);
  for (; i < count; ++i)
    take(0, values[i]);
  least = *std::min_element(low, low + kLanes);
  most = *std::max_element(high, high + kLanes);
  return std::all_of(sum, sum + kLanes, [](float lane) { return lane == 0; });
}

bool Histogram::add(const float *values, size_t count) {
  float least = 0, most = 0;
  if (!findExtremes(values, count, least, most))
    return false;
  if (count == 0)
    return true;
  widen(std::max(-least, most));
  // Neighbours often fall to one bin; each of four has counters of its own. A
  // count of 32 bits holds what one call may add.
  constexpr size_t kWays = 4, kPart = size_t(1) << 30;
  std::vector<uint32_t> counts(kWays * kBins);
  auto inverse = static_cast<float>(1 / width);
  auto addTo = [&](size_t way, float value) {
    int bin = static_cast<int>(value * inverse + kBins / 2.0f);
    ++counts[way * kBins + static_cast<size_t>(std::clamp(bin, 0, kBins - 1))];
  };
  for (size_t first = 0; first < count; first += kPart) {
    size_t end = std::min(count, first + kPart), i = first;
    for (; i + kWays <= end; i += kWays)
      for (size_t way = 0; way < kWays; ++way)
        addTo(way, values[i + way]);
    for (; i < end; ++i)
      addTo(0, values[i]);
    for (size_t bin = 0; bin < counts.size(); ++bin)
      bins[bin % kBins] += counts[bin];
    std::fill(counts.begin(), counts.end(), 0);
  }
  low = std::min(low, least);
  high = std::max(high, most);
  total += count;
  return true;
}

std::vector<double> Histogram::getAbsolute() const {
  std::vector<double> counts(kBins / 2, 0);
  for (int i = 0; i < kBins && !bins.empty(); ++i)
    counts[i < kBins / 2 ? kBins / 2 - 1 - i : i - kBins / 2] +=
        double(bins[i]);
  return counts;
}

double getRoundingError(const Histogram &histogram, Range range) {
  double step = (range.high - range.low) / kSteps, error = 0;
  histogram.forEachBin([&](double center, uint64_t count) {
    double off = center - std::clamp(center, range.low, range.high);
    error += double(count) * (off * off + step * step / 12);
  });
  return histogram.empty() ? 0 : error / double(histogram.getTotal());
}

/// A range of magnitudes up to `limit`, as far as there are values.
static Range clip(const Histogram &histogram, double limit) {
  return {std::max<double>(histogram.getLow(), -limit),
          std::min<double>(histogram.getHigh(), limit)};
}

static Range findLeastError(const Histogram &histogram) {
  Range best{histogram.getLow(), histogram.getHigh()};
  double least = getRoundingError(histogram, best);
  double largest = std::max(-best.low, best.high);
  for (int percent = 98; percent >= 10; percent -= 2) {
    Range range = clip(histogram, largest * percent / 100);
    double error = getRoundingError(histogram, range);
    if (error < least)
      least = error, best = range;
  }
  return best;
}

static Range findPercentile(const Histogram &histogram, double percentile) {
  std::vector<double> counts = histogram.getAbsolute();
  double left = double(histogram.getTotal()) * (1 - percentile / 100);
  size_t bin = counts.size();
  while (bin > 1 && left >= counts[bin - 1])
    left -= counts[--bin];
  return clip(histogram, double(bin) * histogram.getWidth());
}

/// The divergence of `count` bins, the rest added to the last, from themselves
/// in `levels` steps.
static double getDivergence(const std::vector<double> &counts, size_t count,
                            size_t levels) {
  std::vector<double> expected(counts.begin(), counts.begin() + count);
  for (size_t i = count; i < counts.size(); ++i)
    expected.back() += counts[i];
  std::vector<double> given(count, 0);
  for (size_t level = 0; level < levels; ++level) {
    size_t first = level * count / levels, last = (level + 1) * count / levels;
    double sum = 0, filled = 0;
    for (size_t i = first; i < last; ++i)
      sum += counts[i], filled += counts[i] > 0;
    for (size_t i = first; i < last && filled > 0; ++i)
      given[i] = counts[i] > 0 ? sum / filled : 0;
  }
  double expectedTotal = 0, givenTotal = 0, divergence = 0;
  for (size_t i = 0; i < count; ++i)
    expectedTotal += expected[i], givenTotal += given[i];
  for (size_t i = 0; i < count; ++i)
    if (expected[i] > 0) {
      // What is not represented counts as next to nothing.
      double share = std::max(given[i] / givenTotal, 1e-9);
      divergence += expected[i] / expectedTotal *
                    std::log(expected[i] / expectedTotal / share);
    }
  return divergence;
}

static Range findLeastDivergence(const Histogram &histogram) {
  std::vector<double> counts = histogram.getAbsolute();
  size_t used = counts.size();
  while (used > 1 && counts[used - 1] == 0)
    --used;
  size_t levels = histogram.getLow() < 0 ? 128 : 256, best = used;
  double least = INFINITY;
  for (size_t count = levels; count <= used; count += 8) {
    double divergence = getDivergence(counts, count, levels);
    if (divergence < least)
      least = divergence, best = count;
  }
  return clip(histogram, double(best) * histogram.getWidth());
}

Range findRange(const Histogram &histogram, RangeMethod method,
                double percentile) {
  switch (method) {
  case RangeMethod::MinMax:
    return {histogram.getLow(), histogram.getHigh()};
  case RangeMethod::Percentile:
    return findPercentile(histogram, percentile);
  case RangeMethod::Entropy:
    return findLeastDivergence(histogram);
  case RangeMethod::Mse:
    return findLeastError(histogram);
  }
  return {};
}

} // namespace dl::tools
