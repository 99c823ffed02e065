// RUN: dl-opt %s -dl-trim-filters -split-input-file | FileCheck %s

// Of a dilated filter on a small picture, only the middle tap along one dimension meets
// it, and the last two along the other; what lies beside it stays zero.

// CHECK: [[OFFSETS:#.*]] = affine_map<() -> (0, 0, 1, 1)>
// CHECK-LABEL: func.func @dilated
// CHECK: %[[W:.*]] = dl.slice %arg1 {offsets = [[OFFSETS]], strides = array<i64: 1, 1, 1, 1>} : (tensor<16x8x3x3xf32>) -> tensor<16x8x1x2xf32>
// CHECK: dl.conv %arg0, %[[W]] {dilations = array<i64: 9, 14>, pads_high = array<i64: 0, 11>, pads_low = array<i64: 0, 0>, {{.*}} : (tensor<1x8x7x16xf32>, tensor<16x8x1x2xf32>) -> tensor<1x16x7x13xf32>
func.func @dilated(%x: tensor<1x8x7x16xf32>, %w: tensor<16x8x3x3xf32>) -> tensor<1x16x7x13xf32> {
  %0 = dl.conv %x, %w {strides = array<i64: 1, 1>, pads_low = array<i64: 9, 14>, pads_high = array<i64: 9, 11>, dilations = array<i64: 9, 14>} : (tensor<1x8x7x16xf32>, tensor<16x8x3x3xf32>) -> tensor<1x16x7x13xf32>
  return %0 : tensor<1x16x7x13xf32>
}

// -----

// Every tap meets the picture somewhere, its size is not known, or the pads do not reach
// from one tap to the next.

// CHECK-LABEL: func.func @others
// CHECK-NOT: dl.slice
func.func @others(%x: tensor<1x8x7xf32>, %w: tensor<16x8x3xf32>, %n: tensor<1x8x?xf32, #dl.dims<()[s0] -> (1, 8, s0)>>) -> (tensor<1x16x7xf32>, tensor<1x16x?xf32, #dl.dims<()[s0] -> (1, 16, s0)>>) attributes {dl.symbols = ["N"]} {
  %0 = dl.conv %x, %w {strides = array<i64: 1>, pads_low = array<i64: 6>, pads_high = array<i64: 6>, dilations = array<i64: 6>} : (tensor<1x8x7xf32>, tensor<16x8x3xf32>) -> tensor<1x16x7xf32>
  %1 = dl.conv %n, %w {strides = array<i64: 1>, pads_low = array<i64: 9>, pads_high = array<i64: 9>, dilations = array<i64: 9>} : (tensor<1x8x?xf32, #dl.dims<()[s0] -> (1, 8, s0)>>, tensor<16x8x3xf32>) -> tensor<1x16x?xf32, #dl.dims<()[s0] -> (1, 16, s0)>>
  return %0, %1 : tensor<1x16x7xf32>, tensor<1x16x?xf32, #dl.dims<()[s0] -> (1, 16, s0)>>
}
