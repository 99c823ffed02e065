// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Types of elementwise operations.

#include "ir/ops/Inference.h"

using namespace mlir;
using namespace mlir::dl;

#define GET_OP_CLASSES
#include "ir/dialect/ElementwiseOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Unary
//===----------------------------------------------------------------------===//

#define DL_UNARY(OP)                                                           \
  LogicalResult OP::inferReturnTypes(                                          \
      MLIRContext *, std::optional<Location> location, Adaptor adaptor,        \
      SmallVectorImpl<Type> &types) {                                          \
    types.push_back(adaptor.getOperand().getType());                           \
    return success();                                                          \
  }
DL_UNARY(AbsOp)
DL_UNARY(NegOp)
DL_UNARY(CeilOp)
DL_UNARY(FloorOp)
DL_UNARY(RoundOp)
DL_UNARY(SqrtOp)
DL_UNARY(RsqrtOp)
DL_UNARY(ReciprocalOp)
DL_UNARY(ExpOp)
DL_UNARY(LogOp)
DL_UNARY(SinOp)
DL_UNARY(CosOp)
DL_UNARY(TanOp)
DL_UNARY(AsinOp)
DL_UNARY(AcosOp)
DL_UNARY(AtanOp)
DL_UNARY(SinhOp)
DL_UNARY(CoshOp)
DL_UNARY(AsinhOp)
DL_UNARY(AcoshOp)
DL_UNARY(AtanhOp)
DL_UNARY(ErfOp)
DL_UNARY(TanhOp)
DL_UNARY(SigmoidOp)
DL_UNARY(SignOp)
DL_UNARY(NotOp)
#undef DL_UNARY

#define DL_TEST(OP)                                                            \
  LogicalResult OP::inferReturnTypes(                                          \
      MLIRContext *context, std::optional<Location> location, Adaptor adaptor, \
      SmallVectorImpl<Type> &types) {                                          \
    types.push_back(withElementType(                                           \
        cast<RankedTensorType>(adaptor.getOperand().getType()),                \
        IntegerType::get(context, 1)));                                        \
    return success();                                                          \
  }
DL_TEST(IsNanOp)
DL_TEST(IsInfOp)
#undef DL_TEST

LogicalResult CastOp::verify() {
  auto from = getOperand().getType(), to = getResult().getType();
  if (failed(verifyCompatibleShape(from, to)))
    return emitOpError("result shape differs from the operand's: found ")
           << to << ", expected the shape of " << from;
  return success();
}

//===----------------------------------------------------------------------===//
// Binary and ternary
//===----------------------------------------------------------------------===//

static LogicalResult inferBroadcast(std::optional<Location> location,
                                    ValueRange operands, Type elementType,
                                    SmallVectorImpl<Type> &types) {
  SmallVector<SmallVector<AffineExpr>> shapes;
  for (Value operand : operands)
    shapes.push_back(getDims(cast<RankedTensorType>(operand.getType())));
  auto dims = broadcastDims(shapes);
  if (failed(dims)) {
    SmallVector<Type> found(operands.getTypes());
    return emitOptionalError(location, "operands do not broadcast: found ",
                             found.front(), " and ", found.back());
  }
  types.push_back(getTensorType(*dims, elementType));
  return success();
}

static LogicalResult inferBinary(std::optional<Location> location, Value lhs,
                                 Value rhs, SmallVectorImpl<Type> &types) {
  Type a = getElementTypeOrSelf(lhs.getType());
  Type b = getElementTypeOrSelf(rhs.getType());
  if (a != b)
    return emitOptionalError(
        location, "operands differ in element type: found ", a, " and ", b);
  return inferBroadcast(location, {lhs, rhs}, a, types);
}

#define DL_BINARY(OP)                                                          \
  LogicalResult OP::inferReturnTypes(                                          \
      MLIRContext *, std::optional<Location> location, Adaptor adaptor,        \
      SmallVectorImpl<Type> &types) {                                          \
    return inferBinary(location, adaptor.getLhs(), adaptor.getRhs(), types);   \
  }
DL_BINARY(AddOp)
DL_BINARY(SubOp)
DL_BINARY(MulOp)
DL_BINARY(DivOp)
DL_BINARY(ModOp)
DL_BINARY(PowOp)
DL_BINARY(MaxOp)
DL_BINARY(MinOp)
DL_BINARY(AndOp)
DL_BINARY(OrOp)
DL_BINARY(XorOp)
DL_BINARY(ShlOp)
DL_BINARY(ShrOp)
#undef DL_BINARY

LogicalResult CompareOp::inferReturnTypes(MLIRContext *context,
                                          std::optional<Location> location,
                                          Adaptor adaptor,
                                          SmallVectorImpl<Type> &types) {
  if (failed(inferBinary(location, adaptor.getLhs(), adaptor.getRhs(), types)))
    return failure();
  types[0] = withElementType(cast<RankedTensorType>(types[0]),
                             IntegerType::get(context, 1));
  return success();
}

LogicalResult SelectOp::inferReturnTypes(MLIRContext *context,
                                         std::optional<Location> location,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  Type condition = getElementTypeOrSelf(adaptor.getCondition().getType());
  Type a = getElementTypeOrSelf(adaptor.getOnTrue().getType());
  Type b = getElementTypeOrSelf(adaptor.getOnFalse().getType());
  if (!condition.isInteger(1))
    return emitOptionalError(location, "condition is not bool: found ",
                             condition);
  if (a != b)
    return emitOptionalError(location, "choices differ in element type: found ",
                             a, " and ", b);
  return inferBroadcast(location, adaptor.getOperands(), a, types);
}
