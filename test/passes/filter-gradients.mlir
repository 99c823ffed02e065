// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-filter-gradients %s | FileCheck %s

// CHECK-LABEL: func.func @image
// CHECK: %[[P:.*]] = dl.pad constant, %{{.*}} : (tensor<2x3x8x8xf32>, tensor<f32>) -> tensor<2x3x10x10xf32>
// CHECK: %[[X:.*]] = dl.transpose %[[P]]
// CHECK: %[[G:.*]] = dl.transpose %{{.*}} : (tensor<2x16x8x8xf32>) -> tensor<2x8x8x16xf32>
// CHECK: %[[J:.*]] = dl.reshape %[[X]] : (tensor<2x10x10x3xf32>) -> tensor<2x10x30x1xf32>
// CHECK: dl.conv_filter_gradient %[[J]], %[[G]] {channels_last = true, dilations = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, strides = array<i64: 1, 3>} : (tensor<2x10x30x1xf32>, tensor<2x8x8x16xf32>) -> tensor<3x9x1x16xf32>
// CHECK: dl.reshape {{.*}} : (tensor<3x9x1x16xf32>) -> tensor<3x3x3x16xf32>
// CHECK: dl.transpose {{.*}} -> tensor<16x3x3x3xf32>
func.func @image(%x: tensor<2x3x8x8xf32>, %g: tensor<2x16x8x8xf32>) -> tensor<16x3x3x3xf32> {
  %0 = dl.conv_filter_gradient %x, %g {strides = array<i64: 1, 1>, pads_low = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<2x3x8x8xf32>, tensor<2x16x8x8xf32>) -> tensor<16x3x3x3xf32>
  return %0 : tensor<16x3x3x3xf32>
}

// Windows that end before the input does need no border; dilated ones are no
// runs of memory.

// CHECK-LABEL: func.func @inside
// CHECK-NOT: dl.pad
// CHECK: dl.conv_filter_gradient {{.*}} : (tensor<2x9x3xf32>, tensor<2x3x16xf32>) -> tensor<2x3x16xf32>
func.func @inside(%x: tensor<2x3x9xf32>, %g: tensor<2x16x3xf32>) -> tensor<16x3x2xf32> {
  %0 = dl.conv_filter_gradient %x, %g {strides = array<i64: 2>, pads_low = array<i64: 0>, dilations = array<i64: 3>} : (tensor<2x3x9xf32>, tensor<2x16x3xf32>) -> tensor<16x3x2xf32>
  return %0 : tensor<16x3x2xf32>
}

// CHECK-LABEL: func.func @groups
// CHECK: dl.conv_filter_gradient {{.*}} groups = 2 : i64
// CHECK-SAME: (tensor<2x4x9xf32>, tensor<2x16x8xf32>) -> tensor<16x2x2xf32>
func.func @groups(%x: tensor<2x4x9xf32>, %g: tensor<2x16x8xf32>) -> tensor<16x2x2xf32> {
  %0 = dl.conv_filter_gradient %x, %g {strides = array<i64: 1>, pads_low = array<i64: 0>, dilations = array<i64: 1>, groups = 2 : i64} : (tensor<2x4x9xf32>, tensor<2x16x8xf32>) -> tensor<16x2x2xf32>
  return %0 : tensor<16x2x2xf32>
}
