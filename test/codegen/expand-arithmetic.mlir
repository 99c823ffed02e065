// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt %s --dl-cpu-expand-arithmetic | FileCheck %s

// No function is left that a library would have to compute.
// CHECK-LABEL: func.func @exp
// CHECK-NOT: math.exp
// CHECK: math.fma {{.*}} : vector<16xf32>
func.func @exp(%a: vector<16xf32>) -> vector<16xf32> {
  %r = math.exp %a : vector<16xf32>
  return %r : vector<16xf32>
}

// The rarer functions of f32 are computed in f64.
// CHECK-LABEL: func.func @asin
// CHECK: arith.extf {{.*}} : f32 to f64
// CHECK-NOT: math.asin
// CHECK: arith.truncf {{.*}} : f64 to f32
func.func @asin(%a: f32) -> f32 {
  %r = math.asin %a : f32
  return %r : f32
}

// Halves are computed in f32; bf16 is converted by integer arithmetic.
// CHECK-LABEL: func.func @add
// CHECK: arith.shli
// CHECK: arith.addf {{.*}} : vector<16xf32>
// CHECK: arith.shrui
// CHECK-NOT: arith.truncf
func.func @add(%a: vector<16xbf16>) -> vector<16xbf16> {
  %r = arith.addf %a, %a : vector<16xbf16>
  return %r : vector<16xbf16>
}

// CHECK-LABEL: func.func @sqrt
// CHECK: arith.extf {{.*}} : f16 to f32
// CHECK: math.sqrt {{.*}} : f32
// CHECK: arith.truncf {{.*}} : f32 to f16
func.func @sqrt(%a: f16) -> f16 {
  %r = math.sqrt %a : f16
  return %r : f16
}

// What is computed in f32 within a kernel is rounded once, at its end; a conversion
// that the model asks for is kept.
// CHECK-LABEL: func.func @chain
// CHECK: arith.extf {{.*}} : f16 to f32
// CHECK: arith.addf {{.*}} : f32
// CHECK-NOT: arith.truncf
// CHECK: arith.mulf {{.*}} : f32
// CHECK: arith.truncf {{.*}} : f32 to f16
// CHECK: arith.extf {{.*}} : f16 to f32
func.func @chain(%a: f16) -> f32 {
  %0 = arith.addf %a, %a : f16
  %1 = arith.mulf %0, %a : f16
  %2 = arith.extf %1 : f16 to f32
  return %2 : f32
}

// A maximum that may pass over NaN is one comparison, as the CPU's instruction; one
// that may not stays.
// CHECK-LABEL: func.func @maximum
// CHECK-SAME: (%[[A:.*]]: vector<16xf32>, %[[B:.*]]: vector<16xf32>)
// CHECK: %[[C:.*]] = arith.cmpf ogt, %[[B]], %[[A]]
// CHECK: %[[R:.*]] = arith.select %[[C]], %[[B]], %[[A]]
// CHECK: arith.maximumf %[[R]], %[[A]] fastmath<nsz>
func.func @maximum(%a: vector<16xf32>, %b: vector<16xf32>) -> vector<16xf32> {
  %0 = arith.maximumf %a, %b fastmath<nnan,nsz> : vector<16xf32>
  %1 = arith.maximumf %0, %a fastmath<nsz> : vector<16xf32>
  return %1 : vector<16xf32>
}

// Quantization rounds by the CPU's conversion, between limits less the zero point; NaN is the lowest.
// CHECK-LABEL: func.func @quantize
// CHECK-DAG: %[[LOW:.*]] = arith.constant dense<-1.000000e+01> : vector<16xf32>
// CHECK-DAG: %[[HIGH:.*]] = arith.constant dense<2.450000e+02> : vector<16xf32>
// CHECK-DAG: %[[POINT:.*]] = arith.constant dense<10> : vector<16xi32>
// CHECK: arith.cmpf ogt, %arg0, %[[LOW]]
// CHECK: arith.cmpf olt, %[[HIGH]]
// CHECK: %[[R:.*]] = llvm.intr.lrint
// CHECK: %[[I:.*]] = arith.addi %[[R]], %[[POINT]]
// CHECK: arith.trunci %[[I]]
func.func @quantize(%a: vector<16xf32>) -> vector<16xi8> {
  %z = arith.constant dense<10.0> : vector<16xf32>
  %low = arith.constant dense<0.0> : vector<16xf32>
  %high = arith.constant dense<255.0> : vector<16xf32>
  %0 = math.roundeven %a : vector<16xf32>
  %1 = arith.addf %0, %z : vector<16xf32>
  %2 = arith.maximumf %1, %low : vector<16xf32>
  %3 = arith.minimumf %2, %high : vector<16xf32>
  %4 = arith.fptosi %3 : vector<16xf32> to vector<16xi32>
  %5 = arith.trunci %4 : vector<16xi32> to vector<16xi8>
  return %5 : vector<16xi8>
}

