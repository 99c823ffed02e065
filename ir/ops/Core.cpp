// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Constants, structure and calls.

#include "ir/ops/Inference.h"

using namespace mlir;
using namespace mlir::dl;

#define GET_OP_CLASSES
#include "ir/dialect/CoreOps.cpp.inc"

LogicalResult SizesOp::verify() {
  auto type = cast<RankedTensorType>(getResult().getType());
  if (type.getRank() > 1 || !type.hasStaticShape())
    return emitOpError("result must be static and of rank 0 or 1");
  if (type.getNumElements() != getValue().getMap().getNumResults())
    return emitOpError("result has ")
           << type.getNumElements() << " elements, expected "
           << getValue().getMap().getNumResults();
  return success();
}

LogicalResult IotaOp::verify() {
  auto type = cast<RankedTensorType>(getResult().getType());
  if ((int64_t)getAxis() >= type.getRank())
    return emitOpError("axis ")
           << getAxis() << " is out of range: the result has rank "
           << type.getRank();
  return success();
}

LogicalResult ScanOp::verify() {
  size_t numStates = getStates().size();
  if (getInputs().empty())
    return emitOpError("at least one input is needed");
  Block &body = getBody().front();
  if (body.getNumArguments() != getNumOperands())
    return emitOpError("body has ")
           << body.getNumArguments() << " arguments, expected "
           << getNumOperands();
  auto yield = cast<YieldOp>(body.getTerminator());
  if (yield.getNumOperands() != getNumResults() || getNumResults() < numStates)
    return emitOpError("body yields ")
           << yield.getNumOperands() << " values, expected " << getNumResults();
  for (auto [i, input] : llvm::enumerate(getInputs()))
    if (cast<RankedTensorType>(input.getType()).getRank() == 0)
      return emitOpError("input ") << i << " has no dimension 0";
  return success();
}

LogicalResult FusedOp::verify() {
  auto yield = cast<YieldOp>(getBody().front().getTerminator());
  if (!areCompatible(yield.getOperandTypes(), getResultTypes()))
    return emitOpError("yields other types than it declares");
  return success();
}

LogicalResult DispatchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (!symbols.lookupNearestSymbolFrom<func::FuncOp>(*this, getKernelAttr()))
    return emitOpError("names no kernel: ") << getKernel();
  return success();
}
