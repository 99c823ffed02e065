// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/ops/Scalars.h"
#include "ir/reference/Rules.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::reference;

/// An index that may count from the end; nothing where it is out of range.
static std::optional<int64_t> normalize(int64_t index, int64_t size) {
  if (index < 0)
    index += size;
  if (index < 0 || index >= size)
    return std::nullopt;
  return index;
}

/// As `normalize`; an index out of range gives an element that the program
/// leaves unspecified: here the nearest one.
static FailureOr<int64_t> clampIndex(Operation *op, int64_t index,
                                     int64_t size) {
  if (size == 0)
    return op->emitOpError("cannot choose from a dimension of size 0");
  return std::clamp<int64_t>(index < 0 ? index + size : index, 0, size - 1);
}

static FailureOr<Tensor> gather(GatherOp op, const Arguments &arguments) {
  const Tensor &operand = arguments[0];
  AxisView view(operand.getShape(), op.getAxis());
  std::vector<int64_t> indices = arguments[1].load<int64_t>();
  for (int64_t &index : indices) {
    auto clamped = clampIndex(op, index, view.size);
    if (failed(clamped))
      return failure();
    index = *clamped;
  }
  Shape shape(operand.getShape());
  shape.erase(shape.begin() + op.getAxis());
  shape.insert(shape.begin() + op.getAxis(), arguments[1].getShape().begin(),
               arguments[1].getShape().end());
  Tensor result(operand.getElementType(), shape);
  char *to = result.getMutableData();
  int64_t bytes = view.inner * operand.getElementBytes();
  for (int64_t i = 0; i < view.outer; ++i)
    for (int64_t index : indices) {
      std::memcpy(to, operand.getData() + (i * view.size + index) * bytes,
                  bytes);
      to += bytes;
    }
  return result;
}

static FailureOr<Tensor> gatherElements(GatherElementsOp op,
                                        const Arguments &arguments) {
  const Tensor &operand = arguments[0];
  int64_t axis = op.getAxis();
  std::vector<int64_t> indices = arguments[1].load<int64_t>();
  for (auto [i, size] : llvm::enumerate(arguments[1].getShape()))
    if (static_cast<int64_t>(i) != axis && size > operand.getDimSize(i))
      return op.emitOpError("indices are larger than the operand in dimension ")
             << i << ": found " << size << " and " << operand.getDimSize(i);
  for (int64_t &index : indices) {
    auto clamped = clampIndex(op, index, operand.getDimSize(axis));
    if (failed(clamped))
      return failure();
    index = *clamped;
  }
  SmallVector<int64_t> strides = getStrides(operand.getShape());
  size_t next = 0;
  return pick(operand, arguments[1].getShape(), [&](ArrayRef<int64_t> index) {
    int64_t position = indices[next++] * strides[axis];
    for (auto [i, at] : llvm::enumerate(index))
      if (static_cast<int64_t>(i) != axis)
        position += at * strides[i];
    return position;
  });
}

static FailureOr<Tensor> gatherNd(GatherNdOp op, const Arguments &arguments) {
  const Tensor &operand = arguments[0], &indices = arguments[1];
  int64_t batch = op.getBatchDims(), depth = indices.getShape().back();
  for (int64_t i = 0; i < batch; ++i)
    if (operand.getDimSize(i) != indices.getDimSize(i))
      return op.emitOpError("batch dimensions differ: found ")
             << operand.getDimSize(i) << " and " << indices.getDimSize(i);
  std::vector<int64_t> tuples = indices.load<int64_t>();
  ArrayRef<int64_t> outer = indices.getShape().drop_back(),
                    inner = operand.getShape().drop_front(batch + depth);
  Shape shape(outer);
  llvm::append_range(shape, inner);
  Tensor result(operand.getElementType(), shape);
  SmallVector<int64_t> strides = getStrides(operand.getShape());
  int64_t bytes = getNumElements(inner) * operand.getElementBytes();
  char *to = result.getMutableData();
  const int64_t *tuple = tuples.data();
  bool valid = true;
  forEachIndex(outer, [&](ArrayRef<int64_t> index) {
    int64_t position = 0;
    for (int64_t i = 0; i < batch; ++i)
      position += index[i] * strides[i];
    for (int64_t i = 0; i < depth && valid; ++i) {
      auto at = clampIndex(op, tuple[i], operand.getDimSize(batch + i));
      valid = succeeded(at);
      position += valid ? *at * strides[batch + i] : 0;
    }
    if (valid)
      std::memcpy(to, operand.getData() + position * operand.getElementBytes(),
                  bytes);
    to += bytes;
    tuple += depth;
  });
  if (!valid)
    return failure();
  return result;
}

