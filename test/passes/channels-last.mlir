// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-channels-last --split-input-file %s | FileCheck %s

// CHECK-LABEL: func.func @dense
// CHECK-SAME: %[[X:.*]]: tensor<1x8x7x5xf32>, %[[W:.*]]: tensor<16x8x3x3xf32>
// CHECK: %[[TURNED:.*]] = dl.transpose %[[W]] {permutation = array<i64: 2, 3, 1, 0>} {{.*}} -> tensor<3x3x8x16xf32>
// CHECK: %[[LAST:.*]] = dl.transpose %[[X]] {permutation = array<i64: 0, 2, 3, 1>}
// CHECK: %[[R:.*]] = dl.conv %[[LAST]], %[[TURNED]] {channels_last = true, {{.*}} -> tensor<1x7x5x16xf32>
// CHECK: dl.transpose %[[R]] {permutation = array<i64: 0, 3, 1, 2>} {{.*}} -> tensor<1x16x7x5xf32>
func.func @dense(%x: tensor<1x8x7x5xf32>, %w: tensor<16x8x3x3xf32>) -> tensor<1x16x7x5xf32> {
  %0 = dl.conv %x, %w {strides = array<i64: 1, 1>, pads_low = array<i64: 1, 1>, pads_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x8x7x5xf32>, tensor<16x8x3x3xf32>) -> tensor<1x16x7x5xf32>
  return %0 : tensor<1x16x7x5xf32>
}

// -----

// Depthwise, in one dimension.

// CHECK-LABEL: func.func @depthwise
// CHECK: dl.conv {{.*}} {channels_last = true, {{.*}}groups = 4 : i64{{.*}} : (tensor<2x9x4xf32>, tensor<3x1x4xf32>) -> tensor<2x7x4xf32>
func.func @depthwise(%x: tensor<2x4x9xf32>, %w: tensor<4x1x3xf32>) -> tensor<2x4x7xf32> {
  %0 = dl.conv %x, %w {strides = array<i64: 1>, pads_low = array<i64: 0>, pads_high = array<i64: 0>, dilations = array<i64: 1>, groups = 4 : i64} : (tensor<2x4x9xf32>, tensor<4x1x3xf32>) -> tensor<2x4x7xf32>
  return %0 : tensor<2x4x7xf32>
}

// -----

// Groups of several channels are convolutions side by side: four of eight channels
// together, whose filters have zeros for the channels of the others, and what is left.

// CHECK-LABEL: func.func @groups
// CHECK-DAG: %[[ZERO:.*]] = dl.constant dense<0.000000e+00> : tensor<f32>
// CHECK-DAG: %[[X:.*]] = dl.slice %arg0 {offsets = [[FIRST:#.*]], strides = array<i64: 1, 1, 1>} : (tensor<?x40x9xf32, {{.*}}>) -> tensor<?x32x9xf32
// CHECK-DAG: dl.pad constant, %{{.*}}, %[[ZERO]] {{.*}} : (tensor<8x8x3xf32>, tensor<f32>) -> tensor<8x32x3xf32>
// CHECK: dl.concat {{.*}} {axis = 0 : i64} {{.*}} -> tensor<32x32x3xf32>
// CHECK: %[[A:.*]] = dl.conv {{.*}} {channels_last = true{{.*}} tensor<3x32x32xf32>) -> tensor<?x7x32xf32
// CHECK-NOT: groups
// CHECK: %[[B:.*]] = dl.conv {{.*}} {channels_last = true{{.*}} tensor<3x8x8xf32>) -> tensor<?x7x8xf32
// CHECK: dl.concat {{.*}} {axis = 1 : i64} : {{.*}} -> tensor<?x40x7xf32
func.func @groups(%x: tensor<?x40x9xf32, #dl.dims<()[s0] -> (s0, 40, 9)>>, %w: tensor<40x8x3xf32>) -> tensor<?x40x7xf32, #dl.dims<()[s0] -> (s0, 40, 7)>> attributes {dl.symbols = ["N"]} {
  %0 = dl.conv %x, %w {strides = array<i64: 1>, pads_low = array<i64: 0>, pads_high = array<i64: 0>, dilations = array<i64: 1>, groups = 5 : i64} : (tensor<?x40x9xf32, #dl.dims<()[s0] -> (s0, 40, 9)>>, tensor<40x8x3xf32>) -> tensor<?x40x7xf32, #dl.dims<()[s0] -> (s0, 40, 7)>>
  return %0 : tensor<?x40x7xf32, #dl.dims<()[s0] -> (s0, 40, 7)>>
}

// -----

// Groups whose filter is computed, as from integers, and a single position, stay.

// CHECK-LABEL: func.func @others
// CHECK-NOT: channels_last
func.func @others(%x: tensor<1x4x9xf32>, %q: tensor<4x2x3xi8>, %y: tensor<1x4x1x1xf32>, %v: tensor<6x4x1x1xf32>) -> (tensor<1x4x7xf32>, tensor<1x6x1x1xf32>) {
  %w = dl.cast %q : (tensor<4x2x3xi8>) -> tensor<4x2x3xf32>
  %0 = dl.conv %x, %w {strides = array<i64: 1>, pads_low = array<i64: 0>, pads_high = array<i64: 0>, dilations = array<i64: 1>, groups = 2 : i64} : (tensor<1x4x9xf32>, tensor<4x2x3xf32>) -> tensor<1x4x7xf32>
  %1 = dl.conv %y, %v {strides = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x4x1x1xf32>, tensor<6x4x1x1xf32>) -> tensor<1x6x1x1xf32>
  return %0, %1 : tensor<1x4x7xf32>, tensor<1x6x1x1xf32>
}
