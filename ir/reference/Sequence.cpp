// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Sequences, optionals, and control flow that the running program decides.

#include "ir/dialect/Dims.h"
#include "ir/reference/Rules.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::reference;

//===----------------------------------------------------------------------===//
// Sequences
//===----------------------------------------------------------------------===//

static std::vector<Tensor> copyElements(const Tensor &sequence) {
  return sequence.getElements().vec();
}

/// A position that may count from the end, below `limit`.
static FailureOr<int64_t> getPosition(Operation *op, const Tensor &given,
                                      int64_t size, int64_t limit) {
  int64_t position = given.load<int64_t>().front();
  if (position < -size || position >= limit)
    return op->emitOpError("position ")
           << position << " is out of range for a sequence of " << size;
  return position < 0 ? position + size : position;
}

static FailureOr<Tensor> create(SequenceCreateOp, const Arguments &arguments) {
  return Tensor::sequence(arguments.operands.vec());
}

static FailureOr<Tensor> insert(SequenceInsertOp op,
                                const Arguments &arguments) {
  std::vector<Tensor> elements = copyElements(arguments[0]);
  auto size = static_cast<int64_t>(elements.size());
  FailureOr<int64_t> position = size;
  if (op.getPosition())
    position = getPosition(op, arguments[2], size, size + 1);
  if (failed(position))
    return failure();
  elements.insert(elements.begin() + *position, arguments[1]);
  return Tensor::sequence(std::move(elements));
}

static FailureOr<Tensor> erase(SequenceEraseOp op, const Arguments &arguments) {
  std::vector<Tensor> elements = copyElements(arguments[0]);
  auto size = static_cast<int64_t>(elements.size());
  auto position = getPosition(op, arguments[1], size, size);
  if (failed(position))
    return failure();
  elements.erase(elements.begin() + *position);
  return Tensor::sequence(std::move(elements));
}

static FailureOr<Tensor> length(SequenceLengthOp op,
                                const Arguments &arguments) {
  auto size = static_cast<int64_t>(arguments[0].getElements().size());
  return Tensor::store<int64_t>(op.getType().getElementType(), {}, {size});
}

static FailureOr<Tensor> at(SequenceAtOp op, const Arguments &arguments) {
  ArrayRef<Tensor> elements = arguments[0].getElements();
  auto size = static_cast<int64_t>(elements.size());
  auto position = getPosition(op, arguments[1], size, size);
  return failed(position) ? FailureOr<Tensor>(failure()) : elements[*position];
}

/// Copies a slice along an axis, elements [begin, begin + size) of the larger
/// tensor, to or from it.
static void copySlice(Tensor &slice, const Tensor &whole, char *into,
                      int64_t axis, int64_t begin) {
  AxisView large(whole.getShape(), axis);
  int64_t size = slice.getDimSize(axis);
  int64_t inner = large.inner * whole.getElementBytes();
  for (int64_t i = 0; i < large.outer; ++i) {
    int64_t place = (i * large.size + begin) * inner;
    if (into)
      std::memcpy(into + place, slice.getData() + i * size * inner,
                  size * inner);
    else
      std::memcpy(slice.getMutableData() + i * size * inner,
                  whole.getData() + place, size * inner);
  }
}

static FailureOr<Tensor> concat(SequenceConcatOp op,
                                const Arguments &arguments) {
  auto type = cast<RankedTensorType>(op.getType());
  auto axis = static_cast<int64_t>(op.getAxis());
  std::vector<Tensor> slices = copyElements(arguments[0]);
  Shape shape;
  for (Tensor &slice : slices) {
    Shape own(slice.getShape());
    if (op.getStack())
      own.insert(own.begin() + std::min<int64_t>(axis, own.size()), 1);
    slice = slice.reshaped(own);
    if (shape.empty()) {
      shape = own;
      shape[axis] = 0;
    }
    int64_t size = own[axis];
    own[axis] = shape[axis];
    if (own != shape)
      return op.emitOpError("elements differ in their sizes");
    shape[axis] += size;
  }
  if (slices.empty())
    for (auto [i, dim] : llvm::enumerate(getDims(type))) {
      auto symbol = dyn_cast<AffineSymbolExpr>(dim);
      bool isBound =
          symbol && llvm::is_contained(op.getSymbols(), symbol.getPosition());
      auto size = isBound || static_cast<int64_t>(i) == axis
                      ? std::optional<int64_t>(0)
                      : evaluate(dim, arguments.symbols);
      if (!size)
        return op.emitOpError("has a result whose shape is not known");
      shape.push_back(*size);
    }
  Tensor result(type.getElementType(), shape);
  int64_t begin = 0;
  for (Tensor &slice : slices) {
    copySlice(slice, result, result.getMutableData(), axis, begin);
    begin += slice.getDimSize(axis);
  }
  return result;
}

