// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Trigonometric functions and their inverses, in f64.

#include "codegen/cpu/MathFunctions.h"

namespace dl::cpu {

constexpr double kHalfPi = 1.57079632679489661923;
constexpr double kPi = 3.14159265358979323846;

// (sin(r) - r) / r^3 and (cos(r) - 1 + r^2 / 2) / r^4 over r^2, |r| <= pi / 4.
static constexpr double kSin[] = {
    -0.16666666666666666,  0.008333333333333323,    -0.00019841269841255118,
    2.755731921421764e-06, -2.5052104918888792e-08, 1.6058367581964085e-10,
    -7.578746291689399e-13};
static constexpr double kCos[] = {
    0.041666666666666664,    -0.0013888888888888874, 2.4801587301571516e-05,
    -2.7557319215384883e-07, 2.0876754368243857e-09, -1.1470293506894746e-11,
    4.7381200322389265e-14};
// (atan(t) - t) / t^3 over t^2, t <= tan(pi / 8).
static constexpr double kAtan[] = {
    -0.33333333333333326, 0.19999999999997686,  -0.14285714285390294,
    0.11111111088321726,  -0.09090908149764736, 0.0769228287785309,
    -0.06666228527372596, 0.058770392143325606, -0.05218516978745404,
    0.04504008995251435,  -0.03348519363746518, 0.015206093174741751};
// (asin(t) - t) / t^3 over t^2, t <= 1/2.
static constexpr double kAsin[] = {
    0.16666666666666763,   0.07499999999970099,  0.04464285717528309,
    0.030381942675514653,  0.022372215897499312, 0.017351595674271213,
    0.013981016239758717,  0.011397313118742045, 0.010789203197758826,
    0.0036726462381323315, 0.021789496361902513, -0.021115059998900877,
    0.032701109854128885};

namespace {

/// sin(r) and cos(r) for x = n pi / 2 + r, and n's low bits.
struct Reduced {
  Num quadrant, sine, cosine;
};

} // namespace

static Reduced reduce(Num x) {
  constexpr double magic = 6755399441055744.0; // 1.5 * 2^52
  Num shifted = fma(x, 1 / kHalfPi, x.constant(magic));
  Num n = shifted - magic;
  // pi / 2 in three parts. The first difference is exact.
  Num r = fma(n, -0x1.921fb54442d18p+0, x);
  r = fma(n, -0x1.1a62633145c07p-54, r);
  r = fma(n, 0x1.f1976b7ed8fbcp-110, r);
  // Where the reduction has no meaning, the series still must not diverge.
  r = clamp(r, -0.8, 0.8);
  Num z = r * r;
  Num sine = fma(r * z, polynomial(z, kSin), r);
  Num cosine = fma(z * z, polynomial(z, kCos), fma(z, -0.5, z.constant(1)));
  // Infinity has no sine.
  Num zero = x - x;
  return {shifted.bits(), sine + zero, cosine + zero};
}

/// One function, shifted by quadrants.
static Num choose(const Reduced &reduced, Num quadrant) {
  Num one = quadrant.integer(1);
  Num value = select(isSet(quadrant & one), reduced.cosine, reduced.sine);
  Num sign = shiftLeft(quadrant & quadrant.integer(2), 62);
  return (value.bits() ^ sign).asFloat();
}

Num expandSin(Num x) {
  Reduced reduced = reduce(x);
  // Keeps the sign of zero.
  return select(equal(x, 0), x, choose(reduced, reduced.quadrant));
}

Num expandCos(Num x) {
  Reduced reduced = reduce(x);
  return choose(reduced, reduced.quadrant + reduced.quadrant.integer(1));
}

Num expandTan(Num x) {
  Reduced reduced = reduce(x);
  Num isOdd = isSet(reduced.quadrant & reduced.quadrant.integer(1));
  Num above = select(isOdd, -reduced.cosine, reduced.sine);
  Num below = select(isOdd, reduced.sine, reduced.cosine);
  return select(equal(x, 0), x, above / below);
}

/// atan(t) for t in [0, 1].
static Num atanInUnit(Num t) {
  Num isLarge = greater(t, 0.41421356237309503);
  Num u = select(isLarge, (t - 1) / (t + 1), t), z = u * u;
  Num value = fma(u * z, polynomial(z, kAtan), u);
  return select(isLarge, value + kHalfPi / 2, value);
}

Num expandAtan(Num x) {
  Num a = abs(x), isLarge = greater(a, 1);
  Num value = atanInUnit(select(isLarge, 1 / a, a));
  return copySign(select(isLarge, kHalfPi - value, value), x);
}

Num expandAtan2(Num y, Num x) {
  Num a = abs(y), b = abs(x);
  Num isSteep = less(b, a);
  Num large = select(isSteep, a, b), small = select(isSteep, b, a);
  // 0 / 0 counts as 0, and infinity / infinity as 1.
  Num ratio = small / large;
  ratio = select(equal(small, large), 1, ratio);
  ratio = select(equal(large, 0), 0, ratio);
  Num angle = atanInUnit(ratio);
  angle = select(isSteep, kHalfPi - angle, angle);
  angle = select(isNegative(x.bits()), kPi - angle, angle);
  // The selections above hide a NaN operand.
  angle = select(notEqual(x, x), x, copySign(angle, y));
  return select(notEqual(y, y), y, angle);
}

/// asin(t) for |t| <= 1/2.
static Num asinSmall(Num t) {
  Num z = t * t;
  return fma(t * z, polynomial(z, kAsin), t);
}

Num expandAsin(Num x) {
  Num a = abs(x), isLarge = greater(a, 0.5);
  Num root = sqrt((1 - a) * 0.5);
  Num series = asinSmall(select(isLarge, root, a));
  return copySign(select(isLarge, kHalfPi - (series + series), series), x);
}

Num expandAcos(Num x) {
  Num a = abs(x), isLarge = greater(a, 0.5);
  Num root = sqrt((1 - a) * 0.5);
  Num series = asinSmall(select(isLarge, root, x));
  Num twice = series + series;
  Num large = select(less(x, 0), kPi - twice, twice);
  return select(isLarge, large, kHalfPi - series);
}

} // namespace dl::cpu