//===----------------------------------------------------------------------===//
// Scatter
//===----------------------------------------------------------------------===//

template <typename T> static T combine(ScatterKind kind, T old, T update) {
  switch (kind) {
  case ScatterKind::Set:
    return update;
  case ScatterKind::Add:
    return add(old, update);
  case ScatterKind::Mul:
    return multiply(old, update);
  case ScatterKind::Max:
    return old > update || old != old ? old : update;
  case ScatterKind::Min:
    return old < update || old != old ? old : update;
  }
  return update;
}

/// A copy of the operand in which update i is combined into element
/// positions[i]; negative positions are left out.
template <typename T>
static Tensor scatterAs(ScatterKind kind, const Tensor &operand,
                        const Tensor &updates, ArrayRef<int64_t> positions) {
  std::vector<T> elements = operand.load<T>(), changes = updates.load<T>();
  for (auto [position, change] : llvm::zip(positions, changes))
    if (position >= 0)
      elements[position] = combine(kind, elements[position], change);
  return Tensor::store<T>(operand.getElementType(), operand.getShape(),
                          elements);
}

/// The same of elements that are only moved.
static Tensor scatterBytes(const Tensor &operand, const Tensor &updates,
                           ArrayRef<int64_t> positions) {
  Tensor result(operand.getElementType(), operand.getShape());
  int64_t bytes = operand.getElementBytes();
  if (operand.getNumElements())
    std::memcpy(result.getMutableData(), operand.getData(),
                operand.getNumElements() * bytes);
  const char *from = updates.getData();
  for (int64_t position : positions) {
    if (position >= 0)
      std::memcpy(result.getMutableData() + position * bytes, from, bytes);
    from += bytes;
  }
  return result;
}

static Tensor scatter(ScatterKind kind, const Tensor &operand,
                      const Tensor &updates, ArrayRef<int64_t> positions) {
  if (kind == ScatterKind::Set)
    return scatterBytes(operand, updates, positions);
  if (operand.isFloat())
    return scatterAs<double>(kind, operand, updates, positions);
  return scatterAs<int64_t>(kind, operand, updates, positions);
}

static FailureOr<Tensor> scatterElements(ScatterElementsOp op,
                                         const Arguments &arguments) {
  const Tensor &operand = arguments[0];
  if (arguments[1].getShape() != arguments[2].getShape())
    return op.emitOpError("expected indices and updates of one shape");
  int64_t axis = op.getAxis();
  std::vector<int64_t> indices = arguments[1].load<int64_t>(), positions;
  SmallVector<int64_t> strides = getStrides(operand.getShape());
  forEachIndex(arguments[1].getShape(), [&](ArrayRef<int64_t> index) {
    int64_t position = 0;
    bool isInside = true;
    for (auto [i, at] : llvm::enumerate(index)) {
      auto normal = normalize(
          static_cast<int64_t>(i) == axis ? indices[positions.size()] : at,
          operand.getDimSize(i));
      isInside = isInside && normal;
      position += isInside ? *normal * strides[i] : 0;
    }
    positions.push_back(isInside ? position : -1);
  });
  return scatter(op.getKind(), operand, arguments[2], positions);
}

static FailureOr<Tensor> scatterNd(ScatterNdOp op, const Arguments &arguments) {
  const Tensor &operand = arguments[0];
  std::vector<int64_t> tuples = arguments[1].load<int64_t>(), positions;
  int64_t depth = arguments[1].getShape().back();
  ArrayRef<int64_t> outer = arguments[1].getShape().drop_back();
  ArrayRef<int64_t> inner = operand.getShape().drop_front(depth);
  Shape expected(outer);
  llvm::append_range(expected, inner);
  if (arguments[2].getShape() != ArrayRef(expected))
    return op.emitOpError("expected updates for each index");
  SmallVector<int64_t> strides = getStrides(operand.getShape());
  int64_t count = getNumElements(inner);
  for (int64_t t = 0, e = getNumElements(outer); t < e; ++t) {
    int64_t first = 0;
    for (int64_t i = 0; i < depth && first >= 0; ++i) {
      auto at = normalize(tuples[t * depth + i], operand.getDimSize(i));
      first = at ? first + *at * strides[i] : -1;
    }
    for (int64_t i = 0; i < count; ++i)
      positions.push_back(first < 0 ? -1 : first + i);
  }
  return scatter(op.getKind(), operand, arguments[2], positions);
}

void mlir::dl::reference::addIndexingRules(RuleTable &table) {
  table.add(gather);
  table.add(gatherElements);
  table.add(gatherNd);
  table.add(scatterElements);
  table.add(scatterNd);
}
