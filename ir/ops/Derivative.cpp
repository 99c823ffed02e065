// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/DerivativeOps.h"
#include "ir/ops/Inference.h"

using namespace mlir;
using namespace mlir::dl;

#define GET_OP_CLASSES
#include "ir/dialect/DerivativeOps.cpp.inc"

//===----------------------------------------------------------------------===//
// WithGradientOp
//===----------------------------------------------------------------------===//

static bool areFloats(TypeRange types) {
  return llvm::all_of(types, [](Type type) {
    return isa<FloatType>(getElementTypeOrSelf(type));
  });
}

LogicalResult WithGradientOp::verify() {
  Reporter report(*this);
  if (getValues().getTypes() != getResultTypes() ||
      !areFloats(getResultTypes()))
    return report.fail("(C1) expected results of the values' types ",
                       getValues().getTypes(), ", floats, found ",
                       getResultTypes());
  Block &body = getBody().front();
  TypeRange yielded = body.getTerminator()->getOperandTypes();
  if (TypeRange(body.getArgumentTypes()) != getResultTypes() ||
      !areFloats(getInputs().getTypes()) ||
      yielded.size() != getInputs().size() ||
      !areCompatible(yielded, getInputs().getTypes()))
    return report.fail("(C2) expected a body from ", getResultTypes(), " to ",
                       getInputs().getTypes(), ", floats, found one from ",
                       body.getArgumentTypes(), " to ", yielded);
  return success();
}
