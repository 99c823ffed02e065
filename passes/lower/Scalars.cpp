// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Elementwise ops on one element.

#include "mlir/IR/Matchers.h"
#include "passes/lower/KernelBuilder.h"
#include "passes/lower/NarrowFloats.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::lower;

namespace {

/// Creates scalar ops for one op of the group.
struct Scalars {
  OpBuilder &builder;
  Location loc;
  Type type; // of the operands' elements in dl, unsigned where they are

  bool isFloat() const { return isa<FloatType>(type); }
  bool isUnsigned() const {
    return type.isUnsignedInteger() || type.isInteger(1);
  }

  Value constant(double value, Type of) {
    if (auto floating = dyn_cast<FloatType>(of))
      return arith::ConstantOp::create(builder, loc,
                                       builder.getFloatAttr(floating, value));
    return arith::ConstantOp::create(
        builder, loc, builder.getIntegerAttr(of, (int64_t)value));
  }
  Value constantLike(double value, Value like) {
    return constant(value, like.getType());
  }

  template <class Op, class... Args> Value make(Args... args) {
    return Op::create(builder, loc, args...);
  }
  template <class F, class S, class U = S> Value arithmetic(Value a, Value b) {
    if (isFloat())
      return make<F>(a, b);
    return isUnsigned() ? make<U>(a, b) : make<S>(a, b);
  }

  Value compare(Predicate predicate, Value a, Value b) {
    if (isFloat()) {
      static constexpr arith::CmpFPredicate kFloat[] = {
          arith::CmpFPredicate::OEQ, arith::CmpFPredicate::UNE,
          arith::CmpFPredicate::OLT, arith::CmpFPredicate::OLE,
          arith::CmpFPredicate::OGT, arith::CmpFPredicate::OGE};
      return make<arith::CmpFOp>(kFloat[(unsigned)predicate], a, b);
    }
    static constexpr arith::CmpIPredicate kSigned[] = {
        arith::CmpIPredicate::eq,  arith::CmpIPredicate::ne,
        arith::CmpIPredicate::slt, arith::CmpIPredicate::sle,
        arith::CmpIPredicate::sgt, arith::CmpIPredicate::sge};
    static constexpr arith::CmpIPredicate kUnsigned[] = {
        arith::CmpIPredicate::eq,  arith::CmpIPredicate::ne,
        arith::CmpIPredicate::ult, arith::CmpIPredicate::ule,
        arith::CmpIPredicate::ugt, arith::CmpIPredicate::uge};
    return make<arith::CmpIOp>(
        (isUnsigned() ? kUnsigned : kSigned)[(unsigned)predicate], a, b);
  }
  Value select(Value condition, Value a, Value b) {
    return make<arith::SelectOp>(condition, a, b);
  }

  /// Integer divisors that the processor would trap on (0, and -1 for the
  /// lowest dividend) are replaced; lanes past the end of a tensor may hold any
  /// value.
  Value safeDivisor(Value b) {
    Value one = constantLike(1, b);
    Value isBad = compare(Predicate::Eq, b, constantLike(0, b));
    if (!isUnsigned())
      isBad = make<arith::OrIOp>(
          isBad, compare(Predicate::Eq, b, constantLike(-1, b)));
    return select(isBad, one, b);
  }
  Value divide(Value a, Value b) {
    if (isFloat())
      return make<arith::DivFOp>(a, b);
    Value divisor = safeDivisor(b);
    if (isUnsigned())
      return make<arith::DivUIOp>(a, divisor);
    Value negated = make<arith::SubIOp>(constantLike(0, a), a);
    Value isNegated = compare(Predicate::Eq, b, constantLike(-1, b));
    return select(isNegated, negated, make<arith::DivSIOp>(a, divisor));
  }
  Value modulo(Value a, Value b, bool fmod) {
    if (isUnsigned())
      return make<arith::RemUIOp>(a, safeDivisor(b));
    Value rest = isFloat() ? make<arith::RemFOp>(a, b)
                           : make<arith::RemSIOp>(a, safeDivisor(b));
    if (fmod)
      return rest;
    // The sign of the divisor.
    Value zero = constantLike(0, a);
    Value differ = make<arith::XOrIOp>(compare(Predicate::Lt, rest, zero),
                                       compare(Predicate::Lt, b, zero));
    Value isOff =
        make<arith::AndIOp>(compare(Predicate::Ne, rest, zero), differ);
    Value moved = arithmetic<arith::AddFOp, arith::AddIOp>(rest, b);
    return select(isOff, moved, rest);
  }

