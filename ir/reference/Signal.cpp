// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/reference/Rules.h"
#include <cmath>
#include <complex>

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::reference;

static FailureOr<Tensor> unfold(UnfoldOp op, const Arguments &arguments) {
  const Tensor &operand = arguments[0];
  int64_t axis = op.getAxis(), size = op.getSize(), step = op.getStep();
  int64_t whole = operand.getDimSize(axis);
  if (whole < size)
    return op.emitOpError("a window of ")
           << size << " is larger than the dimension of " << whole;
  Shape shape(operand.getShape());
  shape[axis] = (whole - size) / step + 1;
  shape.insert(shape.begin() + axis + 1, size);
  SmallVector<int64_t> strides = getStrides(operand.getShape());
  strides.insert(strides.begin() + axis + 1, strides[axis]);
  strides[axis] *= step;
  return pick(operand, shape, [&](ArrayRef<int64_t> index) {
    int64_t position = 0;
    for (auto [i, stride] : llvm::zip(index, strides))
      position += i * stride;
    return position;
  });
}

using Complex = std::complex<double>;

namespace {

/// The transform of a row, in double: by the smallest factor of its length,
/// down to primes, whose sums are taken as they are defined.
class Transform {
public:
  /// Roots are exact at quarters of a turn.
  Transform(int64_t length, bool inverse) : length(length) {
    constexpr double quarters[] = {1, 0, -1, 0};
    double sign = inverse ? 1 : -1;
    roots.reserve(length);
    for (int64_t j = 0; j < length; ++j) {
      double angle =
          2 * M_PI * static_cast<double>(j) / static_cast<double>(length);
      int64_t quarter = 4 * j / length;
      bool isQuarter = 4 * j % length == 0;
      roots.push_back(
          {isQuarter ? quarters[quarter] : std::cos(angle),
           sign * (isQuarter ? quarters[(quarter + 3) % 4] : std::sin(angle))});
    }
  }

  /// Of every `stride`-th element, as many as fill the length.
  std::vector<Complex> run(const Complex *x, int64_t stride) const {
    int64_t size = length / stride, factor = getFactor(size);
    if (size == 1)
      return {x[0]};
    std::vector<std::vector<Complex>> parts;
    for (int64_t part = 0; part < factor; ++part)
      parts.push_back(factor == size ? std::vector<Complex>{x[part * stride]}
                                     : run(x + part * stride, stride * factor));
    std::vector<Complex> result(size);
    for (int64_t k = 0; k < size; ++k)
      for (int64_t part = 0; part < factor; ++part) {
        const Complex &a = parts[part][k % (size / factor)];
        const Complex &root = roots[part * k % size * stride];
        // (The operator of complex numbers looks for infinities.)
        result[k] += Complex(a.real() * root.real() - a.imag() * root.imag(),
                             a.real() * root.imag() + a.imag() * root.real());
      }
    return result;
  }

private:
  static int64_t getFactor(int64_t size) {
    for (int64_t factor = 2; factor * factor <= size; ++factor)
      if (size % factor == 0)
        return factor;
    return size;
  }

  int64_t length;
  std::vector<Complex> roots;
};

} // namespace

static FailureOr<Tensor> dft(DftOp op, const Arguments &arguments) {
  const Tensor &operand = arguments[0];
  int64_t rank = operand.getRank(), length = op.getLength(),
          outputs = op.getOutputs();
  int64_t inputs = operand.getDimSize(rank - 2),
          parts = operand.getDimSize(rank - 1);
  Transform transform(length, op.getInverse());
  double scale = op.getInverse() ? static_cast<double>(length) : 1;
  std::vector<double> elements = operand.load<double>(), result;
  int64_t taken = std::min(inputs, length);
  for (size_t first = 0; first < elements.size(); first += inputs * parts) {
    std::vector<Complex> row(length);
    for (int64_t n = 0; n < taken; ++n) {
      const double *x = &elements[first + n * parts];
      row[n] = Complex(x[0], parts == 2 ? x[1] : 0);
    }
    std::vector<Complex> spectrum = transform.run(row.data(), 1);
    for (int64_t k = 0; k < outputs; ++k) {
      result.push_back(spectrum[k].real() / scale);
      result.push_back(spectrum[k].imag() / scale);
    }
  }
  Shape shape(operand.getShape());
  shape[rank - 2] = outputs;
  shape[rank - 1] = 2;
  return Tensor::store<double>(op.getType().getElementType(), shape, result);
}

void mlir::dl::reference::addSignalRules(RuleTable &table) {
  table.add(unfold);
  table.add(dft);
}
