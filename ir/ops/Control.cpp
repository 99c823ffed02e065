// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/ops/Sequence.h"

using namespace mlir;
using namespace mlir::dl;

#define GET_OP_CLASSES
#include "ir/dialect/ControlOps.cpp.inc"

static LogicalResult checkKnown(const Reporter &report, ValueRange values) {
  for (Value value : values)
    if (isa<RankedTensorType>(value.getType()) &&
        failed(checkDimsKnown(report, value)))
      return failure();
  return success();
}

static bool areAssignable(TypeRange from, TypeRange to) {
  return from.size() == to.size() &&
         llvm::all_of(llvm::zip(from, to), [](auto types) {
           return isAssignable(std::get<0>(types), std::get<1>(types));
         });
}

LogicalResult IfOp::verify() {
  Reporter report(*this);
  if (failed(checkKnown(report, getResults())))
    return failure();
  for (Region *region : getRegions()) {
    TypeRange yielded = region->front().getTerminator()->getOperandTypes();
    if (region->front().getNumArguments() ||
        !areAssignable(yielded, getResultTypes()))
      return report.fail("(C1) expected regions that yield ", getResultTypes(),
                         ", found ", yielded);
  }
  return checkBoundSymbols(report, "(C2)", getSymbols(), getResultTypes());
}

LogicalResult LoopOp::verify() {
  Reporter report(*this);
  Block &body = getBody().front();
  if (failed(checkKnown(report, getResults())) ||
      failed(checkKnown(report, getStates())) ||
      failed(checkKnown(report, body.getArguments())))
    return failure();
  SmallVector<Type> taken{getLimit().getType()};
  llvm::append_range(taken, getStates().getTypes());
  SmallVector<Type> yielded{getCondition().getType()};
  llvm::append_range(yielded, getResultTypes());
  TypeRange found = body.getTerminator()->getOperandTypes();
  if (!areAssignable(taken, body.getArgumentTypes()) ||
      !areAssignable(found, yielded) ||
      !areAssignable(TypeRange(found).drop_front(),
                     TypeRange(body.getArgumentTypes()).drop_front()) ||
      !areAssignable(getStates().getTypes(), getResultTypes()))
    return report.fail("(C1) expected a body from ", TypeRange(taken), " to ",
                       TypeRange(yielded), ", found one from ",
                       body.getArgumentTypes(), " to ", found);
  if (failed(checkBoundSymbols(report, "(C2)", getSymbols(), getResultTypes())))
    return failure();
  return checkBoundSymbols(report, "(C3)", getBodySymbols(),
                           body.getArgumentTypes());
}
