// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// How the values of an activation are distributed over all samples, and the
// range of integers that follows.

#ifndef DL_TOOLS_QUANTIZE_HISTOGRAM_H
#define DL_TOOLS_QUANTIZE_HISTOGRAM_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dl::tools {

/// Bins of one width around zero; the width doubles when a value lies beyond.
class Histogram {
public:
  /// Adds values; false, with nothing added, where one is not finite.
  bool add(const float *values, size_t count);

  bool empty() const { return total == 0; }
  float getLow() const { return low; }
  float getHigh() const { return high; }
  uint64_t getTotal() const { return total; }
  /// Calls `visit(center, count)` for every bin that is not empty.
  template <typename Visit> void forEachBin(Visit visit) const {
    for (size_t i = 0; i < bins.size(); ++i)
      if (bins[i])
        visit((static_cast<double>(i) - kBins / 2.0 + 0.5) * width, bins[i]);
  }
  /// Counts of absolute values, bins of `getWidth()`.
  std::vector<double> getAbsolute() const;
  double getWidth() const { return width; }

private:
  static constexpr int kBins = 4096;
  void widen(float largest);

  std::vector<uint64_t> bins;
  double width = 0;
  float low = 0, high = 0;
  uint64_t total = 0;
};

enum class RangeMethod { MinMax, Percentile, Entropy, Mse };

/// A range that is mapped to 0 .. 255; it holds 0.
struct Range {
  double low = 0, high = 0;
};

/// - MinMax: all values;
/// - Percentile: all but a share of 1 - `percentile` / 100, the largest in
///   magnitude;
/// - Entropy: the least Kullback-Leibler divergence of the magnitudes (S.
/// Migacz,
///   "8-bit Inference with TensorRT", GTC 2017);
/// - Mse: the least mean squared error.
Range findRange(const Histogram &histogram, RangeMethod method,
                double percentile);

/// The mean squared error of rounding to 256 steps of the range.
double getRoundingError(const Histogram &histogram, Range range);

} // namespace dl::tools

#endif // DL_TOOLS_QUANTIZE_HISTOGRAM_H
