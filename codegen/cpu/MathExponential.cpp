// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Functions made of the exponential.

#include "codegen/cpu/MathFunctions.h"

namespace dl::cpu {

constexpr double kLn2 = 0.69314718055994530942;

namespace {

/// x = n ln 2 + r with |r| <= ln 2 / 2, and e^r - 1.
struct Reduced {
  Num n;     // a whole number
  Num bits;  // n as an integer
  Num expm1; // e^r - 1
};

} // namespace

// (e^r - 1 - r) / r^2.
static constexpr double kExpFloat[] = {
    0.5, 0.166665181517601, 0.04166620597243309, 0.008368917740881443,
    0.0013950540451332927};
static constexpr double kExpDouble[] = {0.5,
                                        0.16666666666666677,
                                        0.0416666666666667,
                                        0.008333333333321527,
                                        0.001388888888886674,
                                        0.00019841269886410078,
                                        2.480158736074887e-05,
                                        2.7557243903489576e-06,
                                        2.755724259633542e-07,
                                        2.5109150011389865e-08,
                                        2.092449371136133e-09};

static Num expm1Reduced(Num r) {
  Num q = r.isDouble() ? polynomial(r, kExpDouble) : polynomial(r, kExpFloat);
  return fma(r * r, q, r);
}

/// The whole number nearest to x, as a float and as an integer, for |x| below
/// half of the significand's range: adding 1.5 * 2^p leaves it in the low bits.
static std::pair<Num, Num> nearest(Num scaled) {
  double magic = scaled.isDouble() ? 6755399441055744.0 : 12582912.0;
  Num bits = scaled.bits() - scaled.constant(magic).bits();
  return {scaled - magic, bits};
}

static Reduced reduce(Num x) {
  bool isDouble = x.isDouble();
  double magic = isDouble ? 6755399441055744.0 : 12582912.0;
  auto [n, bits] = nearest(fma(x, 1 / kLn2, x.constant(magic)));
  // ln 2 in two parts: the first times n is exact.
  double high = isDouble ? 0x1.62e42fefa3800p-1 : 0x1.62e400p-1;
  double low = isDouble ? 0x1.ef35793c76730p-45 : 0x1.7f7d1cf79abcap-20;
  Num r = fma(n, -low, fma(n, -high, x));
  return {n, bits, expm1Reduced(r)};
}

/// 2^n for an exponent in the normal range.
static Num powerOfTwo(Num n) {
  unsigned fraction = n.width() == 64 ? 52 : 23;
  int64_t bias = n.width() == 64 ? 1023 : 127;
  return shiftLeft(n + n.integer(bias), fraction).asFloat();
}

/// x * 2^n, right where 2^n or the result is denormal or infinite; n as a float
/// and as an integer.
static Num scale(Num x, Num n, Num bits) {
  if (std::optional<Num> scaled = scaleByInstruction(x, n))
    return *scaled;
  Num half = shiftRight(bits, 1);
  return x * powerOfTwo(half) * powerOfTwo(bits - half);
}

/// 2^n in the normal range; n as a float and as an integer.
static Num normalPowerOfTwo(Num n, Num bits) {
  std::optional<Num> scaled = scaleByInstruction(n.constant(1), n);
  return scaled ? *scaled : powerOfTwo(bits);
}

/// f(x) limited to `high`, and 0 below `low`, where the result is too small for
/// its type. Such lanes compute f(0): a result that underflows takes the CPU
/// over a hundred cycles, and masks of attention are full of them.
static Num expandRange(Num x, double low, double high,
                       llvm::function_ref<Num(Num)> f) {
  Num underflows = less(x, low);
  Num limited = select(less(x.constant(high), x), high, x);
  return select(underflows, 0, f(select(underflows, 0, limited)));
}

Num expandExp(Num x) {
  auto expand = [](Num limited) {
    Reduced reduced = reduce(limited);
    return scale(reduced.expm1 + 1, reduced.n, reduced.bits);
  };
  return x.isDouble() ? expandRange(x, -746, 710, expand)
                      : expandRange(x, -104, 89, expand);
}

Num expandExp2(Num x) {
  auto expand = [](Num limited) {
    double magic = limited.isDouble() ? 6755399441055744.0 : 12582912.0;
    auto [n, bits] = nearest(limited + magic);
    return scale(expm1Reduced((limited - n) * kLn2) + 1, n, bits);
  };
  return x.isDouble() ? expandRange(x, -1076, 1025, expand)
                      : expandRange(x, -151, 129, expand);
}

/// e^x - 1 for x in a range where 2^n is a normal number.
static Num expm1InRange(Num x) {
  Reduced reduced = reduce(x);
  Num power = normalPowerOfTwo(reduced.n, reduced.bits);
  return fma(power, reduced.expm1, power - 1);
}

Num expandExpM1(Num x) {
  // The 1 does not count above the bound; below, the result is -1.
  double bound = x.isDouble() ? 40 : 20;
  Num small = expm1InRange(clamp(x, -bound, bound));
  small = select(equal(x, 0), x, small);
  return select(greater(x, bound), expandExp(x), small);
}

Num expandTanh(Num x) {
  // t / (t + 2) with t = e^2|x| - 1 has no cancellation; 1 beyond the bound.
  double bound = x.isDouble() ? 20 : 10;
  Num a = abs(x);
  Num limited = select(less(a.constant(bound), a), bound, a);
  Num t = expm1InRange(limited + limited);
  return copySign(t / (t + 2), x);
}

Num expandSinh(Num x) {
  Num a = abs(x), t = expandExpM1(a);
  Num small = (t + t / (t + 1)) * 0.5;
  Num root = expandExp(a * 0.5);
  return copySign(select(greater(a, 40), root * 0.5 * root, small), x);
}

Num expandCosh(Num x) {
  Num a = abs(x), e = expandExp(a);
  Num root = expandExp(a * 0.5);
  return select(greater(a, 40), root * 0.5 * root, (e + 1 / e) * 0.5);
}

//===----------------------------------------------------------------------===//
// Error function
//===----------------------------------------------------------------------===//

// erf(x) / x over x^2.
static constexpr double kErfSmallFloat[] = {
    1.1283791065216064,    -0.37612488865852356, 0.11281759291887283,
    -0.026763945817947388, 0.004988571163266897, -0.0005964520387351513};
// -log(1 - erf(x)) from 0.92 on.
static constexpr double kErfLargeFloat[] = {
    0.00020663159375544637, 1.127629041671753,     0.6372629404067993,
    0.10385890305042267,    -0.022191021591424942, 0.003034008666872978,
    -0.00019497922039590776};
static constexpr double kErfSmallDouble[] = {
    1.1283791670955126,      -0.37612638903183754,   0.11283791670955087,
    -0.02686617064511857,    0.005223977625223982,   -0.0008548327001282704,
    0.00012055331552793715,  -1.492558962990614e-05, 1.646038839620492e-06,
    -1.6333297204687091e-07, 1.4414380999931117e-08, -9.504442410553513e-10};
// (1 + 2x) e^(x^2) erfc(x) over (x - 3.75) / (x + 3.75), for x from 0.5 to 28:
// the form of Shepherd and Laframboise, Mathematics of Computation 36 (1981).
static constexpr double kErfcDouble[] = {
    1.2375126308378275,      -0.1402405985855468,    0.003585415485466896,
    0.08227673849012208,     -0.10880393014191655,   0.09230432116130316,
    -0.05869339858520425,    0.02836227740221729,    -0.009746579617973233,
    0.0017556260175584592,   0.00029371413798080814, -0.00029015504764744947,
    5.164677725758037e-05,   2.2387787281607224e-05, -1.1436801120678117e-05,
    -9.817850538687758e-07,  1.7366254698361884e-06, -4.544009517671386e-08,
    -2.3938328014878907e-07, 1.3591667989078485e-08, 2.425237168899058e-08};

/// erf(|x|) in f32.
static Num erfFloat(Num a) {
  Num small = a * polynomial(a * a, kErfSmallFloat);
  Num limited = select(less(a.constant(4.1), a), 4.1, a);
  Reduced reduced = reduce(-polynomial(limited, kErfLargeFloat));
  // 1 - 2^n (1 + (e^r - 1)).
  Num power = normalPowerOfTwo(reduced.n, reduced.bits);
  Num large = fma(-power, reduced.expm1, 1 - power);
  return select(less(a, 0.92), small, large);
}

/// erfc(a) for a >= 0.5, in f64.
static Num erfcDouble(Num a) {
  Num limited = select(less(a.constant(28), a), 28, a);
  Num series = polynomial((limited - 3.75) / (limited + 3.75), kErfcDouble) /
               fma(limited, 2, limited.constant(1));
  // The square in two parts: the exponential magnifies its rounding error.
  Num square = limited * limited;
  Num rest = fma(limited, limited, -square);
  return expandExp(-square) * fma(-rest, series, series);
}

Num expandErf(Num x) {
  Num a = abs(x);
  if (!x.isDouble())
    return copySign(erfFloat(a), x);
  Num small = a * polynomial(a * a, kErfSmallDouble);
  return copySign(select(less(a, 0.75), small, 1 - erfcDouble(a)), x);
}

Num expandErfc(Num x) {
  Num a = abs(x), large = erfcDouble(a);
  Num small = fma(-x, polynomial(x * x, kErfSmallDouble), 1);
  Num outer = select(less(x, 0), 2 - large, large);
  return select(less(a, 0.5), small, outer);
}

} // namespace dl::cpu
