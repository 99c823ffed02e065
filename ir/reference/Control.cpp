// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Constants, and ops with regions.

#include "ir/reference/Rules.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::reference;

static FailureOr<Tensor> constant(ConstantOp op, const Arguments &) {
  FailureOr<Tensor> tensor = Tensor::fromAttribute(op.getValue());
  if (failed(tensor))
    return op.emitOpError("has a value that cannot be read: its type is ")
           << op.getValue().getType();
  return tensor;
}

static FailureOr<Tensor> sizes(SizesOp op, const Arguments &arguments) {
  auto values = arguments.getValues(op, op.getValue().getMap());
  if (failed(values))
    return failure();
  RankedTensorType type = op.getResult().getType();
  return Tensor::store<int64_t>(type.getElementType(), type.getShape(),
                                *values);
}

static FailureOr<Tensors> fused(FusedOp op, const Arguments &arguments) {
  return arguments.runBlock(op.getBody().front(), {});
}

/// Element i along dimension 0.
static Tensor getSlice(const Tensor &tensor, int64_t i) {
  Tensor slice(tensor.getElementType(), tensor.getShape().drop_front());
  int64_t bytes = slice.getNumElements() * slice.getElementBytes();
  std::memcpy(slice.getMutableData(), tensor.getData() + i * bytes, bytes);
  return slice;
}

static FailureOr<Tensors> scan(ScanOp op, const Arguments &arguments) {
  size_t numStates = op.getStates().size();
  Tensors results(arguments.operands.take_front(numStates));
  ArrayRef<Tensor> inputs = arguments.operands.drop_front(numStates);
  int64_t steps = inputs[0].getDimSize(0);
  for (const Tensor &input : inputs)
    if (input.getDimSize(0) != steps)
      return op.emitOpError("inputs disagree in dimension 0: found ")
             << steps << " and " << input.getDimSize(0);
  for (Value stacked : op.getResults().drop_front(numStates)) {
    auto shape = arguments.getShape(stacked);
    if (failed(shape))
      return failure();
    if (shape->front() != steps)
      return op.emitOpError("expected ")
             << steps << " stacked slices, found a result of "
             << shape->front();
    results.emplace_back(getElementTypeOrSelf(stacked.getType()), *shape);
  }
  for (int64_t i = 0; i < steps; ++i) {
    int64_t at = op.getReverse() ? steps - 1 - i : i;
    Tensors values(ArrayRef(results).take_front(numStates));
    for (const Tensor &input : inputs)
      values.push_back(getSlice(input, at));
    auto yielded = arguments.runBlock(op.getBody().front(), values);
    if (failed(yielded))
      return failure();
    for (auto [j, value] : llvm::enumerate(*yielded)) {
      if (j < numStates) {
        results[j] = value;
        continue;
      }
      if (value.getShape() != results[j].getShape().drop_front())
        return op.emitOpError("slice ") << i << " has another shape than its "
                                        << "stacked result " << j;
      int64_t bytes = value.getNumElements() * value.getElementBytes();
      std::memcpy(results[j].getMutableData() + at * bytes, value.getData(),
                  bytes);
    }
  }
  return results;
}

void mlir::dl::reference::addControlRules(RuleTable &table) {
  table.add(constant);
  table.add(sizes);
  table.addMany(fused);
  table.addMany(scan);
}