static FailureOr<Tensor> split(SequenceSplitOp op, const Arguments &arguments) {
  const Tensor &whole = arguments[0];
  auto axis = static_cast<int64_t>(op.getAxis());
  int64_t left = whole.getDimSize(axis);
  std::vector<int64_t> sizes = arguments[1].load<int64_t>();
  if (arguments[1].getRank() == 0) {
    int64_t size = sizes.front();
    if (size <= 0)
      return op.emitOpError("slices have the size ") << size;
    sizes.assign(left / size, size);
    if (left % size)
      sizes.push_back(left % size);
  }
  std::vector<Tensor> slices;
  int64_t begin = 0;
  for (int64_t size : sizes) {
    if (size < 0 || size > left)
      return op.emitOpError("a slice has the size ")
             << size << ", of " << left << " that are left";
    Shape shape(whole.getShape());
    shape[axis] = size;
    slices.emplace_back(whole.getElementType(), shape);
    copySlice(slices.back(), whole, nullptr, axis, begin);
    begin += size;
    left -= size;
    if (!op.getSqueeze())
      continue;
    if (size != 1)
      return op.emitOpError("a slice has the size ") << size << ", expected 1";
    shape.erase(shape.begin() + axis);
    slices.back() = slices.back().reshaped(shape);
  }
  if (left)
    return op.emitOpError("the slices leave ") << left << " elements";
  return Tensor::sequence(std::move(slices));
}

//===----------------------------------------------------------------------===//
// Optionals
//===----------------------------------------------------------------------===//

static FailureOr<Tensor> createOptional(OptionalCreateOp,
                                        const Arguments &arguments) {
  return arguments.size() ? arguments[0] : Tensor();
}

static FailureOr<Tensor> has(OptionalHasOp op, const Arguments &arguments) {
  return Tensor::store<int64_t>(op.getType().getElementType(), {},
                                {arguments[0].isNone() ? 0 : 1});
}

static FailureOr<Tensor> getHeld(OptionalGetOp op, const Arguments &arguments) {
  if (arguments[0].isNone())
    return op.emitOpError("the optional has no value");
  return arguments[0];
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

static FailureOr<Tensors> branch(IfOp op, const Arguments &arguments) {
  bool holds = arguments[0].load<int64_t>().front() != 0;
  Region &taken = holds ? op.getOnTrue() : op.getOnFalse();
  return arguments.runBlock(taken.front(), {});
}

static FailureOr<Tensors> loop(LoopOp op, const Arguments &arguments) {
  int64_t limit = arguments[0].load<int64_t>().front();
  bool holds = arguments[1].load<int64_t>().front() != 0;
  Tensors states(arguments.operands.drop_front(2));
  for (int64_t i = 0; i < limit && holds; ++i) {
    Tensors given{Tensor::store<int64_t>(
        getElementTypeOrSelf(op.getLimit().getType()), {}, {i})};
    given.append(states);
    auto yielded = arguments.runBlock(op.getBody().front(), given);
    if (failed(yielded))
      return failure();
    holds = yielded->front().load<int64_t>().front() != 0;
    states.assign(yielded->begin() + 1, yielded->end());
  }
  return states;
}

void mlir::dl::reference::addSequenceRules(RuleTable &table) {
  table.add(create);
  table.add(insert);
  table.add(erase);
  table.add(length);
  table.add(at);
  table.add(concat);
  table.add(split);
  table.add(createOptional);
  table.add(has);
  table.add(getHeld);
  table.addMany(branch);
  table.addMany(loop);
}
