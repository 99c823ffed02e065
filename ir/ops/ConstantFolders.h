// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Arithmetic on operands that are constants. All functions return null where an
// operand is not known or the result would be large: more than 64 floats or 256
// integers, splats aside, which stay splats.

#ifndef DL_IR_OPS_CONSTANT_FOLDERS_H
#define DL_IR_OPS_CONSTANT_FOLDERS_H

#include "ir/dialect/Dialect.h"

namespace mlir::dl {

/// Whether a constant of this type may be made by folding.
bool isSmallConstant(RankedTensorType type);

/// Whether a type's elements hold every size, so that expressions do not wrap.
bool holdsSizes(Type elementType);

/// In row-major order of `shape`, the positions `offset` + index * `strides`.
SmallVector<int64_t> getStridedIndices(ArrayRef<int64_t> shape,
                                       ArrayRef<int64_t> strides,
                                       int64_t offset);

/// For each element of `type`, which is static, the element of an operand of
/// shape `shape` that broadcasting puts there.
SmallVector<int64_t> getBroadcastIndices(ArrayRef<int64_t> shape,
                                         RankedTensorType type);

/// An element of a constant; the attribute may be null, the position not be
/// one.
struct Element {
  Attribute constant;
  int64_t position;
};

/// The constant with these elements; null where one is not known. Dense
/// constants and sizes may be mixed.
Attribute pickElements(ArrayRef<Element> elements, RankedTensorType type);

/// The constant with the elements of `operand` at `positions`, which is asked
/// only when they are needed. Splats become splats of any size.
Attribute pickElements(Attribute operand, RankedTensorType type,
                       llvm::function_ref<SmallVector<int64_t>()> positions);

/// What a reduction makes of two sizes; null where that is no expression.
AffineExpr reduceSizes(ReduceKind kind, AffineExpr a, AffineExpr b);

/// An elementwise op on integer tensors, at least one of which holds
/// expressions over the symbols. Only what holds for all values of the symbols
/// is folded.
Attribute foldSizes(Operation *op, ArrayRef<Attribute> operands);

/// An elementwise op on constants.
Attribute foldConstants(Operation *op, ArrayRef<Attribute> operands);

/// dl.select on a constant condition and constants or sizes.
Attribute foldSelect(ArrayRef<Attribute> operands, RankedTensorType type);

/// dl.cast of a constant, or of sizes to an integer type that holds them.
Attribute foldCast(Attribute operand, RankedTensorType type, bool saturate);

} // namespace mlir::dl

#endif // DL_IR_OPS_CONSTANT_FOLDERS_H
