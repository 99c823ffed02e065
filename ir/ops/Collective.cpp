// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/ops/Inference.h"

using namespace mlir;
using namespace mlir::dl;

#define GET_OP_CLASSES
#include "ir/dialect/CollectiveOps.cpp.inc"

//===----------------------------------------------------------------------===//
// AllReduceOp
//===----------------------------------------------------------------------===//

LogicalResult AllReduceOp::verify() {
  Reporter report(*this);
  if (getInputs().getTypes() != getResultTypes())
    return report.fail("(C1) expected results of the operands' types ",
                       getInputs().getTypes(), ", found ", getResultTypes());
  for (Type type : getInputs().getTypes()) {
    Type first = getInputs().getTypes().front();
    if (getElementTypeOrSelf(type) != getElementTypeOrSelf(first))
      return report.fail("(C2) expected one element type, found ", first,
                         " and ", type);
    if (!cast<RankedTensorType>(type).hasStaticShape())
      return report.fail("(C3) expected static sizes, found ", type);
  }
  return success();
}
