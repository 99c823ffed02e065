// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/quantize/Reconstruct.h"

#include <algorithm>
#include <cmath>

namespace dl::frontend {

Correlation::Correlation(int64_t depth) : depth(depth) {
  for (int64_t first = 0; first < depth; first += kPiece)
    pieces.emplace_back(getSize(first) * getSize(first), 0.0F);
}

int64_t Correlation::getSize(int64_t first) const {
  return std::min(kPiece, depth - first);
}

void Correlation::add(const float *rows, int64_t rowCount) {
  for (int64_t r = 0; r < rowCount; ++r, rows += depth)
    for (size_t p = 0; p < pieces.size(); ++p) {
      int64_t first = static_cast<int64_t>(p) * kPiece, size = getSize(first);
      const float *x = rows + first;
      for (int64_t i = 0; i < size; ++i) {
        float factor = x[i], *to = pieces[p].data() + i * size;
        if (factor == 0)
          continue;
        for (int64_t j = 0; j <= i; ++j)
          to[j] += factor * x[j];
      }
    }
  count += static_cast<uint64_t>(rowCount);
}

void Correlation::divide(const std::vector<float> &factors) {
  for (size_t p = 0; p < pieces.size(); ++p) {
    int64_t first = static_cast<int64_t>(p) * kPiece, size = getSize(first);
    for (int64_t i = 0; i < size; ++i)
      for (int64_t j = 0; j <= i; ++j)
        pieces[p][i * size + j] /= factors[first + i] * factors[first + j];
  }
}

double Correlation::getDamping(int64_t first) const {
  int64_t n = getSize(first);
  double mean = 0;
  for (int64_t i = 0; i < n; ++i)
    mean += pieces[first / kPiece][i * n + i] / static_cast<double>(n);
  return mean > 0 ? 0.01 * mean : 1;
}

std::vector<double> Correlation::getSquare(int64_t first) const {
  int64_t n = getSize(first);
  const std::vector<float> &piece = pieces[first / kPiece];
  std::vector<double> square(n * n);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j)
      square[i * n + j] = piece[std::max(i, j) * n + std::min(i, j)];
  double damping = getDamping(first);
  for (int64_t i = 0; i < n; ++i)
    square[i * n + i] += damping;
  return square;
}

std::vector<float> Correlation::factorInverse(int64_t first) const {
  int64_t n = getSize(first);
  const std::vector<float> &piece = pieces[first / kPiece];
  // With positions in reverse, the lower factor's inverse is the upper factor
  // of the inverse.
  std::vector<double> l(n * n, 0);
  double damping = getDamping(first);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j <= i; ++j)
      l[i * n + j] =
          piece[(n - 1 - j) * n + (n - 1 - i)] + (i == j ? damping : 0);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j <= i; ++j) {
      const double *a = &l[i * n], *b = &l[j * n];
      double sum = a[j];
      for (int64_t k = 0; k < j; ++k)
        sum -= a[k] * b[k];
      l[i * n + j] =
          i == j ? std::sqrt(std::max(sum, 1e-12 * damping)) : sum / b[j];
    }
  // Row i of the inverse: (e_i - sum over k < i of l_ik inverse_k) / l_ii.
  std::vector<double> inverse(n * n, 0);
  for (int64_t i = 0; i < n; ++i) {
    double *row = &inverse[i * n];
    row[i] = 1;
    for (int64_t k = 0; k < i; ++k) {
      double factor = l[i * n + k];
      const double *other = &inverse[k * n];
      for (int64_t j = 0; j <= k; ++j)
        row[j] -= factor * other[j];
    }
    for (int64_t j = 0; j <= i; ++j)
      row[j] /= l[i * n + i];
  }
  std::vector<float> upper(n * n, 0);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j <= i; ++j)
      upper[(n - 1 - i) * n + (n - 1 - j)] =
          static_cast<float>(inverse[i * n + j]);
  return upper;
}

void reconstruct(std::vector<float> &weight, int64_t columns,
                 const Correlation &correlation,
                 const std::function<void(int64_t k, float *row)> &project) {
  std::vector<float> error(columns);
  for (int64_t first = 0; first < correlation.getDepth();
       first += Correlation::kPiece) {
    std::vector<float> upper = correlation.factorInverse(first);
    int64_t size =
        std::min(Correlation::kPiece, correlation.getDepth() - first);
    for (int64_t k = 0; k < size; ++k) {
      float *row = &weight[(first + k) * columns];
      std::copy(row, row + columns, error.begin());
      project(first + k, row);
      const float *factors = &upper[k * size];
      for (int64_t n = 0; n < columns; ++n)
        error[n] = (error[n] - row[n]) / factors[k];
      for (int64_t j = k + 1; j < size; ++j) {
        float factor = factors[j];
        float *to = row + (j - k) * columns;
        for (int64_t n = 0; n < columns; ++n)
          to[n] -= factor * error[n];
      }
    }
  }
}

/// Solves `matrix` x = `right` for a symmetric positive matrix, in place; the
/// lower triangle is read.
static void solve(std::vector<double> &matrix, std::vector<double> &right) {
  auto n = static_cast<int64_t>(right.size());
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j <= i; ++j) {
      const double *a = &matrix[i * n], *b = &matrix[j * n];
      double sum = a[j];
      for (int64_t k = 0; k < j; ++k)
        sum -= a[k] * b[k];
      matrix[i * n + j] = i == j ? std::sqrt(std::max(sum, 1e-30)) : sum / b[j];
    }
    for (int64_t k = 0; k < i; ++k)
      right[i] -= matrix[i * n + k] * right[k];
    right[i] /= matrix[i * n + i];
  }
  for (int64_t i = n; i-- > 0;) {
    for (int64_t k = i + 1; k < n; ++k)
      right[i] -= matrix[k * n + i] * right[k];
    right[i] /= matrix[i * n + i];
  }
}

void refit(std::vector<float> &weight, const std::vector<float> &exact,
           int64_t columns, const Correlation &correlation) {
  std::vector<int64_t> kept;
  std::vector<double> matrix, right, square;
  for (int64_t first = 0; first < correlation.getDepth();
       first += Correlation::kPiece) {
    int64_t size =
        std::min(Correlation::kPiece, correlation.getDepth() - first);
    square = correlation.getSquare(first);
    for (int64_t n = 0; n < columns; ++n) {
      kept.clear();
      for (int64_t k = 0; k < size; ++k)
        if (weight[(first + k) * columns + n] != 0)
          kept.push_back(k);
      auto count = static_cast<int64_t>(kept.size());
      matrix.assign(count * count, 0);
      right.assign(count, 0);
      for (int64_t i = 0; i < count; ++i) {
        const double *row = &square[kept[i] * size];
        for (int64_t j = 0; j <= i; ++j)
          matrix[i * count + j] = row[kept[j]];
        for (int64_t k = 0; k < size; ++k)
          right[i] += row[k] * exact[(first + k) * columns + n];
      }
      solve(matrix, right);
      for (int64_t i = 0; i < count; ++i)
        weight[(first + kept[i]) * columns + n] = static_cast<float>(right[i]);
    }
  }
}

} // namespace dl::frontend
