// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-requantize --canonicalize %s | FileCheck %s

// The division goes into the scale and the bias, and below the maximum.

// CHECK-LABEL: func.func @scaled
// CHECK-DAG: %[[S:.*]] = dl.constant dense<2.000000e+00> : tensor<f32>
// CHECK-DAG: %[[B:.*]] = dl.constant dense<[4.000000e+00, 8.000000e+00]> : tensor<2xf32>
// CHECK: %[[F:.*]] = dl.exp
// CHECK: %[[M:.*]] = dl.mul %[[F]], %[[S]]
// CHECK: %[[A:.*]] = dl.add %[[M]], %[[B]]
// CHECK: dl.round %[[A]]
func.func @scaled(%x: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %s = dl.constant dense<0.5> : tensor<f32>
  %b = dl.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %d = dl.constant dense<0.25> : tensor<f32>
  %0 = dl.exp %x : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %1 = dl.mul %0, %s : (tensor<4x2xf32>, tensor<f32>) -> tensor<4x2xf32>
  %2 = dl.add %1, %b : (tensor<4x2xf32>, tensor<2xf32>) -> tensor<4x2xf32>
  %3 = dl.div %2, %d : (tensor<4x2xf32>, tensor<f32>) -> tensor<4x2xf32>
  %4 = dl.round %3 : (tensor<4x2xf32>) -> tensor<4x2xf32>
  return %4 : tensor<4x2xf32>
}

// Where something else reads the value, one multiplication is added.

// CHECK-LABEL: func.func @read_twice
// CHECK-DAG: %[[R:.*]] = dl.constant dense<4.000000e+00> : tensor<f32>
// CHECK: %[[M:.*]] = dl.mul
// CHECK: %[[Q:.*]] = dl.mul %[[M]], %[[R]]
// CHECK: dl.round %[[Q]]
func.func @read_twice(%x: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>) {
  %s = dl.constant dense<0.5> : tensor<f32>
  %d = dl.constant dense<0.25> : tensor<f32>
  %0 = dl.mul %x, %s : (tensor<4x2xf32>, tensor<f32>) -> tensor<4x2xf32>
  %1 = dl.div %0, %d : (tensor<4x2xf32>, tensor<f32>) -> tensor<4x2xf32>
  %2 = dl.round %1 : (tensor<4x2xf32>) -> tensor<4x2xf32>
  return %0, %2 : tensor<4x2xf32>, tensor<4x2xf32>
}

// What the model is given is divided, and so is what is not rounded.

// CHECK-LABEL: func.func @given
// CHECK: dl.div
// CHECK: dl.div
func.func @given(%x: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>) {
  %d = dl.constant dense<0.3> : tensor<f32>
  %0 = dl.div %x, %d : (tensor<4x2xf32>, tensor<f32>) -> tensor<4x2xf32>
  %1 = dl.round %0 : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %2 = dl.exp %x : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %3 = dl.div %2, %d : (tensor<4x2xf32>, tensor<f32>) -> tensor<4x2xf32>
  return %1, %3 : tensor<4x2xf32>, tensor<4x2xf32>
}

// A rectifier before the rounding is the higher of both limits: 0 and 3 give 10.

// CHECK-LABEL: func.func @limits
// CHECK-DAG: %[[L:.*]] = dl.constant dense<1.000000e+01> : tensor<f32>
// CHECK: %[[R:.*]] = dl.round
// CHECK: %[[Z:.*]] = dl.add %[[R]]
// CHECK: dl.max %[[Z]], %[[L]]
func.func @limits(%x: tensor<4xf32>) -> tensor<4xf32> {
  %zero = dl.constant dense<0.0> : tensor<f32>
  %z = dl.constant dense<10.0> : tensor<f32>
  %low = dl.constant dense<3.0> : tensor<f32>
  %0 = dl.max %x, %zero : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = dl.round %0 : (tensor<4xf32>) -> tensor<4xf32>
  %2 = dl.add %1, %z : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %3 = dl.max %2, %low : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %3 : tensor<4xf32>
}

// Zero points of a sum of bytes become one number: 7 - 3 * 0.3 / 0.7 - 5 * 0.4 / 0.7.

// CHECK-LABEL: func.func @sum
// CHECK-DAG: %[[A:.*]] = dl.constant dense<{{0.4285714[0-9]*}}> : tensor<f32>
// CHECK-DAG: %[[B:.*]] = dl.constant dense<{{0.5714285[0-9]*}}> : tensor<f32>
// CHECK-DAG: %[[Z:.*]] = dl.constant dense<2.857142{{.*}}> : tensor<f32>
// CHECK: %[[P:.*]] = dl.cast %arg1
// CHECK: %[[Q:.*]] = dl.mul %[[P]], %[[B]]
// CHECK: %[[S:.*]] = dl.add %[[Q]], %[[Z]]
// CHECK: %[[X:.*]] = dl.cast %arg0
// CHECK: %[[Y:.*]] = dl.mul %[[X]], %[[A]]
// CHECK: %[[T:.*]] = dl.add %[[Y]], %[[S]]
// CHECK: %[[R:.*]] = dl.round %[[T]]
// CHECK: dl.max %[[R]]
func.func @sum(%a: tensor<4xui8>, %b: tensor<4xui8>) -> tensor<4xf32> {
  %za = dl.constant dense<3.0> : tensor<f32>
  %zb = dl.constant dense<5.0> : tensor<f32>
  %z = dl.constant dense<7.0> : tensor<f32>
  %sa = dl.constant dense<0.3> : tensor<f32>
  %sb = dl.constant dense<0.4> : tensor<f32>
  %d = dl.constant dense<0.7> : tensor<f32>
  %low = dl.constant dense<0.0> : tensor<f32>
  %0 = dl.cast %a : (tensor<4xui8>) -> tensor<4xf32>
  %1 = dl.sub %0, %za : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %2 = dl.mul %1, %sa : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %3 = dl.cast %b : (tensor<4xui8>) -> tensor<4xf32>
  %4 = dl.sub %3, %zb : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %5 = dl.mul %4, %sb : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %6 = dl.add %2, %5 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %7 = dl.div %6, %d : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %8 = dl.round %7 : (tensor<4xf32>) -> tensor<4xf32>
  %9 = dl.add %8, %z : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %10 = dl.max %9, %low : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %10 : tensor<4xf32>
}

// Halves are halves: the parity of the zero point decides where they go.

// CHECK-LABEL: func.func @halves
// CHECK-DAG: %[[Z:.*]] = dl.constant dense<7.000000e+00> : tensor<f32>
// CHECK: %[[R:.*]] = dl.round
// CHECK: dl.add %[[R]], %[[Z]]
func.func @halves(%a: tensor<4xui8>, %b: tensor<4xui8>) -> tensor<4xf32> {
  %z = dl.constant dense<7.0> : tensor<f32>
  %sa = dl.constant dense<0.5> : tensor<f32>
  %sb = dl.constant dense<0.25> : tensor<f32>
  %0 = dl.cast %a : (tensor<4xui8>) -> tensor<4xf32>
  %1 = dl.mul %0, %sa : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %2 = dl.cast %b : (tensor<4xui8>) -> tensor<4xf32>
  %3 = dl.mul %2, %sb : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %4 = dl.add %1, %3 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %5 = dl.round %4 : (tensor<4xf32>) -> tensor<4xf32>
  %6 = dl.add %5, %z : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %6 : tensor<4xf32>
}
