// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Elementwise ops: one linalg.generic each, all loops parallel.

#include "passes/lower/KernelBuilder.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::lower;

static Value lowerIota(KernelBuilder &kernel, IotaOp op) {
  auto type = cast<RankedTensorType>(op.getType());
  Type element = KernelBuilder::getKernelType(type).getElementType();
  return kernel.createMap(
      op.getLoc(), getDims(type), {}, {}, kernel.getDestination(op.getResult()),
      [&](OpBuilder &builder, Location loc, ValueRange,
          ValueRange) -> SmallVector<Value> {
        Value i = linalg::IndexOp::create(builder, loc, op.getAxis());
        Type i64 = builder.getI64Type();
        bool isFloat = isa<FloatType>(element);
        Value value = arith::IndexCastOp::create(builder, loc,
                                                 isFloat ? i64 : element, i);
        if (isFloat)
          value = arith::SIToFPOp::create(builder, loc, element, value);
        return {value};
      });
}

RuleResult mlir::dl::lower::lowerElementwise(KernelBuilder &kernel,
                                             Operation *op) {
  auto fusion = dyn_cast<FusionInterface>(op);
  if (!fusion || fusion.getFusionKind() != FusionKind::Elementwise)
    return false;
  if (auto iota = dyn_cast<IotaOp>(op)) {
    kernel.setTensor(iota.getResult(), lowerIota(kernel, iota));
    return true;
  }
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  SmallVector<View> operands;
  SmallVector<AffineMap> maps;
  for (Value operand : op->getOperands()) {
    operands.push_back(kernel.getView(operand));
    maps.push_back(KernelBuilder::getBroadcastMap(
        cast<RankedTensorType>(operand.getType()), type));
  }
  bool hasRule = true;
  Value result =
      kernel.createMap(op->getLoc(), getDims(type), operands, maps,
                       kernel.getDestination(op->getResult(0)),
                       [&](OpBuilder &builder, Location loc, ValueRange values,
                           ValueRange accumulators) -> SmallVector<Value> {
                         Value value = createScalar(builder, loc, op, values);
                         hasRule &= value != nullptr;
                         return {value ? value : accumulators.front()};
                       });
  if (!hasRule)
    return op->emitOpError("has no scalar form");
  kernel.setTensor(op->getResult(0), result);
  return true;
}