  /// Powers with a constant exponent that need no logarithm.
  Value power(Value a, Value b) {
    FloatAttr exponent;
    if (isFloat() && matchPattern(b, m_Constant(&exponent))) {
      double e = exponent.getValueAsDouble();
      Value one = constantLike(1, a);
      if (e == 1)
        return a;
      if (e == 2)
        return make<arith::MulFOp>(a, a);
      if (e == 3)
        return make<arith::MulFOp>(make<arith::MulFOp>(a, a), a);
      if (e == 0.5)
        return make<math::SqrtOp>(a);
      if (e == -1)
        return make<arith::DivFOp>(one, a);
      if (e == -0.5)
        return make<arith::DivFOp>(one, make<math::SqrtOp>(a));
    }
    return isFloat() ? make<math::PowFOp>(a, b) : make<math::IPowIOp>(a, b);
  }

  /// Shifting by the width or more (or by a negative count, which is a large
  /// unsigned one) leaves nothing but, to the right, the sign.
  Value shift(Value a, Value b, bool left) {
    int64_t width = type.getIntOrFloatBitWidth();
    if (!left && !isUnsigned())
      return make<arith::ShRSIOp>(
          a, make<arith::MinUIOp>(b, constantLike(width - 1, b)));
    Value isFar = make<arith::CmpIOp>(arith::CmpIPredicate::uge, b,
                                      constantLike(width, b));
    Value zero = constantLike(0, a);
    Value amount = select(isFar, constantLike(0, b), b);
    Value shifted =
        left ? make<arith::ShLIOp>(a, amount) : make<arith::ShRUIOp>(a, amount);
    return select(isFar, zero, shifted);
  }

  Value sign(Value a) {
    if (isUnsigned())
      return make<arith::MinUIOp>(a, constantLike(1, a));
    Value zero = constantLike(0, a);
    Value negative =
        select(compare(Predicate::Lt, a, zero), constantLike(-1, a), a);
    return select(compare(Predicate::Gt, a, zero), constantLike(1, a),
                  negative);
  }
  Value negate(Value a) {
    if (isFloat())
      return make<arith::NegFOp>(a);
    return make<arith::SubIOp>(constantLike(0, a), a);
  }
  Value absolute(Value a) {
    if (isFloat())
      return make<math::AbsFOp>(a);
    return isUnsigned() ? a : make<math::AbsIOp>(a);
  }
  Value sigmoid(Value a) {
    Value one = constantLike(1, a);
    Value negated = make<arith::NegFOp>(a);
    if (a.getType().isF64())
      return make<arith::DivFOp>(
          one, make<arith::AddFOp>(one, make<math::ExpOp>(negated)));
    // With a divisor below 2^126, targets may multiply by an approximate
    // reciprocal, which is infinite nowhere.
    negated = make<arith::MinimumFOp>(negated, constantLike(87, a));
    return arith::DivFOp::create(
        builder, loc, one, make<arith::AddFOp>(one, make<math::ExpOp>(negated)),
        arith::FastMathFlags::arcp | arith::FastMathFlags::ninf);
  }
  Value isInfinite(Value a, bool positive, bool negative) {
    double infinity = std::numeric_limits<double>::infinity();
    Value up = compare(Predicate::Eq, a, constantLike(infinity, a));
    Value down = compare(Predicate::Eq, a, constantLike(-infinity, a));
    if (positive && negative)
      return make<arith::OrIOp>(up, down);
    if (positive || negative)
      return positive ? up : down;
    return constant(0, builder.getI1Type());
  }

