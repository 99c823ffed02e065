// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Logarithms and what is made of them.

#include "codegen/cpu/MathFunctions.h"

namespace dl::cpu {

namespace {

constexpr double kLn2 = 0.69314718055994530942;
constexpr double kLn2High = 0x1.62e42fefa3800p-1,
                 kLn2Low = 0x1.ef35793c76730p-45;
constexpr double kTwoTo25 = 33554432.0, kTwoTo54 = 18014398509481984.0;

/// x = 2^e (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)), for positive finite x.
struct Split {
  Num e, f;
};

} // namespace

// (log(1 + f) - f + f^2 / 2) / f^3.
static constexpr double kLogFloat[] = {
    0.3333331048488617,   -0.24999986588954926, 0.20002226531505585,
    -0.16669242084026337, 0.14218640327453613,  -0.1238449215888977,
    0.11873240023851395,  -0.11789065599441528, 0.06913906335830688};
// (log(1 + f) - 2s) / s^3 over s^2, with s = f / (2 + f).
static constexpr double kLogDouble[] = {
    0.6666666666666666,  0.4000000000000625,  0.2857142856908538,
    0.22222222646854933, 0.18181775661875424, 0.15387090883666177,
    0.13250115855875508, 0.13251345731554484};

static Split split(Num x) {
  bool isDouble = x.isDouble();
  double smallest = isDouble ? 0x1p-1022 : 0x1p-126;
  double power = isDouble ? kTwoTo54 : kTwoTo25;
  Num isDenormal = less(x, smallest);
  x = select(isDenormal, x * power, x);
  unsigned fraction = isDouble ? 52 : 23;
  Num bits = x.bits();
  // The exponent of x / sqrt(1/2).
  Num offset = x.constant(0x1.6a09e667f3bcdp-1).bits();
  Num exponent = shiftRight(bits - offset, fraction);
  Num m = (bits - shiftLeft(exponent, fraction)).asFloat();
  Num e = exponent.toFloat();
  return {select(isDenormal, e - (isDouble ? 54 : 25), e), m - 1};
}

/// log(1 + f) in f64: twice s, and the small rest.
static std::pair<Num, Num> logSeries(Num f) {
  Num s = f / (f + 2), z = s * s;
  return {s + s, s * z * polynomial(z, kLogDouble)};
}

/// What the functions return for x <= 0, infinity and NaN; else `result`.
static Num withSpecialCases(Num x, Num result) {
  result = select(equal(x, infinity()), x, result);
  result = select(equal(x, 0), -infinity(), result);
  // Also for NaN.
  return select(atLeast(x, 0), result, notANumber());
}

Num expandLog(Num x) {
  auto [e, f] = split(x);
  if (!x.isDouble()) {
    Num z = f * f;
    Num rest = fma(f * z, polynomial(f, kLogFloat), e * 1.42860682e-06);
    Num sum = fma(z, -0.5, rest) + f;
    return withSpecialCases(x, fma(e, 0.693145752, sum));
  }
  // As fdlibm: f - (f^2 / 2 - s (f^2 / 2 + R)), which loses no bits of f.
  Num s = f / (f + 2), z = s * s;
  Num half = f * f * 0.5;
  Num series = z * polynomial(z, kLogDouble);
  Num rest = fma(s, half + series, e * kLn2Low);
  return withSpecialCases(x, fma(e, kLn2High, f - (half - rest)));
}

Num expandLog2(Num x) {
  auto [e, f] = split(x);
  auto [high, low] = logSeries(f);
  return withSpecialCases(x, fma(high + low, 1 / kLn2, e));
}

Num expandLog10(Num x) {
  constexpr double log10Of2 = 0.30102999566398119521;
  auto [e, f] = split(x);
  auto [high, low] = logSeries(f);
  Num fraction = (high + low) * (log10Of2 / kLn2);
  return withSpecialCases(x, fma(e, log10Of2, fraction));
}

Num expandLog1p(Num x) {
  // The rounding error of u = 1 + x is made good by the factor x / (u - 1).
  Num u = x + 1, d = u - 1;
  Num result = expandLog(u) * (x / d);
  result = select(equal(d, 0), x, result);
  return select(equal(u, infinity()), u, result);
}

Num expandAsinh(Num x) {
  Num a = abs(x), square = a * a;
  Num small = expandLog1p(a + square / (sqrt(square + 1) + 1));
  Num large = expandLog(a) + kLn2;
  return copySign(select(greater(a, 0x1p28), large, small), x);
}

Num expandAcosh(Num x) {
  Num t = x - 1;
  Num small = expandLog1p(t + sqrt(fma(t, t, t + t)));
  Num large = expandLog(x) + kLn2;
  Num result = select(greater(x, 0x1p28), large, small);
  return select(atLeast(x, 1), result, notANumber());
}

Num expandAtanh(Num x) {
  Num a = abs(x);
  return copySign(expandLog1p((a + a) / (1 - a)) * 0.5, x);
}

Num expandCbrt(Num x) {
  // Away from denormals: the cube of 2^54 is taken out.
  Num a = abs(x), isTiny = less(a, 0x1p-900);
  a = select(isTiny, a * 0x1p162, a);
  Num root = expandExp(expandLog(a) * (1.0 / 3));
  // One step of Newton's method restores the bits that the exponential lost.
  Num square = root * root;
  Num better = root - fma(square, root, -a) / (square * 3);
  better = select(isTiny, better * 0x1p-54, better);
  // 0, infinity and NaN are their own roots.
  Num isOrdinary = less(x.constant(0), a);
  isOrdinary = isOrdinary & less(a, infinity());
  return select(isOrdinary, copySign(better, x), x);
}

/// y log(x) for x > 0 as a number and its rounding error.
static std::pair<Num, Num> scaledLog(Num x, Num y) {
  auto [e, f] = split(x);
  // s = f / (2 + f) in two parts.
  Num d = f + 2, dLow = f - (d - 2);
  Num s = f / d;
  Num sLow = (fma(-s, d, f) - s * dLow) / d;
  Num z = s * s;
  Num rest = fma(s * z, polynomial(z, kLogDouble), sLow + sLow);
  // e ln 2 + 2 s, exactly, as a number and its error: the first is the larger.
  Num first = e * kLn2High, second = s + s;
  Num sum = first + second;
  Num back = sum - first;
  Num error = (first - (sum - back)) + (second - back);
  Num low = fma(e, kLn2Low, rest + error);
  Num high = sum + low;
  low = (sum - high) + low;
  Num product = y * high;
  return {product, fma(y, high, -product) + y * low};
}

Num expandPow(Num x, Num y, bool accurate) {
  Num a = abs(x);
  Num logarithm = expandLog(a);
  // pow(1, y) = 1, also for an infinite y.
  Num product = select(equal(logarithm, 0), logarithm, y * logarithm);
  Num power = expandExp(product);
  if (accurate) {
    auto [high, low] = scaledLog(a, y);
    // Where the operands and the result are ordinary, the product's error
    // corrects the exponential.
    Num better = expandExp(high);
    Num isOrdinary = less(x.constant(0), a) & less(a, infinity()) &
                     less(abs(high), 1000) & less(better, infinity());
    power = select(isOrdinary, fma(better, low, better), power);
  }
  // A negative base: whole exponents keep or flip the sign, others give NaN.
  Num half = y * 0.5;
  Num isWhole = equal(trunc(y), y), isEven = equal(trunc(half), half);
  Num negative = select(isEven, power, -power);
  Num isBelow = isNegative(x.bits());
  Num isFinite = isBelow & less(x.constant(0), a) & less(a, infinity());
  Num result = select(isBelow & isWhole, negative, power);
  Num isInvalid = isFinite & notEqual(trunc(y), y);
  result = select(isInvalid, notANumber(), result);
  // NaN in either operand, but for pow(1, NaN) and pow(NaN, 0).
  result = select(notEqual(y, y), y, result);
  result = select(notEqual(x, x), x, result);
  result = select(equal(x, 1), 1, result);
  return select(equal(y, 0), 1, result);
}

} // namespace dl::cpu
