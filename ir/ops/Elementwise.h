// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the elementwise ops' definitions call, one function for each form of op.

#ifndef DL_IR_OPS_ELEMENTWISE_H
#define DL_IR_OPS_ELEMENTWISE_H

#include "ir/ops/Inference.h"

namespace mlir::dl {

/// The operand's type; with element type bool (`inferTest`).
LogicalResult inferUnary(const Reporter &report, ValueRange operands,
                         SmallVectorImpl<Type> &types);
LogicalResult inferTest(const Reporter &report, ValueRange operands,
                        SmallVectorImpl<Type> &types);

/// The type of two operands broadcast; with element type bool (`inferCompare`).
LogicalResult inferBinary(const Reporter &report, ValueRange operands,
                          SmallVectorImpl<Type> &types);
LogicalResult inferCompare(const Reporter &report, ValueRange operands,
                           SmallVectorImpl<Type> &types);

/// Folds an op that has only tensor operands and one result: identities,
/// integer tensors that hold sizes, splats and small constants.
OpFoldResult foldElementwise(Operation *op, ArrayRef<Attribute> operands);

} // namespace mlir::dl

#endif // DL_IR_OPS_ELEMENTWISE_H
