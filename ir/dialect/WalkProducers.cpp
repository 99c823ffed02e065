// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/WalkProducers.h"

#include "mlir/IR/Operation.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

WalkResult
mlir::dl::walkProducers(Value value,
                        llvm::function_ref<WalkResult(Value)> visit) {
  llvm::SmallSetVector<Value, 16> reached;
  reached.insert(value);
  for (size_t i = 0; i < reached.size(); ++i) {
    WalkResult result = visit(reached[i]);
    if (result.wasInterrupted())
      return result;
    if (Operation *op = reached[i].getDefiningOp(); op && !result.wasSkipped())
      reached.insert_range(op->getOperands());
  }
  return WalkResult::advance();
}