  /// Ops of floats alone.
  Value unaryFloat(Operation *op, Value a) {
    return llvm::TypeSwitch<Operation *, Value>(op)
        .Case<CeilOp>([&](auto) { return make<math::CeilOp>(a); })
        .Case<FloorOp>([&](auto) { return make<math::FloorOp>(a); })
        .Case<RoundOp>([&](auto) { return make<math::RoundEvenOp>(a); })
        .Case<SqrtOp>([&](auto) { return make<math::SqrtOp>(a); })
        .Case<RsqrtOp>([&](auto) {
          return make<arith::DivFOp>(constantLike(1, a), make<math::SqrtOp>(a));
        })
        .Case<ReciprocalOp>(
            [&](auto) { return make<arith::DivFOp>(constantLike(1, a), a); })
        .Case<ExpOp>([&](auto) { return make<math::ExpOp>(a); })
        .Case<LogOp>([&](auto) { return make<math::LogOp>(a); })
        .Case<SinOp>([&](auto) { return make<math::SinOp>(a); })
        .Case<CosOp>([&](auto) { return make<math::CosOp>(a); })
        .Case<TanOp>([&](auto) { return make<math::TanOp>(a); })
        .Case<AsinOp>([&](auto) { return make<math::AsinOp>(a); })
        .Case<AcosOp>([&](auto) { return make<math::AcosOp>(a); })
        .Case<AtanOp>([&](auto) { return make<math::AtanOp>(a); })
        .Case<SinhOp>([&](auto) { return make<math::SinhOp>(a); })
        .Case<CoshOp>([&](auto) { return make<math::CoshOp>(a); })
        .Case<AsinhOp>([&](auto) { return make<math::AsinhOp>(a); })
        .Case<AcoshOp>([&](auto) { return make<math::AcoshOp>(a); })
        .Case<AtanhOp>([&](auto) { return make<math::AtanhOp>(a); })
        .Case<ErfOp>([&](auto) { return make<math::ErfOp>(a); })
        .Case<TanhOp>([&](auto) { return make<math::TanhOp>(a); })
        .Case<SigmoidOp>([&](auto) { return sigmoid(a); })
        .Case<IsNanOp>([&](auto) {
          return make<arith::CmpFOp>(arith::CmpFPredicate::UNO, a, a);
        })
        .Case<IsInfOp>([&](IsInfOp o) {
          return isInfinite(a, o.getPositive(), o.getNegative());
        })
        .Default([](Operation *) { return Value(); });
  }

  Value unary(Operation *op, Value a) {
    if (isa<AbsOp>(op))
      return absolute(a);
    if (isa<NegOp>(op))
      return negate(a);
    if (isa<SignOp>(op))
      return sign(a);
    if (isa<CeilOp, FloorOp, RoundOp>(op) && !isFloat())
      return a;
    if (isa<NotOp>(op) && !isFloat())
      return make<arith::XOrIOp>(a, constantLike(-1, a));
    return isFloat() ? unaryFloat(op, a) : Value();
  }

  Value binary(Operation *op, Value a, Value b) {
    return llvm::TypeSwitch<Operation *, Value>(op)
        .Case<AddOp>([&](auto) {
          return arithmetic<arith::AddFOp, arith::AddIOp>(a, b);
        })
        .Case<SubOp>([&](auto) {
          return arithmetic<arith::SubFOp, arith::SubIOp>(a, b);
        })
        .Case<MulOp>([&](auto) {
          return arithmetic<arith::MulFOp, arith::MulIOp>(a, b);
        })
        .Case<DivOp>([&](auto) { return divide(a, b); })
        .Case<ModOp>([&](ModOp o) { return modulo(a, b, o.getFmod()); })
        .Case<PowOp>([&](auto) { return power(a, b); })
        .Case<MaxOp>([&](auto) {
          return arithmetic<arith::MaximumFOp, arith::MaxSIOp, arith::MaxUIOp>(
              a, b);
        })
        .Case<MinOp>([&](auto) {
          return arithmetic<arith::MinimumFOp, arith::MinSIOp, arith::MinUIOp>(
              a, b);
        })
        .Case<CompareOp>(
            [&](CompareOp o) { return compare(o.getPredicate(), a, b); })
        .Default([&](Operation *) { return bitwise(op, a, b); });
  }

  Value bitwise(Operation *op, Value a, Value b) {
    if (isFloat())
      return Value();
    if (isa<AndOp>(op))
      return make<arith::AndIOp>(a, b);
    if (isa<OrOp>(op))
      return make<arith::OrIOp>(a, b);
    if (isa<XorOp>(op))
      return make<arith::XOrIOp>(a, b);
    if (isa<ShlOp, ShrOp>(op))
      return shift(a, b, isa<ShlOp>(op));
    return Value();
  }
};

} // namespace

/// Whether the op's result is one of its operands, or that one's sign, or an
/// integer beside it: nothing to be rounded.
static bool isExact(Operation *op) {
  return isa<AbsOp, NegOp, SignOp, CeilOp, FloorOp, RoundOp, MaxOp, MinOp,
             CompareOp, IsNanOp, IsInfOp, CastOp, BitcastOp, SelectOp>(op);
}

/// An op on f16 or bf16, of however many steps, is computed in f32 and rounded
/// once, to the type that the model gives its result.
static Value createHalf(OpBuilder &builder, Location loc, Operation *op,
                        Type type, ValueRange operands) {
  SmallVector<Value> wide;
  Type f32 = builder.getF32Type();
  for (Value operand : operands)
    wide.push_back(arith::ExtFOp::create(builder, loc, f32, operand));
  Scalars scalars{builder, loc, f32};
  Value result = wide.size() == 1 ? scalars.unary(op, wide[0])
                                  : scalars.binary(op, wide[0], wide[1]);
  return result ? Value(arith::TruncFOp::create(builder, loc, type, result))
                : Value();
}

