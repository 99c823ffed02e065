// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-fuse -split-input-file %s | FileCheck %s

// A normalization is one kernel with the residual sum before it, which is used
// again and so is a result.

// CHECK: %[[R:.*]]:2 = dl.fused {
// CHECK-NEXT: dl.add
// CHECK-NEXT: dl.reduce
// CHECK-NEXT: dl.sub
// CHECK-NEXT: dl.mul
// CHECK-NEXT: dl.reduce
// CHECK-NEXT: dl.rsqrt
// CHECK-NEXT: dl.mul
// CHECK-NEXT: dl.yield
// CHECK: return %[[R]]#1, %[[R]]#0
func.func @norm(%a: tensor<4x8xf32>, %b: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %0 = dl.add %a, %b : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = dl.reduce sum, %0 {axes = array<i64: 1>, keepdims = true} : (tensor<4x8xf32>) -> tensor<4x1xf32>
  %2 = dl.sub %0, %1 : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
  %3 = dl.mul %2, %2 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %4 = dl.reduce sum, %3 {axes = array<i64: 1>, keepdims = true} : (tensor<4x8xf32>) -> tensor<4x1xf32>
  %5 = dl.rsqrt %4 : (tensor<4x1xf32>) -> tensor<4x1xf32>
  %6 = dl.mul %2, %5 : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
  return %6, %0 : tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

// Reductions over other dimensions are kernels of their own; what is looked up for
// one of them alone is read there.

// CHECK: dl.fused {
// CHECK-NEXT: dl.gather
// CHECK-NEXT: dl.reduce
// CHECK-NEXT: dl.yield
// CHECK: dl.fused {
// CHECK-NEXT: dl.reduce
func.func @axes(%a: tensor<9x8xf32>, %i: tensor<4xi64>, %b: tensor<4x8xf32>) -> (tensor<4xf32>, tensor<8xf32>) {
  %0 = dl.gather %a, %i {axis = 0 : i64} : (tensor<9x8xf32>, tensor<4xi64>) -> tensor<4x8xf32>
  %1 = dl.reduce sum, %0 {axes = array<i64: 1>} : (tensor<4x8xf32>) -> tensor<4xf32>
  %2 = dl.reduce sum, %b {axes = array<i64: 0>} : (tensor<4x8xf32>) -> tensor<8xf32>
  return %1, %2 : tensor<4xf32>, tensor<8xf32>
}

// -----

// Windows take in their border and what follows.

// CHECK: dl.fused {
// CHECK-NEXT: dl.pad
// CHECK-NEXT: dl.window_reduce
// CHECK-NEXT: dl.mul
// CHECK-NEXT: dl.yield
// CHECK-NOT: dl.fused
func.func @pool(%x: tensor<1x3x8xf32>) -> tensor<1x3x4xf32> {
  %z = dl.constant dense<0.0> : tensor<f32>
  %c = dl.constant dense<0.5> : tensor<f32>
  %0 = dl.pad constant, %x, %z {low = affine_map<() -> (0, 0, 1)>} : (tensor<1x3x8xf32>, tensor<f32>) -> tensor<1x3x9xf32>
  %1 = dl.window_reduce sum, %0 {window = array<i64: 3>, strides = array<i64: 2>, dilations = array<i64: 1>} : (tensor<1x3x9xf32>) -> tensor<1x3x4xf32>
  %2 = dl.mul %1, %c : (tensor<1x3x4xf32>, tensor<f32>) -> tensor<1x3x4xf32>
  return %2 : tensor<1x3x4xf32>
}

// -----

// Rows that lie across memory are put in order first.

// CHECK: %[[T:.*]] = dl.fused {
// CHECK-NEXT: dl.transpose
// CHECK-NEXT: dl.yield
// CHECK: dl.softmax %[[T]]
func.func @columns(%x: tensor<4x8xf32>) -> tensor<8x4xf32> {
  %0 = dl.transpose %x {permutation = array<i64: 1, 0>} : (tensor<4x8xf32>) -> tensor<8x4xf32>
  %1 = dl.softmax %0 {axis = 1 : i64} : (tensor<8x4xf32>) -> tensor<8x4xf32>
  return %1 : tensor<8x4xf32>
}

// -----

// One number that many updates of a training step wait for is made by itself, not
// together with one of them.

// CHECK-LABEL: func.func @step
// CHECK: %[[OK:.*]] = dl.fused {
// CHECK-NEXT: dl.reduce
// CHECK-NEXT: dl.compare
// CHECK-NEXT: dl.yield %{{.*}} : tensor<i1>
func.func @step(%l: tensor<8xf32>, %x: tensor<8xf32>, %w0: tensor<8xf32>, %w1: tensor<8xf32>, %w2: tensor<8xf32>, %w3: tensor<8xf32>, %w4: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>) attributes {dl.input_names = ["l", "x"], dl.output_names = [], dl.state_arguments = array<i64: 0, 1, 2, 3, 4>, dl.state_results = array<i64: 0, 1, 2, 3, 4>} {
  %limit = dl.constant dense<1.0> : tensor<f32>
  %0 = dl.reduce sum, %l {axes = array<i64: 0>} : (tensor<8xf32>) -> tensor<f32>
  %ok = dl.compare lt, %0, %limit : (tensor<f32>, tensor<f32>) -> tensor<i1>
  %d = dl.exp %x : (tensor<8xf32>) -> tensor<8xf32>
  %u0 = dl.select %ok, %d, %w0 : (tensor<i1>, tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %u1 = dl.select %ok, %d, %w1 : (tensor<i1>, tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %u2 = dl.select %ok, %d, %w2 : (tensor<i1>, tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %u3 = dl.select %ok, %d, %w3 : (tensor<i1>, tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %u4 = dl.select %ok, %d, %w4 : (tensor<i1>, tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %u0, %u1, %u2, %u3, %u4 : tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>
}
