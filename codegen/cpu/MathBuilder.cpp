// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/MathBuilder.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include <limits>

using namespace mlir;

namespace dl::cpu {

static Type withElement(Type type, Type element) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.clone(element);
  return element;
}

static Num constantOf(const Num &like, Type type, TypedAttr element) {
  Attribute value = element;
  if (auto vector = dyn_cast<VectorType>(type))
    value = DenseElementsAttr::get(vector, Attribute(element));
  FormulaBuilder &builder = like.getBuilder();
  return {builder, arith::ConstantOp::create(builder, cast<TypedAttr>(value))};
}

unsigned Num::width() const {
  return getElementTypeOrSelf(value.getType()).getIntOrFloatBitWidth();
}

static Type integerType(const Num &like) {
  return withElement(like.get().getType(),
                     like.getBuilder().getIntegerType(like.width()));
}

static Type floatType(const Num &like, unsigned width) {
  FormulaBuilder &builder = like.getBuilder();
  Type element =
      width == 64 ? Type(builder.getF64Type()) : builder.getF32Type();
  return withElement(like.get().getType(), element);
}

Num Num::constant(double number) const {
  Type element = getElementTypeOrSelf(value.getType());
  if (isa<IntegerType>(element))
    return integer(static_cast<int64_t>(number));
  return constantOf(*this, value.getType(),
                    builder->getFloatAttr(element, number));
}

Num Num::integer(int64_t number) const {
  return constantOf(
      *this, integerType(*this),
      builder->getIntegerAttr(builder->getIntegerType(width()), number));
}

Num Num::bits() const {
  return {*builder,
          arith::BitcastOp::create(*builder, integerType(*this), value)};
}

Num Num::asFloat() const {
  return {*builder,
          arith::BitcastOp::create(*builder, floatType(*this, width()), value)};
}

Num Num::toFloat() const {
  return {*builder,
          arith::SIToFPOp::create(*builder, floatType(*this, width()), value)};
}

Num Num::toWidth(unsigned bits) const {
  if (bits == width())
    return *this;
  Type type = floatType(*this, bits);
  if (bits > width())
    return {*builder, arith::ExtFOp::create(*builder, type, value)};
  return {*builder, arith::TruncFOp::create(*builder, type, value)};
}

template <typename FloatOp, typename IntegerOp>
static Num binary(Num a, Num b) {
  FormulaBuilder &builder = a.getBuilder();
  if (isa<IntegerType>(getElementTypeOrSelf(a.get().getType())))
    return {builder, IntegerOp::create(builder, a.get(), b.get())};
  return {builder, FloatOp::create(builder, a.get(), b.get())};
}

template <typename Op, typename... Operands>
static Num build(Num a, Operands... operands) {
  FormulaBuilder &builder = a.getBuilder();
  return {builder, Op::create(builder, a.get(), operands.get()...)};
}

Num operator+(Num a, Num b) {
  return binary<arith::AddFOp, arith::AddIOp>(a, b);
}
Num operator-(Num a, Num b) {
  return binary<arith::SubFOp, arith::SubIOp>(a, b);
}
Num operator*(Num a, Num b) {
  return binary<arith::MulFOp, arith::MulIOp>(a, b);
}
Num operator/(Num a, Num b) { return build<arith::DivFOp>(a, b); }
Num operator+(Num a, double b) { return a + a.constant(b); }
Num operator-(Num a, double b) { return a - a.constant(b); }
Num operator-(double a, Num b) { return b.constant(a) - b; }
Num operator*(Num a, double b) { return a * a.constant(b); }
Num operator/(double a, Num b) { return b.constant(a) / b; }
Num operator-(Num a) { return build<arith::NegFOp>(a); }

Num fma(Num a, Num b, Num c) { return build<math::FmaOp>(a, b, c); }
Num fma(Num a, double b, Num c) { return fma(a, a.constant(b), c); }
Num fma(Num a, Num b, double c) { return fma(a, b, a.constant(c)); }