// What is quantized and dequantized at once is never a byte; where the byte is stored, too, it is made beside.
// CHECK-LABEL: func.func @fake_quantize
// CHECK: %[[R:.*]] = llvm.intr.lrint
// CHECK: %[[I:.*]] = arith.addi %[[R]]
// CHECK-NOT: arith.uitofp
// CHECK: %[[REAL:.*]] = arith.sitofp %[[I]] : vector<16xi32> to vector<16xf32>
// CHECK-NOT: arith.uitofp
// CHECK: return %[[REAL]]
func.func @fake_quantize(%a: vector<16xf32>) -> vector<16xf32> {
  %z = arith.constant dense<10.0> : vector<16xf32>
  %low = arith.constant dense<0.0> : vector<16xf32>
  %high = arith.constant dense<255.0> : vector<16xf32>
  %0 = math.roundeven %a : vector<16xf32>
  %1 = arith.addf %0, %z : vector<16xf32>
  %2 = arith.maximumf %1, %low : vector<16xf32>
  %3 = arith.minimumf %2, %high : vector<16xf32>
  %4 = arith.fptosi %3 : vector<16xf32> to vector<16xi32>
  %5 = arith.trunci %4 : vector<16xi32> to vector<16xi8>
  %6 = arith.uitofp %5 : vector<16xi8> to vector<16xf32>
  return %6 : vector<16xf32>
}

// A byte that is read as a signed one is another number than was limited: it is made.
// CHECK-LABEL: func.func @read_otherwise
// CHECK: %[[BYTE:.*]] = arith.trunci
// CHECK: arith.sitofp %[[BYTE]] : vector<16xi8>
func.func @read_otherwise(%a: vector<16xf32>) -> vector<16xf32> {
  %z = arith.constant dense<10.0> : vector<16xf32>
  %low = arith.constant dense<0.0> : vector<16xf32>
  %high = arith.constant dense<255.0> : vector<16xf32>
  %0 = math.roundeven %a : vector<16xf32>
  %1 = arith.addf %0, %z : vector<16xf32>
  %2 = arith.maximumf %1, %low : vector<16xf32>
  %3 = arith.minimumf %2, %high : vector<16xf32>
  %4 = arith.fptosi %3 : vector<16xf32> to vector<16xi32>
  %5 = arith.trunci %4 : vector<16xi32> to vector<16xi8>
  %6 = arith.sitofp %5 : vector<16xi8> to vector<16xf32>
  return %6 : vector<16xf32>
}

// Likewise where numbers are repeated by an op, as kernels have them.
// CHECK-LABEL: func.func @quantize_by_scalars
// CHECK-NOT: roundeven
// CHECK: llvm.intr.lrint
// CHECK-NOT: fptosi
func.func @quantize_by_scalars(%a: vector<16xf32>) -> vector<16xi8> {
  %point = arith.constant 122.0 : f32
  %zero = arith.constant 0.0 : f32
  %most = arith.constant 255.0 : f32
  %z = vector.broadcast %point : f32 to vector<16xf32>
  %low = vector.broadcast %zero : f32 to vector<16xf32>
  %high = vector.broadcast %most : f32 to vector<16xf32>
  %0 = math.roundeven %a : vector<16xf32>
  %1 = arith.addf %0, %z : vector<16xf32>
  %2 = arith.maximumf %1, %low : vector<16xf32>
  %3 = arith.minimumf %2, %high : vector<16xf32>
  %4 = arith.fptosi %3 : vector<16xf32> to vector<16xi32>
  %5 = arith.trunci %4 : vector<16xi32> to vector<16xi8>
  return %5 : vector<16xi8>
}

// Between limits that are no integers, or that may be beyond i32, it does not.
// CHECK-LABEL: func.func @no_quantization
// CHECK: math.roundeven
// CHECK: arith.fptosi
func.func @no_quantization(%a: vector<16xf32>) -> vector<16xi32> {
  %low = arith.constant dense<0.5> : vector<16xf32>
  %high = arith.constant dense<255.0> : vector<16xf32>
  %0 = math.roundeven %a : vector<16xf32>
  %1 = arith.maximumf %0, %low : vector<16xf32>
  %2 = arith.minimumf %1, %high : vector<16xf32>
  %3 = arith.fptosi %2 : vector<16xf32> to vector<16xi32>
  return %3 : vector<16xi32>
}

// Of a division by a constant, two products are left where they are exact.
// CHECK-LABEL: func.func @divide
// CHECK-DAG: %[[HIGH:.*]] = arith.constant dense<0.707106769> : vector<16xf32>
// CHECK-DAG: %[[LOW:.*]] = arith.constant dense<2.4203235E-8> : vector<16xf32>
// CHECK: %[[REST:.*]] = arith.mulf %arg0, %[[LOW]]
// CHECK: math.fma %arg0, %[[HIGH]], %[[REST]]
// CHECK-NOT: arith.divf
func.func @divide(%a: vector<16xf32>) -> vector<16xf32> {
  %root = arith.constant 1.41421354 : f32
  %c = vector.broadcast %root : f32 to vector<16xf32>
  %r = arith.divf %a, %c : vector<16xf32>
  return %r : vector<16xf32>
}

// By what is no constant, far from 1 or no number, and of other types it stays.
// CHECK-LABEL: func.func @divisions
// CHECK-COUNT-5: arith.divf
func.func @divisions(%a: vector<16xf32>, %b: vector<16xf32>, %d: vector<8xf64>, %s: f32) -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<8xf64>, f32) {
  %huge = arith.constant dense<1.5e30> : vector<16xf32>
  %nan = arith.constant dense<0x7FC00000> : vector<16xf32>
  %three = arith.constant dense<3.0> : vector<8xf64>
  %one = arith.constant 3.0 : f32
  %0 = arith.divf %a, %b : vector<16xf32>
  %1 = arith.divf %a, %huge : vector<16xf32>
  %2 = arith.divf %a, %nan : vector<16xf32>
  %3 = arith.divf %d, %three : vector<8xf64>
  %4 = arith.divf %s, %one : f32
  return %0, %1, %2, %3, %4 : vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<8xf64>, f32
}
