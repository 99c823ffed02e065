// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/ops/Elementwise.h"
#include "ir/ops/Inference.h"

using namespace mlir;
using namespace mlir::dl;

#define GET_OP_CLASSES
#include "ir/dialect/ElementwiseOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Unary
//===----------------------------------------------------------------------===//

LogicalResult mlir::dl::inferUnary(const Reporter &report, ValueRange operands,
                                   SmallVectorImpl<Type> &types) {
  if (failed(checkDimsKnown(report, operands)))
    return failure();
  types.push_back(operands[0].getType());
  return success();
}

LogicalResult mlir::dl::inferTest(const Reporter &report, ValueRange operands,
                                  SmallVectorImpl<Type> &types) {
  if (failed(inferUnary(report, operands, types)))
    return failure();
  auto type = cast<RankedTensorType>(types[0]);
  types[0] = withElementType(type, IntegerType::get(type.getContext(), 1));
  return success();
}

LogicalResult CastOp::verify() {
  Reporter report(*this);
  auto from = getKnownDims(report, getOperand());
  auto to = getKnownDims(report, getResult());
  if (failed(from) || failed(to))
    return failure();
  if (from->size() != to->size() ||
      llvm::any_of(llvm::zip(*from, *to), [](auto dims) {
        return contradict(std::get<0>(dims), std::get<1>(dims));
      }))
    return report.fail("(C1) expected the operand's shape, ",
                       typeOf(getOperand()), ", found ", typeOf(getResult()));
  return success();
}

//===----------------------------------------------------------------------===//
// Binary and ternary
//===----------------------------------------------------------------------===//

/// (C1) of `a` and `b`, (C2) of all operands.
static LogicalResult inferBroadcast(const Reporter &report, Value a, Value b,
                                    ValueRange operands,
                                    SmallVectorImpl<Type> &types) {
  Type element = typeOf(a).getElementType(), other = typeOf(b).getElementType();
  if (element != other)
    return report.fail("(C1) expected one element type, found ", element,
                       " and ", other);
  SmallVector<SmallVector<AffineExpr>> shapes;
  for (Value operand : operands) {
    auto dims = getKnownDims(report, operand);
    if (failed(dims))
      return failure();
    shapes.push_back(*dims);
  }
  auto dims = broadcastDims(shapes);
  if (failed(dims))
    return report.fail("(C2) expected shapes that broadcast, found ",
                       operands.getTypes());
  types.push_back(getTensorType(*dims, element));
  return success();
}

LogicalResult mlir::dl::inferBinary(const Reporter &report, ValueRange operands,
                                    SmallVectorImpl<Type> &types) {
  return inferBroadcast(report, operands[0], operands[1], operands, types);
}

LogicalResult mlir::dl::inferCompare(const Reporter &report,
                                     ValueRange operands,
                                     SmallVectorImpl<Type> &types) {
  if (failed(inferBinary(report, operands, types)))
    return failure();
  auto type = cast<RankedTensorType>(types[0]);
  types[0] = withElementType(type, IntegerType::get(type.getContext(), 1));
  return success();
}

LogicalResult SelectOp::inferReturnTypes(MLIRContext *,
                                         std::optional<Location> location,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  return inferBroadcast({location, getOperationName()}, adaptor.getOnTrue(),
                        adaptor.getOnFalse(), adaptor.getOperands(), types);
}
