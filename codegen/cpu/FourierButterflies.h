// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The steps of a fast Fourier transform: which there are, and the short
// transforms that each of them is made of.

#ifndef DL_CODEGEN_CPU_FOURIERBUTTERFLIES_H
#define DL_CODEGEN_CPU_FOURIERBUTTERFLIES_H

#include "mlir/IR/Builders.h"

namespace mlir::dl::cpu {

/// A complex number for each lane.
struct Complex {
  Value re, im;
};

/// The factors of a length, in the order in which a transform takes them: those
/// of pocketfft (M. Reinecke), which numpy uses.
SmallVector<int64_t> getFourierFactors(int64_t length);

/// A factor up to this is one butterfly, unrolled; larger ones are primes.
constexpr int64_t kMaxButterfly = 13;

/// Arithmetic on complex vectors. Products are rounded before they are added,
/// which a fence keeps LLVM from changing: elements that cancel do so exactly,
/// and results are the same on every CPU, and mostly those of numpy.
class ComplexBuilder {
public:
  ComplexBuilder(OpBuilder &builder, Location loc, VectorType type, int sign)
      : builder(builder), loc(loc), type(type), sign(sign) {}

  Value constant(double value);
  Value add(Value a, Value b);
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  Value negate(Value a);
  Complex add(Complex a, Complex b) {
    return {add(a.re, b.re), add(a.im, b.im)};
  }
  Complex sub(Complex a, Complex b) {
    return {sub(a.re, b.re), sub(a.im, b.im)};
  }
  /// Both parts times a real number.
  Complex scale(Complex a, Value factor) {
    return {mul(a.re, factor), mul(a.im, factor)};
  }
  /// Times i, times i with the transform's sign.
  Complex timesI(Complex a) { return {negate(a.im), a.re}; }
  Complex rotate(Complex a) {
    return sign > 0 ? timesI(a) : Complex{a.im, negate(a.re)};
  }
  /// Times the root, or its conjugate where the sign is negative.
  Complex timesRoot(Complex a, Value cosine, Value sine);

  /// The transform of 2, 4, 8 or an odd number of elements up to kMaxButterfly.
  SmallVector<Complex> transform(ArrayRef<Complex> x);

  OpBuilder &builder;
  Location loc;
  VectorType type;
  const int sign; // of the exponent: 1 or -1

private:
  SmallVector<Complex> transform4(ArrayRef<Complex> x);
  SmallVector<Complex> transform8(ArrayRef<Complex> x);
  SmallVector<Complex> transformOdd(ArrayRef<Complex> x);
};

} // namespace mlir::dl::cpu

#endif // DL_CODEGEN_CPU_FOURIERBUTTERFLIES_H
