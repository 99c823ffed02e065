// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Values that are known when a module is written.

#ifndef DL_PASSES_CONSTANTS_H
#define DL_PASSES_CONSTANTS_H

#include "ir/dialect/Dialect.h"

namespace mlir::dl {

/// Whether an op rounds elements to a narrower type of floats, f32 to bf16 or
/// f16.
inline bool isRounding(Operation *op) {
  if (isa_and_nonnull<RoundBalancedOp>(op))
    return true;
  auto cast = dyn_cast_or_null<CastOp>(op);
  if (!cast || !getElementTypeOrSelf(cast.getOperand()).isF32())
    return false;
  Type to = getElementTypeOrSelf(cast.getType());
  return to.isBF16() || to.isF16();
}

/// Whether a value is a constant, or one that is only reshaped, transposed and
/// rounded: that is done to its elements on the way into the module's file.
/// Reshaped to dimensions that only a run proves to fit, it is a value of the
/// run.
inline bool isStoredConstant(Value value) {
  auto isStatic = [](Value v) {
    auto type = dyn_cast<ShapedType>(v.getType());
    return type && type.hasStaticShape();
  };
  Operation *op = value.getDefiningOp();
  while (isStatic(value) &&
         (isa_and_nonnull<ReshapeOp, TransposeOp>(op) || isRounding(op))) {
    value = op->getOperand(0);
    op = value.getDefiningOp();
  }
  return isa_and_nonnull<ConstantOp>(op);
}

} // namespace mlir::dl

#endif // DL_PASSES_CONSTANTS_H
