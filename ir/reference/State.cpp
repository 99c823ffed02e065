// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/StateOps.h"
#include "ir/reference/Rules.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::reference;

static FailureOr<Tensor> insert(InsertOp op, const Arguments &arguments) {
  const Tensor &whole = arguments[0], &rows = arguments[1];
  auto offset = arguments.getValues(op, op.getOffset());
  if (failed(offset))
    return failure();
  int64_t axis = op.getAxis(), first = offset->front(),
          count = rows.getDimSize(axis), limit = whole.getDimSize(axis);
  if (first < 0 || first + count > limit)
    return op.emitOpError("rows ")
           << first << " to " << first + count << " are outside of dimension "
           << axis << " of size " << limit;
  Tensor result(whole.getElementType(), Shape(whole.getShape()));
  AxisView to(whole.getShape(), axis), from(rows.getShape(), axis);
  int64_t row = to.inner * whole.getElementBytes();
  char *data = result.getMutableData();
  std::memcpy(data, whole.getData(), to.outer * limit * row);
  for (int64_t i = 0; i < to.outer; ++i)
    std::memcpy(data + (i * limit + first) * row,
                rows.getData() + i * count * row, count * row);
  return result;
}

void mlir::dl::reference::addStateRules(RuleTable &table) { table.add(insert); }
