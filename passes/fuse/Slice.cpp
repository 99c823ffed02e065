// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/fuse/Slice.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::fuse;

static int64_t getCost(Operation *op) {
  if (isCheapMovement(op))
    return 0;
  if (isa<DivOp, SqrtOp, ReciprocalOp>(op))
    return 6;
  return isExpensive(op) ? 30 : 1;
}

std::optional<Slice> mlir::dl::fuse::getElementwiseSlice(OpResult result) {
  auto fused = cast<FusedOp>(result.getOwner());
  Operation *first =
      getYield(fused).getOperand(result.getResultNumber()).getDefiningOp();
  if (!first || first->getParentOp() != fused)
    return std::nullopt;
  DenseMap<Value, Value> kept; // what is yielded, to the result that it is
  for (auto [yielded, other] :
       llvm::zip(getYield(fused).getOperands(), fused.getResults()))
    kept.try_emplace(yielded, other);
  Slice slice;
  llvm::SetVector<Operation *> reached;
  reached.insert(first);
  for (size_t i = 0; i < reached.size(); ++i) {
    Operation *op = reached[i];
    if ((getKind(op) != FusionKind::Elementwise && !isCheapMovement(op)) ||
        op->getNumResults() != 1 || op->getNumRegions() ||
        !haveEqualDims(op->getResult(0).getType(), result.getType()))
      return std::nullopt;
    slice.ops.push_back(op);
    slice.cost += getCost(op);
    for (Value operand : op->getOperands()) {
      Operation *producer = operand.getDefiningOp();
      if (!producer || producer->getParentOp() != fused)
        slice.inputs.insert(operand);
      else if (Value other = kept.lookup(operand))
        slice.inputs.insert(other);
      else
        reached.insert(producer);
    }
  }
  return slice;
}
