// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/lower/NarrowFloats.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace mlir;
using namespace mlir::dl::lower;

bool mlir::dl::lower::isNarrowFloat(Type type) {
  return isa<FloatType>(type) && type.getIntOrFloatBitWidth() <= 8;
}

namespace {

/// How a format spells its numbers. Codes are without the sign.
struct Format {
  explicit Format(FloatType type)
      : bits(type.getWidth()),
        mantissa(APFloat::semanticsPrecision(type.getFloatSemantics()) - 1),
        minExponent(APFloat::semanticsMinExponent(type.getFloatSemantics())) {
    const llvm::fltSemantics &semantics = type.getFloatSemantics();
    auto codeOf = [](const APFloat &value) {
      return static_cast<int64_t>(value.bitcastToAPInt().getZExtValue());
    };
    largest = codeOf(APFloat::getLargest(semantics));
    if (bits == 8)
      notANumber = codeOf(APFloat::getQNaN(semantics));
    hasInfinity = APFloat::semanticsHasInf(semantics);
    if (hasInfinity)
      infinity = codeOf(APFloat::getInf(semantics));
    hasNegativeZero =
        isa<Float8E4M3FNType, Float8E5M2Type, Float4E2M1FNType>(type);
  }

  unsigned bits, mantissa;
  int minExponent; // of normal numbers
  int64_t largest, infinity = 0, notANumber = 0;
  bool hasInfinity, hasNegativeZero;
};

/// Integer arithmetic on bits of one width, and floats of that width.
struct Bits {
  OpBuilder &builder;
  Location loc;
  IntegerType type;

  Value constant(int64_t value) {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getIntegerAttr(type, value));
  }
  Value add(Value a, Value b) {
    return arith::AddIOp::create(builder, loc, a, b);
  }
  Value sub(Value a, Value b) {
    return arith::SubIOp::create(builder, loc, a, b);
  }
  Value bitAnd(Value a, int64_t b) {
    return arith::AndIOp::create(builder, loc, a, constant(b));
  }
  Value bitOr(Value a, Value b) {
    return arith::OrIOp::create(builder, loc, a, b);
  }
  Value shl(Value a, int64_t b) {
    return arith::ShLIOp::create(builder, loc, a, constant(b));
  }
  Value shr(Value a, int64_t b) {
    return arith::ShRUIOp::create(builder, loc, a, constant(b));
  }
  Value above(Value a, int64_t b) {
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ugt, a,
                                 constant(b));
  }
  Value equal(Value a, int64_t b) {
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, a,
                                 constant(b));
  }
  Value select(Value condition, Value a, Value b) {
    return arith::SelectOp::create(builder, loc, condition, a, b);
  }
  FloatType floatType() {
    return type.getWidth() == 64 ? FloatType(builder.getF64Type())
                                 : FloatType(builder.getF32Type());
  }
  Value toFloat(Value bits) {
    return arith::BitcastOp::create(builder, loc, floatType(), bits);
  }
  Value toBits(Value number) {
    return arith::BitcastOp::create(builder, loc, type, number);
  }
  Value number(double value) {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getFloatAttr(floatType(), value));
  }
};

constexpr unsigned kF32Mantissa = 23, kF64Mantissa = 52;
constexpr int kF32Bias = 127, kF64Bias = 1023;

} // namespace

