// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-reduce-precision --canonicalize --cse %s | FileCheck %s

// Weights are rounded so that errors cancel where what they are multiplied with has a
// positive mean, along all dimensions that the product sums over.

// CHECK-LABEL: func.func @relu
// CHECK: %[[F:.*]] = dl.transpose {{.*}} -> tensor<3x4x8xf32>
// CHECK: dl.round_balanced %[[F]] {axes = array<i64: 0, 1>} : (tensor<3x4x8xf32>) -> tensor<3x4x8xbf16>
// CHECK: dl.conv {{.*}}wide
func.func @relu(%x: tensor<1x9x4xf32>) -> tensor<1x7x8xf32> {
  %z = dl.constant dense<0.0> : tensor<f32>
  %w = dl.constant dense_resource<f> : tensor<8x4x3xf32>
  %0 = dl.max %x, %z : (tensor<1x9x4xf32>, tensor<f32>) -> tensor<1x9x4xf32>
  %1 = dl.transpose %w {permutation = array<i64: 2, 1, 0>} : (tensor<8x4x3xf32>) -> tensor<3x4x8xf32>
  %2 = dl.conv %0, %1 {channels_last = true, strides = array<i64: 1>, pads_low = array<i64: 0>, pads_high = array<i64: 0>, dilations = array<i64: 1>} : (tensor<1x9x4xf32>, tensor<3x4x8xf32>) -> tensor<1x7x8xf32>
  return %2 : tensor<1x7x8xf32>
}

// CHECK-LABEL: func.func @channels_first
// CHECK: dl.round_balanced %{{.*}} {axes = array<i64: 1, 2>} : (tensor<8x4x3xf32>) -> tensor<8x4x3xbf16>
func.func @channels_first(%x: tensor<1x4x9xf32>) -> tensor<1x8x7xf32> {
  %w = dl.constant dense_resource<f> : tensor<8x4x3xf32>
  %0 = dl.sigmoid %x : (tensor<1x4x9xf32>) -> tensor<1x4x9xf32>
  %1 = dl.conv %0, %w {strides = array<i64: 1>, pads_low = array<i64: 0>, pads_high = array<i64: 0>, dilations = array<i64: 1>} : (tensor<1x4x9xf32>, tensor<8x4x3xf32>) -> tensor<1x8x7xf32>
  return %1 : tensor<1x8x7xf32>
}

// A constant on either side of a product.

// CHECK-LABEL: func.func @sides
// CHECK-DAG: dl.round_balanced %{{.*}} {axes = array<i64: 0>} : (tensor<8x4xf32>) -> tensor<8x4xbf16>
// CHECK-DAG: dl.round_balanced %{{.*}} {axes = array<i64: 1>} : (tensor<4x8xf32>) -> tensor<4x8xbf16>
func.func @sides(%x: tensor<8x8xf32>) -> (tensor<8x4xf32>, tensor<4x8xf32>) {
  %v = dl.constant dense_resource<v> : tensor<8x4xf32>
  %w = dl.constant dense_resource<w> : tensor<4x8xf32>
  %0 = dl.abs %x : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %1 = dl.matmul %0, %v : (tensor<8x8xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  %2 = dl.matmul %w, %0 : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  return %1, %2 : tensor<8x4xf32>, tensor<4x8xf32>
}

// Convolutions in groups keep f32, inputs of a model may have any mean.

// CHECK-LABEL: func.func @others
// CHECK-NOT: round_balanced
func.func @others(%x: tensor<1x4x9xf32>, %y: tensor<8x8xf32>) -> (tensor<1x4x9xf32>, tensor<8x4xf32>) {
  %v = dl.constant dense_resource<v> : tensor<8x4xf32>
  %w = dl.constant dense_resource<g> : tensor<4x2x1xf32>
  %0 = dl.exp %x : (tensor<1x4x9xf32>) -> tensor<1x4x9xf32>
  %1 = dl.conv %0, %w {strides = array<i64: 1>, pads_low = array<i64: 0>, pads_high = array<i64: 0>, dilations = array<i64: 1>, groups = 2 : i64} : (tensor<1x4x9xf32>, tensor<4x2x1xf32>) -> tensor<1x4x9xf32>
  %2 = dl.matmul %y, %v : (tensor<8x8xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %1, %2 : tensor<1x4x9xf32>, tensor<8x4xf32>
}

// What is stored once is rounded to nearest if one of its uses asks for it; sums of one
// element cancel nothing, and splats stay splats.

// CHECK-LABEL: func.func @shared
// CHECK-NOT: round_balanced
func.func @shared(%x: tensor<8x8xf32>, %y: tensor<8x1xf32>) -> (tensor<8x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>) {
  %v = dl.constant dense_resource<v> : tensor<8x4xf32>
  %o = dl.constant dense<[[1.1, 1.2, 1.3, 1.4]]> : tensor<1x4xf32>
  %s = dl.constant dense<1.1> : tensor<8x4xf32>
  %0 = dl.exp %x : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %1 = dl.exp %y : (tensor<8x1xf32>) -> tensor<8x1xf32>
  %2 = dl.matmul %0, %v : (tensor<8x8xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  %3 = dl.matmul %x, %v : (tensor<8x8xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  %4 = dl.matmul %1, %o : (tensor<8x1xf32>, tensor<1x4xf32>) -> tensor<8x4xf32>
  %5 = dl.matmul %0, %s : (tensor<8x8xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %2, %3, %4, %5 : tensor<8x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>
}

// Uses that agree share one.

// CHECK-LABEL: func.func @agreeing
// CHECK: dl.round_balanced
// CHECK-NOT: dl.round_balanced
func.func @agreeing(%x: tensor<8x8xf32>) -> (tensor<8x4xf32>, tensor<8x4xf32>) {
  %v = dl.constant dense_resource<v> : tensor<8x4xf32>
  %0 = dl.exp %x : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %1 = dl.abs %x : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %2 = dl.matmul %0, %v : (tensor<8x8xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  %3 = dl.matmul %1, %v : (tensor<8x8xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %2, %3 : tensor<8x4xf32>, tensor<8x4xf32>
}

{-# dialect_resources: { builtin: { f: "0x0400000000000000", g: "0x0400000000000000", v: "0x0400000000000000", w: "0x0400000000000000" } } #-}
