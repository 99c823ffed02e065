// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/ops/Scalars.h"
#include "ir/reference/Rules.h"
#include <cmath>
#include <limits>
#include <numeric>

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::reference;

template <typename T> static bool isNan(T value) { return value != value; }

/// Compares integers of an unsigned type as such.
template <typename T> struct Less {
  bool isUnsigned;
  bool operator()(T a, T b) const {
    if constexpr (std::is_same_v<T, int64_t>)
      if (isUnsigned)
        return static_cast<uint64_t>(a) < static_cast<uint64_t>(b);
    return a < b;
  }
};

/// A reduction in progress: the value so far and how to add an element.
template <typename T> class Reducer {
public:
  Reducer(ReduceKind kind, Type elementType)
      : kind(kind), less{isUnsignedElement(elementType)},
        neutral(getNeutral(kind, elementType)) {}

  T getNeutral() const { return neutral; }

  T combine(T a, T b) const {
    switch (kind) {
    case ReduceKind::Sum:
      return add(a, b);
    case ReduceKind::Prod:
      return multiply(a, b);
    case ReduceKind::Max:
      return isNan(a) || less(b, a) ? a : b;
    case ReduceKind::Min:
      return isNan(a) || less(a, b) ? a : b;
    }
    return a;
  }

private:
  static T getNeutral(ReduceKind kind, Type elementType) {
    if (kind == ReduceKind::Sum || kind == ReduceKind::Prod)
      return kind == ReduceKind::Prod;
    bool isMax = kind == ReduceKind::Max;
    if constexpr (std::is_same_v<T, double>) {
      const auto &semantics = cast<FloatType>(elementType).getFloatSemantics();
      auto limit = APFloat::semanticsHasInf(semantics)
                       ? APFloat::getInf(semantics, isMax)
                       : APFloat::getLargest(semantics, isMax);
      return limit.convertToDouble();
    } else {
      unsigned width = elementType.getIntOrFloatBitWidth();
      if (isUnsignedElement(elementType))
        return isMax ? 0 : APInt::getMaxValue(width).getZExtValue();
      return (isMax ? APInt::getSignedMinValue(width)
                    : APInt::getSignedMaxValue(width))
          .getSExtValue();
    }
  }

  ReduceKind kind;
  Less<T> less;
  T neutral;
};

//===----------------------------------------------------------------------===//
// ReduceOp
//===----------------------------------------------------------------------===//

template <typename T>
static Tensor reduceAs(ReduceOp op, const Tensor &operand,
                       ArrayRef<int64_t> keptShape, ArrayRef<int64_t> shape) {
  Reducer<T> reducer(op.getKind(), operand.getElementType());
  std::vector<T> elements = operand.load<T>();
  std::vector<T> results(getNumElements(keptShape), reducer.getNeutral());
  SmallVector<int64_t> strides = getStrides(keptShape);
  // Strides of the result, 0 along the dimensions that are reduced.
  size_t next = 0;
  forEachIndex(operand.getShape(), [&](ArrayRef<int64_t> index) {
    int64_t position = 0;
    for (auto [i, at] : llvm::enumerate(index))
      if (keptShape[i] != 1 || operand.getDimSize(i) == 1)
        position += at * strides[i];
    results[position] = reducer.combine(results[position], elements[next++]);
  });
  return Tensor::store<T>(operand.getElementType(), shape, results);
}

static FailureOr<Tensor> reduce(ReduceOp op, const Arguments &arguments) {
  const Tensor &operand = arguments[0];
  Shape kept(operand.getShape()), shape;
  for (int64_t axis : op.getAxes())
    kept[axis] = 1;
  for (auto [i, size] : llvm::enumerate(kept))
    if (op.getKeepdims() ||
        !llvm::is_contained(op.getAxes(), static_cast<int64_t>(i)))
      shape.push_back(size);
  return operand.isFloat() ? reduceAs<double>(op, operand, kept, shape)
                           : reduceAs<int64_t>(op, operand, kept, shape);
}

//===----------------------------------------------------------------------===//
// SoftmaxOp
//===----------------------------------------------------------------------===//