Value mlir::dl::lower::extendNarrowFloat(OpBuilder &builder, Location loc,
                                         Value value, FloatType from) {
  Bits f32{builder, loc, builder.getI32Type()};
  Format format(from);
  Value code = arith::BitcastOp::create(
      builder, loc, builder.getIntegerType(format.bits), value);
  code = arith::ExtUIOp::create(builder, loc, f32.type, code);
  if (isa<Float8E8M0FNUType>(from)) {
    // A power of two; the smallest is subnormal in f32.
    Value power = f32.select(f32.equal(code, 0), f32.constant(0x00400000),
                             f32.shl(code, kF32Mantissa));
    return f32.toFloat(
        f32.select(f32.equal(code, 0xff), f32.constant(0x7fc00000), power));
  }
  int64_t signBit = int64_t(1) << (format.bits - 1);
  Value digits = f32.bitAnd(code, signBit - 1);
  // The exponents are brought to f32's by a product, which also makes normal
  // numbers of subnormal ones.
  double scale = std::ldexp(1.0, kF32Bias - 1 + format.minExponent);
  Value number = arith::MulFOp::create(
      builder, loc,
      f32.toFloat(f32.shl(digits, kF32Mantissa - format.mantissa)),
      f32.number(scale));
  Value bits = f32.toBits(number);
  if (format.hasInfinity) {
    bits = f32.select(f32.above(digits, format.infinity),
                      f32.constant(0x7fc00000), bits);
    bits = f32.select(f32.equal(digits, format.infinity),
                      f32.constant(0x7f800000), bits);
  } else if (format.bits == 8 && format.hasNegativeZero) {
    bits = f32.select(f32.above(digits, format.largest),
                      f32.constant(0x7fc00000), bits);
  }
  bits = f32.bitOr(bits, f32.shl(f32.bitAnd(code, signBit), 32 - format.bits));
  if (!format.hasNegativeZero)
    bits = f32.select(f32.equal(code, format.notANumber),
                      f32.constant(0x7fc00000), bits);
  return f32.toFloat(bits);
}

Value mlir::dl::lower::roundToNarrowFloat(OpBuilder &builder, Location loc,
                                          Value value, FloatType to,
                                          bool saturate) {
  bool isDouble = value.getType().isF64();
  unsigned width = isDouble ? 64 : 32,
           digits = isDouble ? kF64Mantissa : kF32Mantissa;
  int bias = isDouble ? kF64Bias : kF32Bias;
  Bits wide{builder, loc, builder.getIntegerType(width)};
  Format format(to);
  Value bits = wide.toBits(value);
  Value magnitude =
      wide.bitAnd(bits, llvm::maskTrailingOnes<uint64_t>(width - 1));
  unsigned dropped = digits - format.mantissa;
  // Normal numbers: half of the last digit that stays is added, less a bit
  // where that digit is even, and the exponent counts from another start.
  Value odd = wide.bitAnd(wide.shr(magnitude, dropped), 1);
  Value rounded = wide.add(wide.add(magnitude, odd),
                           wide.constant((int64_t(1) << (dropped - 1)) - 1));
  int64_t start = int64_t(bias + format.minExponent - 1) << format.mantissa;
  Value normal = wide.sub(wide.shr(rounded, dropped), wide.constant(start));
  // Below them, the sum with a power of two has their last digit as its own.
  double power = std::ldexp(1.0, format.minExponent + int(dropped));
  Value sum = arith::AddFOp::create(builder, loc, wide.toFloat(magnitude),
                                    wide.number(power));
  Value subnormal = wide.sub(wide.toBits(sum), wide.toBits(wide.number(power)));
  int64_t smallest = int64_t(bias + format.minExponent) << digits;
  Value code =
      wide.select(wide.above(magnitude, smallest - 1), normal, subnormal);
  bool saturates = saturate || format.bits < 8;
  int64_t beyond = saturates            ? format.largest
                   : format.hasInfinity ? format.infinity
                                        : format.notANumber;
  Value isBeyond = wide.above(code, format.largest);
  code = wide.select(isBeyond, wide.constant(beyond), code);
  int64_t infinity = llvm::maskTrailingOnes<uint64_t>(width - 1 - digits)
                     << digits;
  Value isNan = wide.above(magnitude, infinity);
  Value sign = wide.shl(wide.shr(bits, width - 1), format.bits - 1);
  if (!format.hasNegativeZero) {
    // The code of a negative zero is that of not-a-number.
    Value isZero = wide.equal(code, 0);
    code = wide.bitOr(code, sign);
    code = wide.select(isZero, wide.constant(0), code);
  } else {
    code = wide.bitOr(code, sign);
  }
  code = wide.select(isNan, wide.constant(format.notANumber), code);
  Value narrow = arith::TruncIOp::create(
      builder, loc, builder.getIntegerType(format.bits), code);
  return arith::BitcastOp::create(builder, loc, to, narrow);
}
