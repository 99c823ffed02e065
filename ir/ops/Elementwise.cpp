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

/// (C1) of an op that keeps the operand's shape.
static LogicalResult checkSameShape(const Reporter &report, Value operand,
                                    Value result) {
  auto from = getKnownDims(report, operand);
  auto to = getKnownDims(report, result);
  if (failed(from) || failed(to))
    return failure();
  if (from->size() != to->size() ||
      llvm::any_of(llvm::zip(*from, *to), [](auto dims) {
        return contradict(std::get<0>(dims), std::get<1>(dims));
      }))
    return report.fail("(C1) expected the operand's shape, ", typeOf(operand),
                       ", found ", typeOf(result));
  return success();
}

LogicalResult CastOp::verify() {
  Reporter report(*this);
  if (failed(checkSameShape(report, getOperand(), getResult())))
    return failure();
  Type from = typeOf(getOperand()).getElementType(),
       to = typeOf(getResult()).getElementType();
  if (isa<Float8E8M0FNUType>(to) && from != to)
    return report.fail("(C2) nothing is rounded to ", to);
  if (isa<StringType, ComplexType>(from) || isa<StringType, ComplexType>(to))
    return report.fail("(C3) expected numbers, found ", from, " and ", to);
  return success();
}

/// 0 for strings.
static unsigned getNumBits(Type elementType) {
  if (auto complex = dyn_cast<ComplexType>(elementType))
    return 2 * complex.getElementType().getIntOrFloatBitWidth();
  return elementType.isIntOrFloat() ? elementType.getIntOrFloatBitWidth() : 0;
}

LogicalResult BitcastOp::verify() {
  Reporter report(*this);
  if (failed(checkSameShape(report, getOperand(), getResult())))
    return failure();
  Type from = typeOf(getOperand()).getElementType(),
       to = typeOf(getResult()).getElementType();
  if (getNumBits(from) != getNumBits(to) || getNumBits(from) < 2)
    return report.fail("(C2) expected types of as many bits, found ", from,
                       " and ", to);
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

LogicalResult CompareOp::verify() {
  Type type = typeOf(getLhs()).getElementType();
  if (isa<ComplexType>(type))
    return Reporter(*this).fail("(C3) expected no complex numbers, found ",
                                type);
  if (getPredicate() == Predicate::Eq || getPredicate() == Predicate::Ne ||
      !isa<StringType>(type))
    return success();
  return Reporter(*this).fail("(C3) expected eq or ne of strings, found ",
                              stringifyPredicate(getPredicate()));
}

LogicalResult SelectOp::inferReturnTypes(MLIRContext *,
                                         std::optional<Location> location,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  return inferBroadcast({location, getOperationName()}, adaptor.getOnTrue(),
                        adaptor.getOnFalse(), adaptor.getOperands(), types);
}