static FailureOr<Tensor> softmax(SoftmaxOp op, const Arguments &arguments) {
  const Tensor &operand = arguments[0];
  std::vector<double> elements = operand.load<double>();
  AxisView view(operand.getShape(), op.getAxis());
  for (int64_t i = 0; i < view.outer * view.inner; ++i) {
    double *first = elements.data() + i / view.inner * view.size * view.inner +
                    i % view.inner;
    auto at = [&](int64_t j) -> double & { return first[j * view.inner]; };
    double largest = -std::numeric_limits<double>::infinity(), sum = 0;
    for (int64_t j = 0; j < view.size; ++j)
      largest = isNan(at(j)) || at(j) > largest ? at(j) : largest;
    for (int64_t j = 0; j < view.size; ++j)
      sum += std::exp(at(j) - largest);
    for (int64_t j = 0; j < view.size; ++j)
      at(j) = op.getLog() ? at(j) - largest - std::log(sum)
                          : std::exp(at(j) - largest) / sum;
  }
  return Tensor::store<double>(operand.getElementType(), operand.getShape(),
                               elements);
}

//===----------------------------------------------------------------------===//
// CumsumOp
//===----------------------------------------------------------------------===//

template <typename T>
static Tensor cumsumAs(CumsumOp op, const Tensor &operand) {
  Reducer<T> reducer(ReduceKind::Sum, operand.getElementType());
  std::vector<T> elements = operand.load<T>();
  AxisView view(operand.getShape(), op.getAxis());
  for (int64_t i = 0; i < view.outer * view.inner; ++i) {
    T *first = elements.data() + i / view.inner * view.size * view.inner +
               i % view.inner;
    T sum = 0;
    for (int64_t j = 0; j < view.size; ++j) {
      T &element =
          first[(op.getReverse() ? view.size - 1 - j : j) * view.inner];
      T before = sum;
      sum = reducer.combine(sum, element);
      element = op.getExclusive() ? before : sum;
    }
  }
  return Tensor::store<T>(operand.getElementType(), operand.getShape(),
                          elements);
}

static FailureOr<Tensor> cumsum(CumsumOp op, const Arguments &arguments) {
  return arguments[0].isFloat() ? cumsumAs<double>(op, arguments[0])
                                : cumsumAs<int64_t>(op, arguments[0]);
}

//===----------------------------------------------------------------------===//
// ArgReduceOp, TopkOp
//===----------------------------------------------------------------------===//

/// Whether `a` comes before `b` among the largest (or smallest) elements.
template <typename T>
static bool isBefore(T a, T b, bool largest, bool nanFirst, Less<T> less) {
  if (isNan(a) || isNan(b))
    return nanFirst ? isNan(a) && !isNan(b) : !isNan(a) && isNan(b);
  return largest ? less(b, a) : less(a, b);
}

template <typename T>
static Tensor argReduceAs(ArgReduceOp op, const Tensor &operand,
                          ArrayRef<int64_t> shape) {
  std::vector<T> elements = operand.load<T>();
  Less<T> less{isUnsignedElement(operand.getElementType())};
  bool largest = op.getKind() == ReduceKind::Max;
  AxisView view(operand.getShape(), op.getAxis());
  std::vector<int64_t> results(view.outer * view.inner);
  for (auto [i, best] : llvm::enumerate(results)) {
    const T *first =
        elements.data() +
        static_cast<int64_t>(i) / view.inner * view.size * view.inner +
        static_cast<int64_t>(i) % view.inner;
    for (int64_t j = 1; j < view.size; ++j) {
      T element = first[j * view.inner], chosen = first[best * view.inner];
      bool isWorse = isBefore(chosen, element, largest, true, less);
      bool isBetter = isBefore(element, chosen, largest, true, less);
      if (isBetter || (!isWorse && op.getSelectLast()))
        best = j;
    }
  }
  Type i64 = IntegerType::get(op.getContext(), 64);
  return Tensor::store<int64_t>(i64, shape, results);
}

static FailureOr<Tensor> argReduce(ArgReduceOp op, const Arguments &arguments) {
  const Tensor &operand = arguments[0];
  int64_t axis = op.getAxis();
  if (operand.getDimSize(axis) == 0)
    return op.emitOpError("there is no element along dimension ") << axis;
  Shape shape(operand.getShape());
  if (op.getKeepdims())
    shape[axis] = 1;
  else
    shape.erase(shape.begin() + axis);
  return operand.isFloat() ? argReduceAs<double>(op, operand, shape)
                           : argReduceAs<int64_t>(op, operand, shape);
}

