// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-fuse -split-input-file %s | FileCheck %s

// Product, mask, softmax, product: one kernel.

// CHECK: dl.fused {
// CHECK-NEXT: dl.transpose
// CHECK-NEXT: dl.matmul
// CHECK-NEXT: dl.add
// CHECK-NEXT: dl.softmax
// CHECK-NEXT: dl.matmul
// CHECK-NEXT: dl.yield
// CHECK-NOT: dl.fused
func.func @attention(%q: tensor<2x8x4xf32>, %k: tensor<2x8x4xf32>, %v: tensor<2x8x4xf32>, %m: tensor<8x8xf32>) -> tensor<2x8x4xf32> {
  %0 = dl.transpose %k {permutation = array<i64: 0, 2, 1>} : (tensor<2x8x4xf32>) -> tensor<2x4x8xf32>
  %1 = dl.matmul %q, %0 : (tensor<2x8x4xf32>, tensor<2x4x8xf32>) -> tensor<2x8x8xf32>
  %2 = dl.add %1, %m : (tensor<2x8x8xf32>, tensor<8x8xf32>) -> tensor<2x8x8xf32>
  %3 = dl.softmax %2 {axis = 2 : i64} : (tensor<2x8x8xf32>) -> tensor<2x8x8xf32>
  %4 = dl.matmul %3, %v : (tensor<2x8x8xf32>, tensor<2x8x4xf32>) -> tensor<2x8x4xf32>
  return %4 : tensor<2x8x4xf32>
}

// -----

// The weights are asked for: three kernels.

// CHECK-COUNT-3: dl.fused
func.func @weights(%q: tensor<2x8x4xf32>, %k: tensor<2x4x8xf32>, %v: tensor<2x8x4xf32>) -> (tensor<2x8x4xf32>, tensor<2x8x8xf32>) {
  %1 = dl.matmul %q, %k : (tensor<2x8x4xf32>, tensor<2x4x8xf32>) -> tensor<2x8x8xf32>
  %3 = dl.softmax %1 {axis = 2 : i64} : (tensor<2x8x8xf32>) -> tensor<2x8x8xf32>
  %4 = dl.matmul %3, %v : (tensor<2x8x8xf32>, tensor<2x8x4xf32>) -> tensor<2x8x4xf32>
  return %4, %3 : tensor<2x8x4xf32>, tensor<2x8x8xf32>
}

// -----

// Weights that are rounded on the way stay inside.

// CHECK: dl.fused {
// CHECK-NEXT: dl.transpose
// CHECK-NEXT: dl.matmul
// CHECK-NEXT: dl.softmax
// CHECK-NEXT: dl.cast
// CHECK-NEXT: dl.matmul
// CHECK-NEXT: dl.yield
// CHECK-NOT: dl.fused
func.func @rounded(%q: tensor<2x8x4xbf16>, %k: tensor<2x8x4xbf16>, %v: tensor<2x8x4xbf16>) -> tensor<2x8x4xf32> {
  %0 = dl.transpose %k {permutation = array<i64: 0, 2, 1>} : (tensor<2x8x4xbf16>) -> tensor<2x4x8xbf16>
  %1 = dl.matmul %q, %0 {wide} : (tensor<2x8x4xbf16>, tensor<2x4x8xbf16>) -> tensor<2x8x8xf32>
  %2 = dl.softmax %1 {axis = 2 : i64} : (tensor<2x8x8xf32>) -> tensor<2x8x8xf32>
  %3 = dl.cast %2 {approximate} : (tensor<2x8x8xf32>) -> tensor<2x8x8xbf16>
  %4 = dl.matmul %3, %v {wide} : (tensor<2x8x8xbf16>, tensor<2x8x4xbf16>) -> tensor<2x8x4xf32>
  return %4 : tensor<2x8x4xf32>
}

// A mask that follows from positions is computed where it is used.
// CHECK-LABEL: func.func @causal
// CHECK: dl.fused {
// CHECK-DAG: dl.iota {axis = 1 : i64}
// CHECK-DAG: dl.compare le
// CHECK: dl.select
// CHECK: dl.softmax
// CHECK: dl.yield
// CHECK-NOT: dl.fused
func.func @causal(%q: tensor<2x8x4xf16>, %k: tensor<2x4x8xf16>, %v: tensor<2x8x4xf16>) -> tensor<2x8x4xf16> {
  %row = dl.iota {axis = 0 : i64} : tensor<8x8xi32>
  %column = dl.iota {axis = 1 : i64} : tensor<8x8xi32>
  %sees = dl.compare le, %column, %row : (tensor<8x8xi32>, tensor<8x8xi32>) -> tensor<8x8xi1>
  %none = dl.constant dense<0xFC00> : tensor<f16>
  %0 = dl.matmul %q, %k : (tensor<2x8x4xf16>, tensor<2x4x8xf16>) -> tensor<2x8x8xf16>
  %1 = dl.select %sees, %0, %none : (tensor<8x8xi1>, tensor<2x8x8xf16>, tensor<f16>) -> tensor<2x8x8xf16>
  %2 = dl.softmax %1 {axis = 2 : i64} : (tensor<2x8x8xf16>) -> tensor<2x8x8xf16>
  %3 = dl.matmul %2, %v : (tensor<2x8x8xf16>, tensor<2x8x4xf16>) -> tensor<2x8x4xf16>
  return %3 : tensor<2x8x4xf16>
}

// Scales of quantized values stay inside, where they go to the weights.
// CHECK-LABEL: func.func @scaled
// CHECK: dl.insert
// CHECK: dl.insert
// CHECK: dl.fused {
// CHECK: dl.softmax
// CHECK: dl.mul
// CHECK: dl.matmul
// CHECK: dl.yield
// CHECK-NOT: dl.fused
func.func @scaled(%q: tensor<2x1x4xf32>, %k: tensor<2x4x8xf32>, %v: tensor<2x8x4xi8>, %s: tensor<2x8x1xf32>, %n: tensor<2x1x4xi8>, %t: tensor<2x1x1xf32>) -> tensor<2x1x4xf32> {
  %bytes = dl.insert %v, %n {axis = 1 : i64, offset = affine_map<() -> (3)>} : (tensor<2x8x4xi8>, tensor<2x1x4xi8>) -> tensor<2x8x4xi8>
  %scales = dl.insert %s, %t {axis = 1 : i64, offset = affine_map<() -> (3)>} : (tensor<2x8x1xf32>, tensor<2x1x1xf32>) -> tensor<2x8x1xf32>
  %0 = dl.matmul %q, %k : (tensor<2x1x4xf32>, tensor<2x4x8xf32>) -> tensor<2x1x8xf32>
  %1 = dl.softmax %0 {axis = 2 : i64} : (tensor<2x1x8xf32>) -> tensor<2x1x8xf32>
  %2 = dl.reshape %scales : (tensor<2x8x1xf32>) -> tensor<2x1x8xf32>
  %3 = dl.mul %1, %2 : (tensor<2x1x8xf32>, tensor<2x1x8xf32>) -> tensor<2x1x8xf32>
  %4 = dl.cast %bytes : (tensor<2x8x4xi8>) -> tensor<2x8x4xf32>
  %5 = dl.matmul %3, %4 : (tensor<2x1x8xf32>, tensor<2x8x4xf32>) -> tensor<2x1x4xf32>
  return %5 : tensor<2x1x4xf32>
}
