// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-pointwise-conv-to-matmul %s | FileCheck %s

// CHECK-LABEL: func.func @image
// CHECK: dl.matmul {{.*}} : (tensor<16x8xf32>, tensor<1x8x?xf32, #dl.dims<()[s0] -> (1, 8, s0 * 7)>>)
// CHECK: dl.reshape
func.func @image(%x: tensor<1x8x?x7xf32, #dl.dims<()[s0] -> (1, 8, s0, 7)>>, %w: tensor<16x8x1x1xf32>) -> tensor<1x16x?x7xf32, #dl.dims<()[s0] -> (1, 16, s0, 7)>> attributes {dl.symbols = ["h"]} {
  %0 = dl.conv %x, %w {strides = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x8x?x7xf32, #dl.dims<()[s0] -> (1, 8, s0, 7)>>, tensor<16x8x1x1xf32>) -> tensor<1x16x?x7xf32, #dl.dims<()[s0] -> (1, 16, s0, 7)>>
  return %0 : tensor<1x16x?x7xf32, #dl.dims<()[s0] -> (1, 16, s0, 7)>>
}

// One position: rows of channels times the transposed filter.

// CHECK-LABEL: func.func @position
// CHECK: dl.matmul {{.*}} : (tensor<4x8xf32>, tensor<8x16xf32>) -> tensor<4x16xf32>
func.func @position(%x: tensor<4x8x1xf32>, %w: tensor<16x8x1xf32>) -> tensor<4x16x1xf32> {
  %0 = dl.conv %x, %w {strides = array<i64: 1>, pads_low = array<i64: 0>, pads_high = array<i64: 0>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<4x8x1xf32>, tensor<16x8x1xf32>) -> tensor<4x16x1xf32>
  return %0 : tensor<4x16x1xf32>
}

// CHECK-LABEL: func.func @strided
// CHECK: dl.conv
func.func @strided(%x: tensor<1x8x9xf32>, %w: tensor<16x8x1xf32>) -> tensor<1x16x5xf32> {
  %0 = dl.conv %x, %w {strides = array<i64: 2>, pads_low = array<i64: 0>, pads_high = array<i64: 0>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<1x8x9xf32>, tensor<16x8x1xf32>) -> tensor<1x16x5xf32>
  return %0 : tensor<1x16x5xf32>
}
