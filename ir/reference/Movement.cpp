// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/BalancedRounding.h"
#include "ir/dialect/Winograd.h"
#include "ir/reference/Rules.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::reference;

static int64_t dot(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  int64_t sum = 0;
  for (auto [x, y] : llvm::zip(a, b))
    sum += x * y;
  return sum;
}

static FailureOr<Tensor> reshape(ReshapeOp op, const Arguments &arguments) {
  auto shape = arguments.getShape(op.getResult());
  if (failed(shape))
    return failure();
  if (getNumElements(*shape) != arguments[0].getNumElements())
    return op.emitOpError("expected a shape of ")
           << arguments[0].getNumElements() << " elements, found one of "
           << getNumElements(*shape);
  return arguments[0].reshaped(*shape);
}

static FailureOr<Tensor> transpose(TransposeOp op, const Arguments &arguments) {
  SmallVector<int64_t> from = getStrides(arguments[0].getShape());
  Shape shape, strides;
  for (int64_t i : op.getPermutation()) {
    shape.push_back(arguments[0].getDimSize(i));
    strides.push_back(from[i]);
  }
  return pick(arguments[0], shape,
              [&](ArrayRef<int64_t> index) { return dot(index, strides); });
}

static FailureOr<Tensor> slice(SliceOp op, const Arguments &arguments) {
  auto shape = arguments.getShape(op.getResult());
  auto offsets = arguments.getValues(op, op.getOffsets());
  if (failed(shape) || failed(offsets))
    return failure();
  bool isEmpty = getNumElements(*shape) == 0;
  for (size_t i = 0; i < shape->size() && !isEmpty; ++i) {
    int64_t last = (*offsets)[i] + ((*shape)[i] - 1) * op.getStrides()[i];
    for (int64_t position : {(*offsets)[i], last})
      if (position < 0 || position >= arguments[0].getDimSize(i))
        return op.emitOpError("position ")
               << position << " is outside of dimension " << i << " of size "
               << arguments[0].getDimSize(i);
  }
  SmallVector<int64_t> strides = getStrides(arguments[0].getShape());
  int64_t first = dot(*offsets, strides);
  for (auto [stride, step] : llvm::zip(strides, op.getStrides()))
    stride *= step;
  return pick(arguments[0], *shape, [&](ArrayRef<int64_t> index) {
    return first + dot(index, strides);
  });
}

/// The position in 0 to `size` - 1 that a padded position repeats; -1 in the
/// border of a constant.
static int64_t getPaddedSource(PadMode mode, int64_t i, int64_t size) {
  if (i >= 0 && i < size)
    return i;
  switch (mode) {
  case PadMode::Constant:
    return -1;
  case PadMode::Edge:
    return std::clamp<int64_t>(i, 0, size - 1);
  case PadMode::Reflect: {
    int64_t period = 2 * (size - 1);
    int64_t rest = period ? ((i % period) + period) % period : 0;
    return rest < size ? rest : period - rest;
  }
  case PadMode::Wrap:
    return ((i % size) + size) % size;
  }
  return -1;
}

static FailureOr<Tensor> pad(PadOp op, const Arguments &arguments) {
  const Tensor &operand = arguments[0];
  auto shape = arguments.getShape(op.getResult());
  auto low = arguments.getValues(op, op.getLow());
  if (failed(shape) || failed(low))
    return failure();
  if (operand.getNumElements() == 0 && getNumElements(*shape) != 0 &&
      op.getMode() != PadMode::Constant)
    return op.emitOpError("an empty operand can be padded by a constant alone");
  SmallVector<int64_t> strides = getStrides(operand.getShape());
  int64_t bytes = operand.getElementBytes();
  Tensor result(operand.getElementType(), *shape);
  char *to = result.getMutableData();
  forEachIndex(*shape, [&](ArrayRef<int64_t> index) {
    const char *from = operand.getData();
    for (auto [i, position] : llvm::enumerate(index)) {
      int64_t source = getPaddedSource(op.getMode(), position - (*low)[i],
                                       operand.getDimSize(i));
      if (source < 0) {
        from = arguments[1].getData();
        break;
      }
      from += source * strides[i] * bytes;
    }
    std::memcpy(to, from, bytes);
    to += bytes;
  });
  return result;
}

