// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-simplify-arithmetic %s | FileCheck %s

// CHECK-LABEL: func.func @divide
// CHECK: dl.constant dense<1.250000e-01>
// CHECK: dl.mul
// CHECK: dl.div
func.func @divide(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %a = dl.constant dense<8.0> : tensor<f32>
  %b = dl.constant dense<3.0> : tensor<f32>
  %0 = dl.div %x, %a : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = dl.div %x, %b : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
}

// Both scales go behind the product and become one.

// CHECK-LABEL: func.func @scale
// CHECK: %[[C:.*]] = dl.constant dense<2.500000e-01>
// CHECK: %[[T:.*]] = dl.transpose %arg1
// CHECK: %[[P:.*]] = dl.matmul %arg0, %[[T]]
// CHECK: dl.mul %[[P]], %[[C]]
func.func @scale(%q: tensor<8x4xf32>, %k: tensor<8x4xf32>) -> tensor<8x8xf32> {
  %c = dl.constant dense<0.5> : tensor<f32>
  %0 = dl.mul %q, %c : (tensor<8x4xf32>, tensor<f32>) -> tensor<8x4xf32>
  %1 = dl.mul %k, %c : (tensor<8x4xf32>, tensor<f32>) -> tensor<8x4xf32>
  %2 = dl.transpose %1 {permutation = array<i64: 1, 0>} : (tensor<8x4xf32>) -> tensor<4x8xf32>
  %3 = dl.matmul %0, %2 : (tensor<8x4xf32>, tensor<4x8xf32>) -> tensor<8x8xf32>
  return %3 : tensor<8x8xf32>
}

// What computes the operand takes the scale in.

// CHECK-LABEL: func.func @computed
// CHECK: dl.exp
// CHECK: dl.mul
// CHECK: dl.matmul
func.func @computed(%q: tensor<8x4xf32>, %k: tensor<4x8xf32>) -> tensor<8x8xf32> {
  %c = dl.constant dense<0.5> : tensor<f32>
  %0 = dl.exp %q : (tensor<8x4xf32>) -> tensor<8x4xf32>
  %1 = dl.mul %0, %c : (tensor<8x4xf32>, tensor<f32>) -> tensor<8x4xf32>
  %2 = dl.matmul %1, %k : (tensor<8x4xf32>, tensor<4x8xf32>) -> tensor<8x8xf32>
  return %2 : tensor<8x8xf32>
}

// Weights of attention come first.

// CHECK-LABEL: func.func @weights
// CHECK: %[[P:.*]] = dl.softmax
// CHECK: %[[V:.*]] = dl.transpose %arg1
// CHECK: %[[R:.*]] = dl.matmul %[[P]], %[[V]]
// CHECK: dl.transpose %[[R]]
func.func @weights(%s: tensor<1x8x6xf32>, %v: tensor<1x4x6xf32>) -> tensor<1x4x8xf32> {
  %0 = dl.softmax %s {axis = 2 : i64} : (tensor<1x8x6xf32>) -> tensor<1x8x6xf32>
  %1 = dl.transpose %0 {permutation = array<i64: 0, 2, 1>} : (tensor<1x8x6xf32>) -> tensor<1x6x8xf32>
  %2 = dl.matmul %v, %1 : (tensor<1x4x6xf32>, tensor<1x6x8xf32>) -> tensor<1x4x8xf32>
  return %2 : tensor<1x4x8xf32>
}

// Halves are rounded in the order that they are computed in.

// CHECK-LABEL: func.func @halves
// CHECK: %[[A:.*]] = dl.mul %arg0
// CHECK: %[[B:.*]] = dl.mul %[[A]]
// CHECK: dl.matmul %[[B]], %arg1
func.func @halves(%q: tensor<8x4xbf16>, %k: tensor<4x8xbf16>) -> tensor<8x8xbf16> {
  %c = dl.constant dense<0.3> : tensor<bf16>
  %0 = dl.mul %q, %c : (tensor<8x4xbf16>, tensor<bf16>) -> tensor<8x4xbf16>
  %1 = dl.mul %0, %c : (tensor<8x4xbf16>, tensor<bf16>) -> tensor<8x4xbf16>
  %2 = dl.matmul %1, %k : (tensor<8x4xbf16>, tensor<4x8xbf16>) -> tensor<8x8xbf16>
  return %2 : tensor<8x8xbf16>
}

// The gradient of weights that are read transposed.

// CHECK-LABEL: func.func @turned
// CHECK: %[[G:.*]] = dl.transpose %arg1
// CHECK: %[[R:.*]] = dl.matmul %[[G]], %arg0 : (tensor<5x4xf32>, tensor<4x3xf32>) -> tensor<5x3xf32>
// CHECK: return %[[R]]
func.func @turned(%x: tensor<4x3xf32>, %g: tensor<4x5xf32>) -> tensor<5x3xf32> {
  %0 = dl.transpose %x {permutation = array<i64: 1, 0>} : (tensor<4x3xf32>) -> tensor<3x4xf32>
  %1 = dl.matmul %0, %g : (tensor<3x4xf32>, tensor<4x5xf32>) -> tensor<3x5xf32>
  %2 = dl.transpose %1 {permutation = array<i64: 1, 0>} : (tensor<3x5xf32>) -> tensor<5x3xf32>
  return %2 : tensor<5x3xf32>
}