template <typename T>
static Tensors topkAs(TopkOp op, const Tensor &operand,
                      ArrayRef<int64_t> shape) {
  std::vector<T> elements = operand.load<T>();
  Less<T> less{isUnsignedElement(operand.getElementType())};
  AxisView view(operand.getShape(), op.getAxis());
  int64_t count = shape[op.getAxis()];
  std::vector<T> values(view.outer * count * view.inner);
  std::vector<int64_t> indices(values.size());
  std::vector<int64_t> order(view.size);
  for (int64_t i = 0; i < view.outer; ++i)
    for (int64_t j = 0; j < view.inner; ++j) {
      const T *first = elements.data() + i * view.size * view.inner + j;
      std::iota(order.begin(), order.end(), 0);
      llvm::sort(order, [&](int64_t a, int64_t b) {
        T x = first[a * view.inner], y = first[b * view.inner];
        bool largest = op.getLargest();
        if (isBefore(x, y, largest, /*nanFirst=*/largest, less))
          return true;
        return !isBefore(y, x, largest, /*nanFirst=*/largest, less) && a < b;
      });
      for (int64_t k = 0; k < count; ++k) {
        int64_t to = (i * count + k) * view.inner + j;
        values[to] = first[order[k] * view.inner];
        indices[to] = order[k];
      }
    }
  Type i64 = IntegerType::get(op.getContext(), 64);
  return {Tensor::store<T>(operand.getElementType(), shape, values),
          Tensor::store<int64_t>(i64, shape, indices)};
}

static FailureOr<Tensors> topk(TopkOp op, const Arguments &arguments) {
  const Tensor &operand = arguments[0];
  auto shape = arguments.getShape(op.getValues());
  if (failed(shape))
    return failure();
  if ((*shape)[op.getAxis()] > operand.getDimSize(op.getAxis()))
    return op.emitOpError("expected at most ")
           << operand.getDimSize(op.getAxis()) << " elements, found "
           << (*shape)[op.getAxis()];
  return operand.isFloat() ? topkAs<double>(op, operand, *shape)
                           : topkAs<int64_t>(op, operand, *shape);
}

//===----------------------------------------------------------------------===//
// WindowReduceOp
//===----------------------------------------------------------------------===//

template <typename T>
static Tensor windowReduceAs(WindowReduceOp op, const Tensor &operand,
                             ArrayRef<int64_t> shape) {
  Reducer<T> reducer(op.getKind(), operand.getElementType());
  std::vector<T> elements = operand.load<T>(), results;
  results.reserve(getNumElements(shape));
  SmallVector<int64_t> strides = getStrides(operand.getShape());
  // The positions of a window's elements, relative to its first.
  std::vector<int64_t> window;
  size_t leading = shape.size() - op.getWindow().size();
  forEachIndex(op.getWindow(), [&](ArrayRef<int64_t> k) {
    int64_t position = 0;
    for (auto [i, at] : llvm::enumerate(k))
      position += at * op.getDilations()[i] * strides[leading + i];
    window.push_back(position);
  });
  forEachIndex(shape, [&](ArrayRef<int64_t> index) {
    int64_t first = 0;
    for (auto [i, at] : llvm::enumerate(index))
      first +=
          at * strides[i] * (i < leading ? 1 : op.getStrides()[i - leading]);
    T value = reducer.getNeutral();
    for (int64_t position : window)
      value = reducer.combine(value, elements[first + position]);
    results.push_back(value);
  });
  return Tensor::store<T>(operand.getElementType(), shape, results);
}

static FailureOr<Tensor> windowReduce(WindowReduceOp op,
                                      const Arguments &arguments) {
  const Tensor &operand = arguments[0];
  Shape shape(operand.getShape());
  size_t leading = shape.size() - op.getWindow().size();
  for (auto [i, window] : llvm::enumerate(op.getWindow())) {
    int64_t &size = shape[leading + i];
    int64_t last = size - (window - 1) * op.getDilations()[i] - 1;
    if (last < 0)
      return op.emitOpError("the window exceeds dimension ")
             << leading + i << " of size " << size;
    size = last / op.getStrides()[i] + 1;
  }
  return operand.isFloat() ? windowReduceAs<double>(op, operand, shape)
                           : windowReduceAs<int64_t>(op, operand, shape);
}

void mlir::dl::reference::addReductionRules(RuleTable &table) {
  table.add(reduce);
  table.add(softmax);
  table.add(cumsum);
  table.add(argReduce);
  table.addMany(topk);
  table.add(windowReduce);
}