static FailureOr<Tensor> concat(ConcatOp op, const Arguments &arguments) {
  int64_t axis = op.getAxis();
  Shape shape(arguments[0].getShape());
  for (const Tensor &input : arguments.operands.drop_front()) {
    for (int64_t i = 0; i < input.getRank(); ++i)
      if (i != axis && input.getDimSize(i) != shape[i])
        return op.emitOpError("inputs disagree in dimension ")
               << i << ": found " << shape[i] << " and " << input.getDimSize(i);
    shape[axis] += input.getDimSize(axis);
  }
  Tensor result(arguments[0].getElementType(), shape);
  char *to = result.getMutableData();
  for (int64_t i = 0, e = AxisView(shape, axis).outer; i < e; ++i)
    for (const Tensor &input : arguments.operands) {
      AxisView view(input.getShape(), axis);
      int64_t bytes = view.size * view.inner * input.getElementBytes();
      std::memcpy(to, input.getData() + i * bytes, bytes);
      to += bytes;
    }
  return result;
}

/// Dimension d of a tile is divided; the last tile is filled up with zeros.
static FailureOr<Tensor> pack(PackOp op, const Arguments &arguments) {
  const Tensor &operand = arguments[0];
  auto shape = arguments.getShape(op.getResult());
  if (failed(shape))
    return failure();
  int64_t rank = operand.getRank(), bytes = operand.getElementBytes();
  SmallVector<int64_t> strides = getStrides(operand.getShape());
  Tensor result(operand.getElementType(), *shape);
  char *to = result.getMutableData();
  forEachIndex(*shape, [&](ArrayRef<int64_t> index) {
    SmallVector<int64_t> source(rank);
    for (int64_t i = 0; i < rank; ++i)
      source[op.getOuterPerm().empty() ? i : op.getOuterPerm()[i]] = index[i];
    for (auto [i, dim] : llvm::enumerate(op.getInnerDims()))
      source[dim] = source[dim] * op.getInnerTiles()[i] + index[rank + i];
    bool isInside =
        llvm::all_of(llvm::zip(source, operand.getShape()), [](auto pair) {
          return std::get<0>(pair) < std::get<1>(pair);
        });
    if (isInside)
      std::memcpy(to, operand.getData() + dot(source, strides) * bytes, bytes);
    to += bytes;
  });
  return result;
}

/// The filters of all channels side by side.
static FailureOr<Tensor> winogradFilter(WinogradFilterOp op,
                                        const Arguments &arguments) {
  const Tensor &operand = arguments[0];
  auto shape = arguments.getShape(op.getResult());
  if (failed(shape))
    return failure();
  Tensor result(operand.getElementType(), *shape);
  winograd::transformFilters(
      reinterpret_cast<const float *>(operand.getData()),
      {operand.getDimSize(0), operand.getDimSize(1),
       operand.getDimSize(2) * operand.getDimSize(3),
       static_cast<int64_t>(op.getStride())},
      reinterpret_cast<float *>(result.getMutableData()));
  return result;
}

static FailureOr<Tensor> roundBalancedTo(RoundBalancedOp op,
                                         const Arguments &arguments) {
  const Tensor &operand = arguments[0];
  ArrayRef<int64_t> shape = operand.getShape();
  SmallVector<StridedDim> channels, summed;
  for (auto [i, stride] : llvm::enumerate(getStrides(shape)))
    (llvm::is_contained(op.getAxes(), static_cast<int64_t>(i)) ? summed
                                                               : channels)
        .push_back({shape[i], stride});
  Tensor result(BFloat16Type::get(op.getContext()), shape);
  roundBalanced(operand.getData(),
                reinterpret_cast<uint16_t *>(result.getMutableData()), channels,
                summed);
  return result;
}

void mlir::dl::reference::addMovementRules(RuleTable &table) {
  table.add(reshape);
  table.add(transpose);
  table.add(slice);
  table.add(pad);
  table.add(concat);
  table.add(pack);
  table.add(winogradFilter);
  table.add(roundBalancedTo);
}
