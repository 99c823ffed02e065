// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/FourierButterflies.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinAttributes.h"
#include <cmath>

using namespace mlir;
using namespace mlir::dl::cpu;

SmallVector<int64_t> mlir::dl::cpu::getFourierFactors(int64_t length) {
  SmallVector<int64_t> factors;
  auto takeAll = [&](int64_t factor) {
    for (; length % factor == 0; length /= factor)
      factors.push_back(factor);
  };
  takeAll(8);
  takeAll(4);
  if (length % 2 == 0) {
    length /= 2;
    factors.push_back(2);
    std::swap(factors.front(), factors.back());
  }
  for (int64_t prime = 3; prime * prime <= length; prime += 2)
    takeAll(prime);
  if (length > 1)
    factors.push_back(length);
  return factors;
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

Value ComplexBuilder::constant(double value) {
  auto element = FloatAttr::get(cast<FloatType>(type.getElementType()), value);
  return arith::ConstantOp::create(builder, loc,
                                   DenseElementsAttr::get(type, element));
}

Value ComplexBuilder::add(Value a, Value b) {
  return arith::AddFOp::create(builder, loc, a, b);
}
Value ComplexBuilder::sub(Value a, Value b) {
  return arith::SubFOp::create(builder, loc, a, b);
}
Value ComplexBuilder::mul(Value a, Value b) {
  Value product = arith::MulFOp::create(builder, loc, a, b);
  return LLVM::CallIntrinsicOp::create(
             builder, loc, type, builder.getStringAttr("llvm.arithmetic.fence"),
             ValueRange{product})
      .getResult(0);
}
Value ComplexBuilder::negate(Value a) {
  return arith::NegFOp::create(builder, loc, a);
}

Complex ComplexBuilder::timesRoot(Complex a, Value cosine, Value sine) {
  Value real = mul(a.re, cosine), imaginary = mul(a.im, cosine);
  Value crossed = mul(a.im, sine), other = mul(a.re, sine);
  return sign > 0 ? Complex{sub(real, crossed), add(other, imaginary)}
                  : Complex{add(real, crossed), sub(imaginary, other)};
}

//===----------------------------------------------------------------------===//
// Short transforms
//===----------------------------------------------------------------------===//

SmallVector<Complex> ComplexBuilder::transform(ArrayRef<Complex> x) {
  switch (x.size()) {
  case 2:
    return {add(x[0], x[1]), sub(x[0], x[1])};
  case 4:
    return transform4(x);
  case 8:
    return transform8(x);
  default:
    return transformOdd(x);
  }
}

SmallVector<Complex> ComplexBuilder::transform4(ArrayRef<Complex> x) {
  Complex even = add(x[0], x[2]), difference = sub(x[0], x[2]);
  Complex odd = add(x[1], x[3]), turned = rotate(sub(x[1], x[3]));
  return {add(even, odd), add(difference, turned), sub(even, odd),
          sub(difference, turned)};
}

SmallVector<Complex> ComplexBuilder::transform8(ArrayRef<Complex> x) {
  Value half = constant(std::sqrt(0.5));
  // Times the root of an eighth turn: (1 +- i) / sqrt(2).
  auto turnEighth = [&](Complex a) {
    Complex turned = rotate(a);
    return scale(add(a, turned), half);
  };
  Complex a1 = add(x[1], x[5]), a5 = sub(x[1], x[5]);
  Complex a3 = add(x[3], x[7]), a7 = rotate(sub(x[3], x[7]));
  Complex sum13 = add(a1, a3), turned13 = rotate(sub(a1, a3));
  Complex b5 = turnEighth(add(a5, a7)), b7 = turnEighth(rotate(sub(a5, a7)));
  Complex a0 = add(x[0], x[4]), a4 = sub(x[0], x[4]);
  Complex a2 = add(x[2], x[6]), a6 = rotate(sub(x[2], x[6]));
  Complex sum02 = add(a0, a2), difference02 = sub(a0, a2);
  Complex sum46 = add(a4, a6), difference46 = sub(a4, a6);
  return {add(sum02, sum13),           add(sum46, b5),
          add(difference02, turned13), add(difference46, b7),
          sub(sum02, sum13),           sub(sum46, b5),
          sub(difference02, turned13), sub(difference46, b7)};
}

/// Elements n and p - n share their products: cosines go with their sum, sines
/// with their difference.
SmallVector<Complex> ComplexBuilder::transformOdd(ArrayRef<Complex> x) {
  int64_t size = x.size(), half = (size - 1) / 2;
  SmallVector<Complex> sums, differences, result(size);
  for (int64_t n = 1; n <= half; ++n) {
    sums.push_back(add(x[n], x[size - n]));
    differences.push_back(sub(x[n], x[size - n]));
  }
  result[0] = x[0];
  for (Complex sum : sums)
    result[0] = add(result[0], sum);
  for (int64_t k = 1; k <= half; ++k) {
    Complex even = x[0], odd;
    for (int64_t n = 1; n <= half; ++n) {
      double angle = 2 * M_PI * static_cast<double>(k * n % size) /
                     static_cast<double>(size);
      even = add(even, scale(sums[n - 1], constant(std::cos(angle))));
      Complex term =
          scale(differences[n - 1], constant(sign * std::sin(angle)));
      odd = n == 1 ? term : add(odd, term);
    }
    odd = timesI(odd);
    result[k] = add(even, odd);
    result[size - k] = sub(even, odd);
  }
  return result;
}
