// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Builds dl ops, folded where they can be.

#ifndef DL_PASSES_DIFFERENTIATE_CALCULUS_H
#define DL_PASSES_DIFFERENTIATE_CALCULUS_H

#include "ir/dialect/Dialect.h"
#include "ir/dialect/Dims.h"
#include "mlir/IR/Builders.h"

namespace dl {

class Calculus {
public:
  Calculus(mlir::OpBuilder &builder, mlir::Location loc)
      : builder(builder), loc(loc) {}

  static mlir::RankedTensorType type(mlir::Value value) {
    return mlir::cast<mlir::RankedTensorType>(value.getType());
  }
  static int64_t rank(mlir::Value value) { return type(value).getRank(); }
  static mlir::Type element(mlir::Value value) {
    return type(value).getElementType();
  }
  static bool isFloat(mlir::Value value);

  template <class Op, class... Args> mlir::Value create(Args &&...args) const {
    return builder.createOrFold<Op>(loc, std::forward<Args>(args)...);
  }

  /// A scalar of the element type of `like`, or of `element`.
  mlir::Value number(double value, mlir::Type element) const;
  mlir::Value number(double value, mlir::Value like) const {
    return number(value, element(like));
  }
  /// A tensor of the type with one value everywhere.
  mlir::Value splat(double value, mlir::RankedTensorType type) const;
  mlir::Value zeros(mlir::RankedTensorType type) const {
    return splat(0, type);
  }

  // Operands are broadcast.
  mlir::Value add(mlir::Value a, mlir::Value b) const;
  mlir::Value sub(mlir::Value a, mlir::Value b) const;
  mlir::Value mul(mlir::Value a, mlir::Value b) const;
  mlir::Value div(mlir::Value a, mlir::Value b) const;
  mlir::Value add(mlir::Value a, double b) const;
  mlir::Value sub(double a, mlir::Value b) const;
  mlir::Value mul(mlir::Value a, double b) const;
  mlir::Value neg(mlir::Value a) const;
  mlir::Value square(mlir::Value a) const { return mul(a, a); }
  mlir::Value abs(mlir::Value a) const;
  mlir::Value exp(mlir::Value a) const;
  mlir::Value log(mlir::Value a) const;
  mlir::Value sqrt(mlir::Value a) const;
  mlir::Value pow(mlir::Value a, mlir::Value b) const;
  mlir::Value max(mlir::Value a, mlir::Value b) const;
  mlir::Value min(mlir::Value a, mlir::Value b) const;
  mlir::Value compare(mlir::dl::Predicate predicate, mlir::Value a,
                      mlir::Value b) const;
  mlir::Value compare(mlir::dl::Predicate predicate, mlir::Value a,
                      double b) const;
  mlir::Value select(mlir::Value condition, mlir::Value onTrue,
                     mlir::Value onFalse) const;
  mlir::Value cast(mlir::Value a, mlir::Type element) const;

  mlir::Value sum(mlir::Value a, llvm::ArrayRef<int64_t> axes,
                  bool keepDims) const;
  /// The sum of all elements, a scalar.
  mlir::Value sumAll(mlir::Value a) const;
  /// The mean of all elements, a scalar.
  mlir::Value meanAll(mlir::Value a) const;
  /// The number of elements as a scalar of a float type.
  mlir::Value count(mlir::RankedTensorType type, mlir::Type element) const;
  mlir::Value reshape(mlir::Value a,
                      llvm::ArrayRef<mlir::AffineExpr> dims) const;
  mlir::Value transpose(mlir::Value a,
                        llvm::ArrayRef<int64_t> permutation) const;
  /// With the last two dimensions exchanged.
  mlir::Value transposeMatrix(mlir::Value a) const;
  mlir::Value broadcast(mlir::Value a, mlir::RankedTensorType to) const;
  mlir::Value slice(mlir::Value a, llvm::ArrayRef<mlir::AffineExpr> offsets,
                    llvm::ArrayRef<int64_t> strides,
                    mlir::RankedTensorType to) const;
  /// With zeros around, `low` before the first element of each dimension.
  mlir::Value pad(mlir::Value a, llvm::ArrayRef<mlir::AffineExpr> low,
                  mlir::RankedTensorType to) const;
  /// With `stride - 1` zeros after each element along a dimension.
  mlir::Value dilate(mlir::Value a, int64_t dimension, int64_t stride) const;
  /// Zeros, to which slices along dimension `axis` are added: in their place,
  /// `updates` have the dimensions of `indices`, which say where.
  mlir::Value addSlices(mlir::RankedTensorType type, mlir::Value indices,
                        int64_t axis, mlir::Value updates) const;
  mlir::Value matmul(mlir::Value a, mlir::Value b) const;
  /// The sum over what broadcasting has repeated, so that the shape is that of
  /// `like` again.
  mlir::Value reduceTo(mlir::Value a, mlir::RankedTensorType like) const;

  mlir::AffineExpr constant(int64_t value) const {
    return builder.getAffineConstantExpr(value);
  }

  mlir::OpBuilder &builder;
  mlir::Location loc;
};

} // namespace dl

#endif // DL_PASSES_DIFFERENTIATE_CALCULUS_H
