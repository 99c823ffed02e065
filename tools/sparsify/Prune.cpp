// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/sparsify/Prune.h"

#include "llvm/ADT/StringRef.h"
#include <algorithm>
#include <cmath>
#include <numeric>

namespace dl::tools {

using llvm::StringRef;

std::optional<SparsityPattern> SparsityPattern::parse(const std::string &given,
                                                      std::string &error) {
  SparsityPattern pattern;
  auto fail = [&](const char *expected) -> std::optional<SparsityPattern> {
    error = "expected " + std::string(expected) + ", found '" + given + "'";
    return std::nullopt;
  };
  constexpr char kKnown[] = "N:M as 2:4, block:RxC@S, unstructured@S or auto";
  auto [what, share] = StringRef(given).split('@');
  auto [name, size] = what.split(':');
  if (name == "block" || name == "unstructured") {
    if (share.getAsDouble(pattern.sparsity) ||
        !(pattern.sparsity > 0 && pattern.sparsity < 1))
      return fail("a share of zeros between 0 and 1 behind @");
    if (name == "unstructured")
      return size.empty() ? std::optional(pattern) : fail(kKnown);
    pattern.kind = Kind::Blocks;
    auto [rows, columns] = size.split('x');
    if (rows.getAsInteger(10, pattern.rows) ||
        columns.getAsInteger(10, pattern.columns) || pattern.rows < 1 ||
        pattern.columns < 1)
      return fail("blocks as block:16x16@0.8");
    return pattern;
  }
  pattern.kind = Kind::Groups;
  if (!share.empty() || name.getAsInteger(10, pattern.keep) ||
      size.getAsInteger(10, pattern.group))
    return fail(kKnown);
  if (pattern.keep < 1 || pattern.keep >= pattern.group)
    return fail("N below M in N:M, and N at least 1");
  pattern.sparsity = 1 - static_cast<double>(pattern.keep) /
                             static_cast<double>(pattern.group);
  return pattern;
}

std::string SparsityPattern::text() const {
  char share[32];
  std::snprintf(share, sizeof share, "@%g", sparsity);
  switch (kind) {
  case Kind::Groups:
    return std::to_string(keep) + ":" + std::to_string(group);
  case Kind::Blocks:
    return "block:" + std::to_string(rows) + "x" + std::to_string(columns) +
           share;
  case Kind::Unstructured:
    break;
  }
  return std::string("unstructured") + share;
}

std::string SparsityPattern::check(int64_t contracted, int64_t channels) const {
  std::string shape =
      std::to_string(contracted) + " x " + std::to_string(channels);
  if (kind == Kind::Groups && contracted % group != 0)
    return "groups of " + std::to_string(group) + " do not divide " + shape;
  if (kind == Kind::Blocks && (contracted % rows || channels % columns))
    return "blocks of " + std::to_string(rows) + " x " +
           std::to_string(columns) + " do not divide " + shape;
  return "";
}

double prune(std::vector<float> &weight, const frontend::WeightMatrix &matrix,
             const SparsityPattern &pattern, const std::vector<double> &norms) {
  // All patterns are groups of blocks, of which the least important are zero.
  using Kind = SparsityPattern::Kind;
  int64_t blockRows = pattern.kind == Kind::Blocks ? pattern.rows : 1,
          blockColumns = pattern.kind == Kind::Blocks ? pattern.columns : 1,
          all = matrix.rows / blockRows,
          group = pattern.kind == Kind::Groups ? pattern.group : all;
  int64_t zeros =
      pattern.kind == Kind::Groups
          ? pattern.group - pattern.keep
          : std::llround(pattern.sparsity * static_cast<double>(all));
  auto at = [&](int64_t k, int64_t n) -> float & {
    return weight[k * matrix.rowStride + n * matrix.columnStride];
  };
  std::vector<double> scores(all);
  std::vector<int64_t> order(group);
  double lost = 0, total = 0;
  for (int64_t first = 0; first < matrix.columns; first += blockColumns) {
    std::fill(scores.begin(), scores.end(), 0);
    for (int64_t k = 0; k < matrix.rows; ++k) {
      double norm = norms.empty() ? 1 : norms[k];
      for (int64_t n = first; n < first + blockColumns; ++n)
        scores[k / blockRows] += std::pow(norm * at(k, n), 2);
    }
    total += std::accumulate(scores.begin(), scores.end(), 0.0);
    for (int64_t start = 0; start + group <= all; start += group) {
      std::iota(order.begin(), order.end(), start);
      std::nth_element(order.begin(), order.begin() + zeros, order.end(),
                       [&](int64_t a, int64_t b) {
                         return std::pair(scores[a], a) <
                                std::pair(scores[b], b);
                       });
      for (int64_t i = 0; i < zeros; ++i) {
        lost += scores[order[i]];
        for (int64_t k = order[i] * blockRows; k < (order[i] + 1) * blockRows;
             ++k)
          for (int64_t n = first; n < first + blockColumns; ++n)
            at(k, n) = 0;
      }
    }
  }
  return total > 0 ? lost / total : 0;
}

} // namespace dl::tools
