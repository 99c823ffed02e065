// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Types and dimensions of the IR as the module format says them.

#ifndef DL_CODEGEN_PACKAGE_TYPES_H
#define DL_CODEGEN_PACKAGE_TYPES_H

#include "codegen/package/Program.h"
#include "ir/dialect/Dialect.h"
#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/ArrayRef.h"

namespace dl::package {

/// The element type's number in the module format, 0 for those it does not
/// have.
uint8_t getElementNumber(mlir::Type type);

/// Bits that an element takes in memory between kernels: 8 for smaller types.
unsigned getElementBits(mlir::Type type);

/// Bytes of `elements` elements.
uint64_t getByteSize(mlir::Type elementType, int64_t elements);

/// The number of elements before those of a slice, where they follow one
/// another in memory; null where they do not.
mlir::AffineExpr getSliceOffset(mlir::dl::SliceOp op);

/// Puts expressions into a program's formulas. `dims` and `symbols` are the
/// values of the expression's dimensions and symbols.
FormulaId toFormula(mlir::AffineExpr expr, Formulas &formulas,
                    llvm::ArrayRef<FormulaId> dims,
                    llvm::ArrayRef<FormulaId> symbols);

/// Dimensions and bytes of tensors as formulas over a function's symbols.
class TypeFormulas {
public:
  TypeFormulas(Formulas &formulas, llvm::ArrayRef<FormulaId> symbols)
      : formulas(&formulas), symbols(symbols) {}

  FormulaId get(mlir::AffineExpr expr) {
    return toFormula(expr, *formulas, {}, symbols);
  }
  FormulaId getDim(mlir::RankedTensorType type, unsigned i);
  FormulaId getBytes(mlir::RankedTensorType type);
  /// Bytes of `elements` elements of a type.
  FormulaId getBytes(mlir::Type elementType, FormulaId elements);
  TensorDesc getDesc(mlir::RankedTensorType type);

private:
  Formulas *formulas;
  llvm::ArrayRef<FormulaId> symbols;
};

} // namespace dl::package

#endif // DL_CODEGEN_PACKAGE_TYPES_H
