// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ir/ops/Scalars.h"
#include "ir/dialect/Dialect.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace mlir::dl;

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

static double sigmoid(double x) {
  // Two forms, so that exp cannot overflow.
  if (x >= 0)
    return 1 / (1 + std::exp(-x));
  double e = std::exp(x);
  return e / (1 + e);
}

static double modulo(double a, double b, bool isFmod) {
  double rest = std::fmod(a, b);
  return !isFmod && rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

template <typename T> static bool holds(Predicate predicate, T a, T b) {
  switch (predicate) {
  case Predicate::Eq:
    return a == b;
  case Predicate::Ne:
    return a != b;
  case Predicate::Lt:
    return a < b;
  case Predicate::Le:
    return a <= b;
  case Predicate::Gt:
    return a > b;
  case Predicate::Ge:
    return a >= b;
  }
  return false;
}

static FloatFunction unary(double (*function)(double)) {
  return [function](const double *x) { return function(x[0]); };
}

static FloatFunction getUnaryFloatFunction(Operation *op) {
  using Function = double (*)(double);
  auto function =
      llvm::TypeSwitch<Operation *, Function>(op)
          .Case<AbsOp>([](auto) -> Function { return std::fabs; })
          .Case<NegOp>(
              [](auto) -> Function { return [](double x) { return -x; }; })
          .Case<CeilOp>([](auto) -> Function { return std::ceil; })
          .Case<FloorOp>([](auto) -> Function { return std::floor; })
          .Case<RoundOp>([](auto) -> Function { return std::rint; })
          .Case<SqrtOp>([](auto) -> Function { return std::sqrt; })
          .Case<RsqrtOp>([](auto) -> Function {
            return [](double x) { return 1 / std::sqrt(x); };
          })
          .Case<ReciprocalOp>(
              [](auto) -> Function { return [](double x) { return 1 / x; }; })
          .Case<ExpOp>([](auto) -> Function { return std::exp; })
          .Case<LogOp>([](auto) -> Function { return std::log; })
          .Case<SinOp>([](auto) -> Function { return std::sin; })
          .Case<CosOp>([](auto) -> Function { return std::cos; })
          .Case<TanOp>([](auto) -> Function { return std::tan; })
          .Case<AsinOp>([](auto) -> Function { return std::asin; })
          .Case<AcosOp>([](auto) -> Function { return std::acos; })
          .Case<AtanOp>([](auto) -> Function { return std::atan; })
          .Case<SinhOp>([](auto) -> Function { return std::sinh; })
          .Case<CoshOp>([](auto) -> Function { return std::cosh; })
          .Case<AsinhOp>([](auto) -> Function { return std::asinh; })
          .Case<AcoshOp>([](auto) -> Function { return std::acosh; })
          .Case<AtanhOp>([](auto) -> Function { return std::atanh; })
          .Case<ErfOp>([](auto) -> Function { return std::erf; })
          .Case<TanhOp>([](auto) -> Function { return std::tanh; })
          .Case<SigmoidOp>([](auto) -> Function { return sigmoid; })
          .Case<SignOp>([](auto) -> Function {
            return [](double x) {
              return std::isnan(x) ? x : double((x > 0) - (x < 0));
            };
          })
          .Case<IsNanOp>([](auto) -> Function {
            return [](double x) { return double(std::isnan(x)); };
          })
          .Default(Function(nullptr));
  return function ? unary(function) : FloatFunction();
}

FloatFunction mlir::dl::getFloatFunction(Operation *op) {
  if (FloatFunction function = getUnaryFloatFunction(op))
    return function;
  using Operands = const double *;
  return llvm::TypeSwitch<Operation *, FloatFunction>(op)
      .Case<IsInfOp>([](auto isInf) {
        bool positive = isInf.getPositive(), negative = isInf.getNegative();
        return [=](Operands x) {
          return double(std::isinf(x[0]) && (x[0] > 0 ? positive : negative));
        };
      })
      .Case<AddOp>([](auto) { return [](Operands x) { return x[0] + x[1]; }; })
      .Case<SubOp>([](auto) { return [](Operands x) { return x[0] - x[1]; }; })
      .Case<MulOp>([](auto) { return [](Operands x) { return x[0] * x[1]; }; })
      .Case<DivOp>([](auto) { return [](Operands x) { return x[0] / x[1]; }; })
      .Case<ModOp>([](auto mod) {
        bool isFmod = mod.getFmod();
        return [=](Operands x) { return modulo(x[0], x[1], isFmod); };
      })
      .Case<PowOp>(
          [](auto) { return [](Operands x) { return std::pow(x[0], x[1]); }; })
      .Case<MaxOp>([](auto) {
        return [](Operands x) {
          return std::isnan(x[0]) || x[0] > x[1] ? x[0] : x[1];
        };
      })
      .Case<MinOp>([](auto) {
        return [](Operands x) {
          return std::isnan(x[0]) || x[0] < x[1] ? x[0] : x[1];
        };
      })
      .Case<CompareOp>([](auto compare) {
        Predicate predicate = compare.getPredicate();
        return [=](Operands x) { return double(holds(predicate, x[0], x[1])); };
      })
      .Default(FloatFunction());
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

// Arithmetic that wraps is done on unsigned numbers, where it is defined.
static int64_t wrap(uint64_t value) { return static_cast<int64_t>(value); }

static int64_t divide(int64_t a, int64_t b, bool isUnsigned) {
  if (b == 0)
    return 0;
  if (isUnsigned)
    return wrap(static_cast<uint64_t>(a) / static_cast<uint64_t>(b));
  return b == -1 ? wrap(-static_cast<uint64_t>(a)) : a / b;
}

static int64_t modulo(int64_t a, int64_t b, bool isFmod, bool isUnsigned) {
  if (b == 0)
    return 0;
  if (isUnsigned)
    return wrap(static_cast<uint64_t>(a) % static_cast<uint64_t>(b));
  int64_t rest = b == -1 ? 0 : a % b;
  return !isFmod && rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

static int64_t power(int64_t base, int64_t exponent, bool isUnsigned) {
  if (!isUnsigned && exponent < 0)
    return base == 1 ? 1 : base == -1 ? (exponent % 2 ? -1 : 1) : 0;
  uint64_t result = 1, square = base;
  for (auto rest = static_cast<uint64_t>(exponent); rest; rest >>= 1) {
    if (rest & 1)
      result *= square;
    square *= square;
  }
  return wrap(result);
}

static int64_t shiftRight(int64_t value, uint64_t count, bool isUnsigned) {
  if (isUnsigned)
    return count < 64 ? wrap(static_cast<uint64_t>(value) >> count) : 0;
  return value >> std::min<uint64_t>(count, 63);
}

static bool compareInts(Predicate predicate, int64_t a, int64_t b,
                        bool isUnsigned) {
  return isUnsigned ? holds<uint64_t>(predicate, a, b)
                    : holds<int64_t>(predicate, a, b);
}

IntFunction mlir::dl::getIntFunction(Operation *op, bool isUnsigned) {
  using Operands = const int64_t *;
  return llvm::TypeSwitch<Operation *, IntFunction>(op)
      .Case<AbsOp>([=](auto) {
        return [=](Operands x) {
          return isUnsigned || x[0] >= 0 ? x[0]
                                         : wrap(-static_cast<uint64_t>(x[0]));
        };
      })
      .Case<NegOp>([](auto) {
        return [](Operands x) { return wrap(-static_cast<uint64_t>(x[0])); };
      })
      .Case<SignOp>([=](auto) {
        return [=](Operands x) -> int64_t {
          return isUnsigned ? x[0] != 0 : (x[0] > 0) - (x[0] < 0);
        };
      })
      .Case<NotOp>([](auto) { return [](Operands x) { return ~x[0]; }; })
      .Case<AddOp>([](auto) {
        return [](Operands x) { return wrap(uint64_t(x[0]) + uint64_t(x[1])); };
      })
      .Case<SubOp>([](auto) {
        return [](Operands x) { return wrap(uint64_t(x[0]) - uint64_t(x[1])); };
      })
      .Case<MulOp>([](auto) {
        return [](Operands x) { return wrap(uint64_t(x[0]) * uint64_t(x[1])); };
      })
      .Case<DivOp>([=](auto) {
        return [=](Operands x) { return divide(x[0], x[1], isUnsigned); };
      })
      .Case<ModOp>([=](auto mod) {
        bool isFmod = mod.getFmod();
        return
            [=](Operands x) { return modulo(x[0], x[1], isFmod, isUnsigned); };
      })
      .Case<PowOp>([=](auto) {
        return [=](Operands x) { return power(x[0], x[1], isUnsigned); };
      })
      .Case<MaxOp>([=](auto) {
        return [=](Operands x) {
          return compareInts(Predicate::Gt, x[0], x[1], isUnsigned) ? x[0]
                                                                    : x[1];
        };
      })
      .Case<MinOp>([=](auto) {
        return [=](Operands x) {
          return compareInts(Predicate::Lt, x[0], x[1], isUnsigned) ? x[0]
                                                                    : x[1];
        };
      })
      .Case<AndOp>([](auto) { return [](Operands x) { return x[0] & x[1]; }; })
      .Case<OrOp>([](auto) { return [](Operands x) { return x[0] | x[1]; }; })
      .Case<XorOp>([](auto) { return [](Operands x) { return x[0] ^ x[1]; }; })
      .Case<ShlOp>([](auto) {
        return [](Operands x) {
          auto count = static_cast<uint64_t>(x[1]);
          return count < 64 ? wrap(static_cast<uint64_t>(x[0]) << count) : 0;
        };
      })
      .Case<ShrOp>([=](auto) {
        return [=](Operands x) { return shiftRight(x[0], x[1], isUnsigned); };
      })
      .Case<CompareOp>([=](auto compare) {
        Predicate predicate = compare.getPredicate();
        return [=](Operands x) -> int64_t {
          return compareInts(predicate, x[0], x[1], isUnsigned);
        };
      })
      .Default(IntFunction());
}

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

bool mlir::dl::isUnsignedElement(Type elementType) {
  return elementType.isUnsignedInteger() || elementType.isInteger(1);
}

llvm::APFloat mlir::dl::roundToFloat(double value,
                                     const llvm::fltSemantics &semantics,
                                     bool saturate) {
  llvm::APFloat exact(value), rounded = exact;
  unsigned bits = llvm::APFloat::getSizeInBits(semantics);
  if (bits < 8) {
    // Finite numbers alone.
    if (exact.isNaN())
      return llvm::APFloat::getZero(semantics);
    double limit = llvm::APFloat::getLargest(semantics).convertToDouble();
    rounded = exact = llvm::APFloat(std::clamp(value, -limit, limit));
  }
  bool lossy;
  rounded.convert(semantics, llvm::APFloat::rmNearestTiesToEven, &lossy);
  if (saturate && bits == 8 && !exact.isNaN() && !rounded.isFinite())
    return llvm::APFloat::getLargest(semantics, exact.isNegative());
  return rounded;
}

llvm::APInt mlir::dl::truncateToInt(double value, unsigned width,
                                    bool isUnsigned) {
  if (width == 1)
    return llvm::APInt(1, value != 0);
  // Narrow integers take the low bits, as a C++ program does.
  bool isWide = width == 64 || (width == 32 && isUnsigned);
  llvm::APSInt result(isWide ? 64 : 32, isUnsigned && width == 64);
  bool exact;
  llvm::APFloat(value).convertToInteger(result, llvm::APFloat::rmTowardZero,
                                        &exact);
  return result.trunc(width);
}
