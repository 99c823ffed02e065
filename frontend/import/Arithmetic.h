// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Formulas of import rules: elementwise ops with numpy's broadcasting, on
// tensors and numbers.

#ifndef DL_FRONTEND_IMPORT_ARITHMETIC_H
#define DL_FRONTEND_IMPORT_ARITHMETIC_H

#include "frontend/import/Rules.h"

namespace dl::frontend {

/// An operand of a formula: a tensor, or a number that takes the element type
/// of the tensor beside it.
class Operand {
public:
  Operand(mlir::Value value) : value(value), isNumber(false) {}
  Operand(double number) : number(number), isNumber(true) {}

private:
  friend class Arithmetic;
  mlir::Value value;
  double number = 0;
  bool isNumber;
};

/// Builds formulas for a node. As everywhere in NodeContext, a null operand
/// gives a null result; of two operands, at most one is a number. Sizes that
/// must agree for broadcasting are demanded from the context.
class Arithmetic {
public:
  explicit Arithmetic(NodeContext &context) : context(context) {}

  mlir::Value add(Operand a, Operand b) const {
    return apply<mlir::dl::AddOp>(a, b);
  }
  mlir::Value sub(Operand a, Operand b) const {
    return apply<mlir::dl::SubOp>(a, b);
  }
  mlir::Value mul(Operand a, Operand b) const {
    return apply<mlir::dl::MulOp>(a, b);
  }
  mlir::Value div(Operand a, Operand b) const {
    return apply<mlir::dl::DivOp>(a, b);
  }
  mlir::Value max(Operand a, Operand b) const {
    return apply<mlir::dl::MaxOp>(a, b);
  }
  mlir::Value min(Operand a, Operand b) const {
    return apply<mlir::dl::MinOp>(a, b);
  }
  mlir::Value pow(Operand a, Operand b) const {
    return apply<mlir::dl::PowOp>(a, b);
  }
  mlir::Value square(mlir::Value a) const { return mul(a, a); }
  mlir::Value abs(mlir::Value a) const {
    return context.create<mlir::dl::AbsOp>(a);
  }
  mlir::Value exp(mlir::Value a) const {
    return context.create<mlir::dl::ExpOp>(a);
  }
  mlir::Value log(mlir::Value a) const {
    return context.create<mlir::dl::LogOp>(a);
  }
  mlir::Value sqrt(mlir::Value a) const {
    return context.create<mlir::dl::SqrtOp>(a);
  }
  mlir::Value rsqrt(mlir::Value a) const {
    return context.create<mlir::dl::RsqrtOp>(a);
  }
  mlir::Value tanh(mlir::Value a) const {
    return context.create<mlir::dl::TanhOp>(a);
  }
  mlir::Value sigmoid(mlir::Value a) const {
    return context.create<mlir::dl::SigmoidOp>(a);
  }

  mlir::Value compare(mlir::dl::Predicate predicate, Operand a,
                      Operand b) const;
  /// Of two numbers, the element type cannot be known: one is a tensor.
  mlir::Value select(mlir::Value condition, Operand onTrue,
                     Operand onFalse) const;
  /// Both bounds are optional: null means none.
  mlir::Value clip(mlir::Value value, Operand low, Operand high) const {
    return min(max(value, low), high);
  }

  /// Combines along `axes`; an op that reduces nothing is left out.
  mlir::Value reduce(mlir::dl::ReduceKind kind, mlir::Value value,
                     llvm::ArrayRef<int64_t> axes, bool keepDims) const;
  mlir::Value mean(mlir::Value value, llvm::ArrayRef<int64_t> axes,
                   bool keepDims) const;

  /// The numbers 0, 1, 2, ... along the only dimension that is not 1, number
  /// `axis` of `rank`.
  mlir::Value iota(mlir::AffineExpr size, int64_t axis, int64_t rank,
                   mlir::Type elementType) const;

  /// An op on two operands; `attributes` are those of its builder.
  template <class Op, class... Attributes>
  mlir::Value apply(Operand a, Operand b, Attributes &&...attributes) const {
    mlir::Value operands[] = {resolve(a, b), resolve(b, a)};
    if (failed(prepareBroadcast(operands)))
      return mlir::Value();
    return context.create<Op>(operands[0], operands[1],
                              std::forward<Attributes>(attributes)...);
  }

  /// A constant of these numbers, rounded to a float type.
  mlir::Value constant(llvm::ArrayRef<double> values,
                       llvm::ArrayRef<int64_t> shape, mlir::Type type) const;

private:
  /// Demands that the shapes broadcast, and repeats elements where only the
  /// running model knows whether a dimension is 1.
  mlir::LogicalResult
  prepareBroadcast(llvm::MutableArrayRef<mlir::Value> values) const;
  mlir::LogicalResult checkBroadcast(mlir::ValueRange values) const;
  mlir::LogicalResult
  repeatLate(llvm::MutableArrayRef<mlir::Value> values) const;
  std::optional<mlir::AffineExpr>
  getLateBroadcast(llvm::ArrayRef<mlir::AffineExpr> sizes) const;
  mlir::Value resolve(Operand operand, Operand other) const;

  NodeContext &context;
};

/// The numbers from `begin` up to `end`, without it.
llvm::SmallVector<int64_t> range(int64_t begin, int64_t end);

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_ARITHMETIC_H
