// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Which elements of a weight become zero.

#ifndef DL_TOOLS_SPARSIFY_PRUNE_H
#define DL_TOOLS_SPARSIFY_PRUNE_H

#include "frontend/quantize/QuantizeModel.h"

#include <optional>
#include <string>
#include <vector>

namespace dl::tools {

/// A pattern of zeros in a matrix [contracted, channels].
struct SparsityPattern {
  enum class Kind { Groups, Blocks, Unstructured } kind = Kind::Unstructured;
  int64_t keep = 0, group = 0;   ///< Groups: of so many contracted elements
  int64_t rows = 1, columns = 1; ///< Blocks, of contracted times channels
  double sparsity = 0;           ///< share of zeros

  /// From "2:4", "block:RxC@S" or "unstructured@S"; otherwise `error` says what
  /// is wrong.
  static std::optional<SparsityPattern> parse(const std::string &text,
                                              std::string &error);
  std::string text() const;
  /// Why a matrix of that shape has no such pattern; empty where it has.
  std::string check(int64_t contracted, int64_t channels) const;
};

/// Makes the least important elements zero, as many in each channel, or column
/// of blocks, so that all take the same time. Importance is the magnitude times
/// the norm of the input that the element is multiplied with (M. Sun et al., "A
/// Simple and Effective Pruning Approach for Large Language Models", 2024);
/// `norms`, one for each contracted position, may be empty: all 1. Returns the
/// share of the sum of squared importances that is lost.
double prune(std::vector<float> &weight, const frontend::WeightMatrix &matrix,
             const SparsityPattern &pattern, const std::vector<double> &norms);

} // namespace dl::tools

#endif // DL_TOOLS_SPARSIFY_PRUNE_H
