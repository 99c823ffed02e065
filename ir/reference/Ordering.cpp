// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What depends on the order of elements: sorted rows, suppressed boxes.

#include "ir/ops/Scalars.h"
#include "ir/reference/Rules.h"
#include <algorithm>
#include <cmath>
#include <numeric>

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::reference;

//===----------------------------------------------------------------------===//
// RowOrderOp
//===----------------------------------------------------------------------===//

/// -1, 0 or 1; a NaN is larger than all numbers.
template <typename T> static int compare(T a, T b, bool isUnsigned) {
  if constexpr (std::is_same_v<T, int64_t>) {
    if (isUnsigned) {
      auto x = static_cast<uint64_t>(a), y = static_cast<uint64_t>(b);
      return (x > y) - (x < y);
    }
  } else if (std::isnan(a) || std::isnan(b)) {
    return std::isnan(a) - std::isnan(b);
  }
  return (a > b) - (a < b);
}

template <typename T>
static Tensor orderRows(RowOrderOp op, const Tensor &operand) {
  std::vector<T> elements = operand.load<T>();
  bool isUnsigned = isUnsignedElement(operand.getElementType());
  int64_t size = operand.getDimSize(1);
  std::vector<int64_t> order(operand.getDimSize(0));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    for (int64_t i = 0; i < size; ++i)
      if (int found = compare(elements[a * size + i], elements[b * size + i],
                              isUnsigned))
        return found < 0;
    return false;
  });
  return Tensor::store<int64_t>(IntegerType::get(op.getContext(), 64),
                                operand.getDimSize(0), order);
}

static FailureOr<Tensor> rowOrder(RowOrderOp op, const Arguments &arguments) {
  return arguments[0].isFloat() ? orderRows<double>(op, arguments[0])
                                : orderRows<int64_t>(op, arguments[0]);
}

//===----------------------------------------------------------------------===//
// SuppressOp
//===----------------------------------------------------------------------===//

namespace {

/// A box by its lower and upper corner. Kernels compute in f32, and so does
/// this: areas decide what is equal to the threshold.
struct Box {
  float low[2], high[2];

  Box(const double *from, bool centered) {
    for (int d = 0; d < 2; ++d) {
      auto a = static_cast<float>(from[d]), b = static_cast<float>(from[d + 2]);
      low[d] = centered ? a - b / 2 : std::min(a, b);
      high[d] = centered ? a + b / 2 : std::max(a, b);
    }
  }
  float area() const { return (high[0] - low[0]) * (high[1] - low[1]); }

  /// Intersection over union; 0 where either is empty.
  float overlap(const Box &other) const {
    float height =
        std::min(high[0], other.high[0]) - std::max(low[0], other.low[0]);
    float width =
        std::min(high[1], other.high[1]) - std::max(low[1], other.low[1]);
    if (height <= 0 || width <= 0)
      return 0;
    float common = height * width;
    return common / (area() + other.area() - common);
  }
};

} // namespace

static FailureOr<Tensors> suppress(SuppressOp op, const Arguments &arguments) {
  auto shape = arguments.getShape(op.getSelected());
  if (failed(shape))
    return failure();
  std::vector<double> boxes = arguments[0].load<double>();
  std::vector<double> scores = arguments[1].load<double>();
  int64_t batches = arguments[1].getDimSize(0);
  int64_t classes = arguments[1].getDimSize(1);
  int64_t count = arguments[1].getDimSize(2);
  int64_t most = arguments[2].load<int64_t>()[0];
  double limit = arguments[3].load<double>()[0];
  double threshold = arguments[4].load<double>()[0];
  std::vector<int64_t> selected;
  for (int64_t i = 0; i < batches * classes; ++i) {
    const double *score = scores.data() + i * count;
    const double *box = boxes.data() + i / classes * count * 4;
    std::vector<int64_t> order;
    for (int64_t j = 0; j < count; ++j)
      if (score[j] > threshold)
        order.push_back(j);
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t a, int64_t b) { return score[a] > score[b]; });
    std::vector<Box> kept;
    for (int64_t j : order) {
      Box candidate(box + j * 4, op.getCentered());
      if (static_cast<int64_t>(kept.size()) >= most)
        break;
      if (llvm::any_of(kept, [&](const Box &other) {
            return candidate.overlap(other) > limit;
          }))
        continue;
      kept.push_back(candidate);
      selected.insert(selected.end(), {i / classes, i % classes, j});
    }
  }
  int64_t rows = static_cast<int64_t>(selected.size()) / 3;
  if (rows > shape->front())
    return op.emitOpError("keeps ")
           << rows << " boxes, more than its result has rows";
  selected.resize(shape->front() * 3, -1);
  Type i64 = IntegerType::get(op.getContext(), 64);
  return Tensors{Tensor::store<int64_t>(i64, *shape, selected),
                 Tensor::store<int64_t>(i64, 1, rows)};
}

void mlir::dl::reference::addOrderingRules(RuleTable &table) {
  table.add(rowOrder);
  table.addMany(suppress);
}
