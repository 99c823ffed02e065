// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Dimensions of tensors as expressions over the symbols of a function.

#ifndef DL_IR_DIALECT_DIMS_H
#define DL_IR_DIALECT_DIMS_H

#include "ir/dialect/Dialect.h"
#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/AffineMap.h"
#include "llvm/ADT/SetVector.h"
#include <optional>

namespace mlir::dl {

/// Dimension i of a tensor as an expression: a constant where it is static,
/// otherwise what the type's `#dl.dims` says. Null for a dynamic dimension of a
/// type without that encoding.
AffineExpr getDim(RankedTensorType type, unsigned i);

/// All dimensions, as getDim gives them.
SmallVector<AffineExpr> getDims(RankedTensorType type);

/// The tensor type with these dimensions: static where an expression is
/// constant; with a `#dl.dims` encoding if one is not.
RankedTensorType getTensorType(ArrayRef<AffineExpr> dims, Type elementType);

/// `type` with another element type.
RankedTensorType withElementType(RankedTensorType type, Type elementType);

/// A map of these expressions in the canonical form of the attributes: no
/// dimensions, symbols up to the highest that occurs, results simplified.
AffineMap getSymbolMap(ArrayRef<AffineExpr> exprs, MLIRContext *context);

/// The number of elements as an expression.
AffineExpr getNumElements(RankedTensorType type);

/// The simplified form of a symbol expression; products of sums are multiplied
/// out, so that equal polynomials are equal expressions.
AffineExpr simplify(AffineExpr expr);

/// simplify(a - b).
AffineExpr subtract(AffineExpr a, AffineExpr b);

/// Whether a == b (or a <= b) for all non-negative values of the symbols, as
/// far as can be seen from the expressions.
bool provablyEqual(AffineExpr a, AffineExpr b);
bool provablyLessEqual(AffineExpr a, AffineExpr b);

/// The dimension that results from broadcasting two: 1 gives way to the other,
/// a constant is preferred to an expression (both must then be equal when the
/// model runs). Null where both are constants, unequal and not 1.
AffineExpr broadcastDim(AffineExpr a, AffineExpr b);

/// Broadcasts shapes as numpy does; failure, with no diagnostic, where two
/// dimensions contradict each other.
FailureOr<SmallVector<AffineExpr>>
broadcastDims(ArrayRef<SmallVector<AffineExpr>> shapes);

/// The symbols that an op's results, maps and regions use, and the constants
/// that it reads, but for those that it binds: all that must have values before
/// it runs, beside its operands.
llvm::SmallSetVector<unsigned, 4> getUsedSymbols(Operation *op);

/// The symbols that an op binds, and those that have values in its regions
/// alone.
llvm::SmallSetVector<unsigned, 4> getBoundSymbols(Operation *op);

/// The elements of an integer tensor attribute (`#dl.size_values` or dense
/// integers, at most 256 elements) as expressions; nothing for others.
std::optional<SmallVector<AffineExpr>> getSizeValues(Attribute attribute);

/// The elements of the constant integer tensor that defines `value` (dl.sizes
/// or dl.constant), likewise.
std::optional<SmallVector<AffineExpr>> getSizeValues(Value value);

/// The constant attribute of an integer tensor type with these elements: dense
/// where all are constants, otherwise `#dl.size_values`.
Attribute getSizeAttr(ArrayRef<AffineExpr> values, RankedTensorType type);

} // namespace mlir::dl

#endif // DL_IR_DIALECT_DIMS_H