Value mlir::dl::lower::createScalar(OpBuilder &builder, Location loc,
                                    Operation *op, ValueRange operands) {
  Type type = getElementTypeOrSelf(op->getOperand(0).getType());
  Scalars scalars{builder, loc, type};
  if ((type.isF16() || type.isBF16()) && !isExact(op) && operands.size() <= 2)
    return createHalf(builder, loc, op, type, operands);
  if (auto cast = dyn_cast<CastOp>(op))
    return createScalarCast(builder, loc, operands[0], type,
                            getElementTypeOrSelf(cast.getType()),
                            cast.getSaturate(), cast.getApproximate());
  if (isa<BitcastOp>(op)) {
    Type to = getElementTypeOrSelf(op->getResult(0).getType());
    Type target = isa<FloatType>(to)
                      ? to
                      : builder.getIntegerType(to.getIntOrFloatBitWidth());
    return target == operands[0].getType()
               ? operands[0]
               : Value(arith::BitcastOp::create(builder, loc, target,
                                                operands[0]));
  }
  if (isa<SelectOp>(op))
    return scalars.select(operands[0], operands[1], operands[2]);
  if (operands.size() == 1)
    return scalars.unary(op, operands[0]);
  return operands.size() == 2 ? scalars.binary(op, operands[0], operands[1])
                              : Value();
}

Value mlir::dl::lower::createScalarCast(OpBuilder &builder, Location loc,
                                        Value value, Type from, Type to,
                                        bool saturate, bool approximate) {
  Scalars scalars{builder, loc, from};
  auto fromFloat = dyn_cast<FloatType>(from), toFloat = dyn_cast<FloatType>(to);
  unsigned fromBits = from.getIntOrFloatBitWidth(),
           toBits = to.getIntOrFloatBitWidth();
  Type target = toFloat ? to : builder.getIntegerType(toBits);
  if (from == to)
    return value;
  if (isNarrowFloat(from)) {
    Type f32 = builder.getF32Type();
    Value wide = extendNarrowFloat(builder, loc, value, fromFloat);
    return createScalarCast(builder, loc, wide, f32, to, saturate);
  }
  if (isNarrowFloat(to)) {
    Type f32 = builder.getF32Type();
    Value wide = value;
    // The format is too narrow for what is lost on the way to matter, but of
    // f64.
    if (!from.isF64())
      wide = createScalarCast(builder, loc, value, from, f32, saturate);
    return roundToNarrowFloat(builder, loc, wide, toFloat, saturate);
  }
  if (to.isInteger(1))
    return scalars.compare(Predicate::Ne, value,
                           scalars.constantLike(0, value));
  if (fromFloat && toFloat) {
    if (toBits > fromBits)
      return arith::ExtFOp::create(builder, loc, target, value);
    if (toBits < fromBits && approximate) {
      // May fold with an extension, and flush denormals: see ExpandArithmetic.
      auto flags = arith::FastMathFlagsAttr::get(
          builder.getContext(),
          arith::FastMathFlags::contract | arith::FastMathFlags::afn);
      return arith::TruncFOp::create(builder, loc, target, value, nullptr,
                                     flags);
    }
    if (toBits < fromBits)
      return arith::TruncFOp::create(builder, loc, target, value);
    // Two formats of equal width: by way of a wider one.
    Value wide =
        arith::ExtFOp::create(builder, loc, builder.getF32Type(), value);
    return arith::TruncFOp::create(builder, loc, target, wide);
  }
  if (toFloat)
    return scalars.isUnsigned()
               ? Value(arith::UIToFPOp::create(builder, loc, target, value))
               : Value(arith::SIToFPOp::create(builder, loc, target, value));
  if (fromFloat) {
    if (to.isUnsignedInteger(64))
      return arith::FPToUIOp::create(builder, loc, target, value);
    // Narrow integers take the low bits, as a C++ program does.
    Type wide = builder.getIntegerType(
        to.isUnsignedInteger(32) || toBits == 64 ? 64 : 32);
    Value integer = arith::FPToSIOp::create(builder, loc, wide, value);
    return wide == target
               ? integer
               : Value(arith::TruncIOp::create(builder, loc, target, integer));
  }
  if (toBits < fromBits)
    return arith::TruncIOp::create(builder, loc, target, value);
  if (toBits == fromBits)
    return value;
  return scalars.isUnsigned()
             ? Value(arith::ExtUIOp::create(builder, loc, target, value))
             : Value(arith::ExtSIOp::create(builder, loc, target, value));
}
