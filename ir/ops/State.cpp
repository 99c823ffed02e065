// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/dialect/StateOps.h"
#include "ir/ops/Inference.h"

using namespace mlir;
using namespace mlir::dl;

#define GET_OP_CLASSES
#include "ir/dialect/StateOps.cpp.inc"

//===----------------------------------------------------------------------===//
// InsertOp
//===----------------------------------------------------------------------===//

LogicalResult InsertOp::verify() {
  Reporter report(*this);
  if (failed(checkDimsKnown(report, {getOperand(), getRows()})))
    return failure();
  RankedTensorType operand = typeOf(getOperand()), rows = typeOf(getRows());
  if (rows.getElementType() != operand.getElementType() ||
      rows.getRank() != operand.getRank())
    return report.fail("(C1) expected rows of the element type and rank of ",
                       operand, ", found ", rows);
  int64_t axis = getAxis();
  if (failed(checkAxis(report, "(C2)", axis, operand.getRank())))
    return failure();
  for (int64_t i = 0; i < operand.getRank(); ++i)
    if (i != axis && contradict(getDim(rows, i), getDim(operand, i)))
      return report.fail("(C3) expected rows that agree with ", operand,
                         " in dimension ", i, ", found ", rows);
  AffineMap offset = getOffset();
  if (offset.getNumResults() != 1 || offset.getNumDims() != 0)
    return report.fail("(C4) expected one offset over symbols alone, found ",
                       AffineMapAttr::get(offset));
  AffineExpr first = offset.getResult(0), count = getDim(rows, axis),
             zero = getAffineConstantExpr(0, getContext());
  if (provablyLessEqual(first + 1, zero) ||
      provablyLessEqual(getDim(operand, axis) + 1, first + count))
    return report.fail("(C5) expected rows within ", operand, ", found others");
  return success();
}
