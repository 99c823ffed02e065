// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Formulas over scalars or vectors, written as in C.

#ifndef DL_CODEGEN_CPU_MATHBUILDER_H
#define DL_CODEGEN_CPU_MATHBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/ArrayRef.h"
#include <optional>

namespace dl::cpu {

/// Builds the ops of formulas.
class FormulaBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;

  /// Whether there is an instruction for x * 2^n in whole registers of floats
  /// (AVX-512).
  bool hasScaling = false;
};

/// A value of a formula: f32, f64, an integer of the same width, or i1, each as
/// a scalar or a vector. Operators build ops. A number beside a Num is a
/// constant of its type.
class Num {
public:
  Num(FormulaBuilder &builder, mlir::Value value)
      : builder(&builder), value(value) {}

  mlir::Value get() const { return value; }
  FormulaBuilder &getBuilder() const { return *builder; }

  /// A constant of this type.
  Num constant(double number) const;
  Num integer(int64_t number) const;

  /// Of the scalar type, in bits.
  unsigned width() const;
  bool isDouble() const { return width() == 64; }

  /// Reinterpretation between a float and the integer of its width.
  Num bits() const;
  Num asFloat() const;
  /// Value conversion of a signed integer to the float of its width.
  Num toFloat() const;
  /// To the float type of that width, by extension or rounding.
  Num toWidth(unsigned bits) const;

private:
  FormulaBuilder *builder;
  mlir::Value value;
};

Num operator+(Num a, Num b);
Num operator-(Num a, Num b);
Num operator*(Num a, Num b);
Num operator/(Num a, Num b);
Num operator+(Num a, double b);
Num operator-(Num a, double b);
Num operator-(double a, Num b);
Num operator*(Num a, double b);
Num operator/(double a, Num b);
Num operator-(Num a);

/// a * b + c, rounded once.
Num fma(Num a, Num b, Num c);
Num fma(Num a, double b, Num c);
Num fma(Num a, Num b, double c);

Num abs(Num a);
Num sqrt(Num a);
Num trunc(Num a);
Num copySign(Num magnitude, Num sign);

/// Integers. Shifts are by a constant; shiftRight keeps the sign.
Num operator&(Num a, Num b);
Num operator|(Num a, Num b);
Num operator^(Num a, Num b);
Num shiftLeft(Num a, unsigned bits);
Num shiftRight(Num a, unsigned bits);

/// Comparisons of floats: false when an operand is NaN, except notEqual.
Num less(Num a, Num b);
Num less(Num a, double b);
Num greater(Num a, double b);
Num atLeast(Num a, double b);
Num equal(Num a, Num b);
Num equal(Num a, double b);
Num notEqual(Num a, Num b);
/// Whether an integer is not zero; whether it is negative.
Num isSet(Num a);
Num isNegative(Num a);

Num select(Num condition, Num a, Num b);
Num select(Num condition, Num a, double b);
Num select(Num condition, double a, Num b);

/// x * 2^n for a whole number n, right where 2^n or the result is denormal or
/// infinite, by an instruction; nothing where there is none for this type.
std::optional<Num> scaleByInstruction(Num x, Num n);

/// The value limited to [low, high]; NaN stays NaN.
Num clamp(Num a, double low, double high);

/// c[0] + c[1] x + c[2] x^2 + ...
Num polynomial(Num x, llvm::ArrayRef<double> coefficients);

/// Infinity and NaN.
double infinity();
double notANumber();

} // namespace dl::cpu

#endif // DL_CODEGEN_CPU_MATHBUILDER_H
