// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Weights of few different values.

#ifndef DL_FRONTEND_QUANTIZE_PALETTE_H
#define DL_FRONTEND_QUANTIZE_PALETTE_H

#include <cstddef>
#include <vector>

namespace dl::frontend {

/// Values in ascending order; zero is one of them.
class Palette {
public:
  /// At most `size` values, two or more, whose squared distance from `weights`
  /// is the least that Lloyd's algorithm finds (S. Lloyd, "Least Squares
  /// Quantization in PCM", 1982). Zero is an entry, so that what was pruned
  /// stays zero.
  Palette(const std::vector<float> &weights, size_t size);

  /// The nearest value.
  float round(float value) const;

  const std::vector<float> &get() const { return values; }

private:
  std::vector<float> values;
};

} // namespace dl::frontend

#endif // DL_FRONTEND_QUANTIZE_PALETTE_H
