// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Elementary functions of f32 and f64 numbers as formulas. Coefficients are
// least maximum fits, found by Lawson's iteration in 60-digit arithmetic.

#ifndef DL_CODEGEN_CPU_MATHFUNCTIONS_H
#define DL_CODEGEN_CPU_MATHFUNCTIONS_H

#include "codegen/cpu/MathBuilder.h"

namespace dl::cpu {

// In the type of their operand, f32 or f64.
Num expandExp(Num x);
Num expandExp2(Num x);
Num expandExpM1(Num x);
Num expandTanh(Num x);
Num expandLog(Num x);
Num expandErf(Num x);

// In f64 alone.
Num expandSinh(Num x);
Num expandCosh(Num x);
Num expandAsinh(Num x);
Num expandAcosh(Num x);
Num expandAtanh(Num x);
Num expandLog2(Num x);
Num expandLog10(Num x);
Num expandLog1p(Num x);
/// x to the power y; `accurate` keeps the last bits where |y log x| is large,
/// which a result in f32 does not need.
Num expandPow(Num x, Num y, bool accurate);
Num expandCbrt(Num x);
Num expandErfc(Num x);
/// The argument's reduction is accurate up to 2^50; beyond, the result lies in
/// [-1, 1] and has no meaning.
Num expandSin(Num x);
Num expandCos(Num x);
Num expandTan(Num x);
Num expandAsin(Num x);
Num expandAcos(Num x);
Num expandAtan(Num x);
Num expandAtan2(Num y, Num x);

} // namespace dl::cpu

#endif // DL_CODEGEN_CPU_MATHFUNCTIONS_H