Num abs(Num a) { return build<math::AbsFOp>(a); }
Num sqrt(Num a) { return build<math::SqrtOp>(a); }
Num trunc(Num a) { return build<math::TruncOp>(a); }
Num copySign(Num magnitude, Num sign) {
  return build<math::CopySignOp>(magnitude, sign);
}

Num operator&(Num a, Num b) { return build<arith::AndIOp>(a, b); }
Num operator|(Num a, Num b) { return build<arith::OrIOp>(a, b); }
Num operator^(Num a, Num b) { return build<arith::XOrIOp>(a, b); }
Num shiftLeft(Num a, unsigned bits) {
  return build<arith::ShLIOp>(a, a.integer(bits));
}
Num shiftRight(Num a, unsigned bits) {
  return build<arith::ShRSIOp>(a, a.integer(bits));
}

static Num compare(arith::CmpFPredicate predicate, Num a, Num b) {
  FormulaBuilder &builder = a.getBuilder();
  return {builder, arith::CmpFOp::create(builder, predicate, a.get(), b.get())};
}
static Num compare(arith::CmpIPredicate predicate, Num a, Num b) {
  FormulaBuilder &builder = a.getBuilder();
  return {builder, arith::CmpIOp::create(builder, predicate, a.get(), b.get())};
}

Num less(Num a, Num b) { return compare(arith::CmpFPredicate::OLT, a, b); }
Num less(Num a, double b) { return less(a, a.constant(b)); }
Num greater(Num a, double b) { return less(a.constant(b), a); }
Num atLeast(Num a, double b) {
  return compare(arith::CmpFPredicate::OGE, a, a.constant(b));
}
Num equal(Num a, Num b) { return compare(arith::CmpFPredicate::OEQ, a, b); }
Num equal(Num a, double b) { return equal(a, a.constant(b)); }
Num notEqual(Num a, Num b) { return compare(arith::CmpFPredicate::UNE, a, b); }
Num isSet(Num a) { return compare(arith::CmpIPredicate::ne, a, a.integer(0)); }
Num isNegative(Num a) {
  return compare(arith::CmpIPredicate::slt, a, a.integer(0));
}

Num select(Num condition, Num a, Num b) {
  return build<arith::SelectOp>(condition, a, b);
}
Num select(Num condition, Num a, double b) {
  return select(condition, a, a.constant(b));
}
Num select(Num condition, double a, Num b) {
  return select(condition, b.constant(a), b);
}

std::optional<Num> scaleByInstruction(Num x, Num n) {
  FormulaBuilder &builder = x.getBuilder();
  auto type = dyn_cast<VectorType>(x.get().getType());
  constexpr int64_t kRegisterBits = 512;
  if (!builder.hasScaling || !type || type.getRank() != 1 ||
      type.getNumElements() * x.width() != kRegisterBits)
    return std::nullopt;
  // All lanes, rounded as ever.
  constexpr int kCurrentDirection = 4;
  int64_t lanes = type.getNumElements();
  Value mask = arith::ConstantOp::create(
      builder, builder.getIntegerAttr(builder.getIntegerType(lanes), -1));
  Value rounding = arith::ConstantOp::create(
      builder, builder.getI32IntegerAttr(kCurrentDirection));
  // Operands as the intrinsic has them: the value, the exponent, what masked
  // lanes keep; the op's names for them are off by one.
  return Num(builder, x86vector::MaskScaleFOp::create(builder, x.get(), n.get(),
                                                      x.get(), mask, rounding));
}

Num clamp(Num a, double low, double high) {
  // In the form of the CPU's minimum and maximum, which return their second
  // operand when one is NaN.
  a = select(less(a.constant(high), a), high, a);
  return select(less(a, low), low, a);
}

Num polynomial(Num x, llvm::ArrayRef<double> coefficients) {
  Num result = x.constant(coefficients.back());
  for (double coefficient : llvm::reverse(coefficients.drop_back()))
    result = fma(result, x, coefficient);
  return result;
}

double infinity() { return std::numeric_limits<double>::infinity(); }
double notANumber() { return std::numeric_limits<double>::quiet_NaN(); }

} // namespace dl::cpu
