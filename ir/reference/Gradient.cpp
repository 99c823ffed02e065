// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What gradients need beyond the ops of inference. dl.gradient itself has no
// function: dl-differentiate replaces it.

#include "ir/dialect/DerivativeOps.h"
#include "ir/reference/Rules.h"
#include <cmath>

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::reference;

/// The position of an index in a tensor of these strides.
static int64_t getPosition(ArrayRef<int64_t> index, ArrayRef<int64_t> strides) {
  int64_t position = 0;
  for (auto [at, stride] : llvm::zip(index, strides))
    position += at * stride;
  return position;
}

static FailureOr<Tensor> convFilterGradient(ConvFilterGradientOp op,
                                            const Arguments &arguments) {
  const Tensor &input = arguments[0], &gradient = arguments[1];
  auto shape = arguments.getShape(op.getResult());
  if (failed(shape))
    return failure();
  int64_t channel = op.getChannelDim(), first = op.getFirstSpatialDim(),
          window = op.getFirstWindowDim(), groups = op.getGroups();
  int64_t channels = (*shape)[op.getFilterChannelDim()],
          filters = (*shape)[op.getFilterCountDim()];
  if (input.getDimSize(channel) != channels * groups ||
      gradient.getDimSize(channel) != filters ||
      input.getDimSize(0) != gradient.getDimSize(0))
    return op.emitOpError("input, gradient and filter do not fit");
  std::vector<double> x = input.load<double>(), g = gradient.load<double>(), w;
  w.reserve(getNumElements(*shape));
  Shape xStrides = getStrides(input.getShape());
  Shape position(input.getRank());
  forEachIndex(*shape, [&](ArrayRef<int64_t> filter) {
    int64_t m = filter[op.getFilterCountDim()];
    double sum = 0;
    size_t next = 0;
    forEachIndex(gradient.getShape(), [&](ArrayRef<int64_t> at) {
      double factor = g[next++];
      if (at[channel] != m)
        return;
      position[0] = at[0];
      position[channel] =
          m / (filters / groups) * channels + filter[op.getFilterChannelDim()];
      for (int64_t i = 0; i + 2 < input.getRank(); ++i) {
        int64_t p = at[first + i] * op.getStrides()[i] +
                    filter[window + i] * op.getDilations()[i] -
                    op.getPadsLow()[i];
        if (p < 0 || p >= input.getDimSize(first + i))
          return;
        position[first + i] = p;
      }
      sum += x[getPosition(position, xStrides)] * factor;
    });
    w.push_back(sum);
  });
  return Tensor::store<double>(op.getType().getElementType(), *shape, w);
}

static FailureOr<Tensor> windowScatter(WindowScatterOp op,
                                       const Arguments &arguments) {
  const Tensor &operand = arguments[0], &updates = arguments[1];
  std::vector<double> x = operand.load<double>(), u = updates.load<double>();
  std::vector<double> results(x.size());
  bool largest = op.getKind() == ReduceKind::Max;
  Shape strides = getStrides(operand.getShape());
  size_t leading = strides.size() - op.getWindow().size(), next = 0;
  for (size_t i = leading; i < strides.size(); ++i) {
    size_t w = i - leading;
    if (operand.getDimSize(i) <
        (updates.getDimSize(i) - 1) * op.getStrides()[w] +
            (op.getWindow()[w] - 1) * op.getDilations()[w] + 1)
      return op.emitOpError("the windows exceed dimension ") << i;
  }
  forEachIndex(updates.getShape(), [&](ArrayRef<int64_t> index) {
    int64_t start = 0, best = -1;
    for (auto [i, at] : llvm::enumerate(index))
      start +=
          at * strides[i] * (i < leading ? 1 : op.getStrides()[i - leading]);
    forEachIndex(op.getWindow(), [&](ArrayRef<int64_t> k) {
      int64_t position = start;
      for (auto [i, at] : llvm::enumerate(k))
        position += at * op.getDilations()[i] * strides[leading + i];
      if (best < 0 ||
          (!std::isnan(x[best]) &&
           (std::isnan(x[position]) ||
            (largest ? x[position] > x[best] : x[position] < x[best]))))
        best = position;
    });
    results[best] += u[next++];
  });
  return Tensor::store<double>(operand.getElementType(), operand.getShape(),
                               results);
}

static FailureOr<Tensors> withGradient(WithGradientOp op,
                                       const Arguments &arguments) {
  return Tensors(arguments.operands.take_front(op.getValues().size()));
}

void mlir::dl::reference::addGradientRules(RuleTable &table) {
  table.addMany(withGradient);
  table.add(convFilterGradient);
  table.add(windowScatter);
}
