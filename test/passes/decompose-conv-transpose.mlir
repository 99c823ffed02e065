// RUN: dl-opt %s -dl-decompose-conv-transpose -split-input-file | FileCheck %s

// Stride 2, window 2: each of the four phases reads one filter element.

// CHECK-LABEL: func.func @upsample
// CHECK-COUNT-4: dl.conv {{.*}} strides = array<i64: 1, 1>{{.*}} -> tensor<1x16x4x5xf32>
// CHECK: dl.concat {{.*}} -> tensor<1x16x4x4x5xf32>
// CHECK: dl.transpose {{.*}} -> tensor<1x16x4x2x5x2xf32>
// CHECK: dl.reshape {{.*}} -> tensor<1x16x8x10xf32>
// CHECK-NOT: dl.conv_transpose
func.func @upsample(%x: tensor<1x4x4x5xf32>, %w: tensor<4x16x2x2xf32>) -> tensor<1x16x8x10xf32> {
  %0 = dl.conv_transpose %x, %w {strides = array<i64: 2, 2>, pads_low = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x4x4x5xf32>, tensor<4x16x2x2xf32>) -> tensor<1x16x8x10xf32>
  return %0 : tensor<1x16x8x10xf32>
}

// -----

// Of few channels, all phases are channels of one convolution, whose window covers
// theirs: positions -1, 0 and 0, 1.

// CHECK-LABEL: func.func @few
// CHECK-COUNT-4: dl.pad constant, {{.*}} : (tensor<3x4x2x2xf32>, tensor<f32>) -> tensor<3x4x3x3xf32>
// CHECK: dl.concat {{.*}} -> tensor<12x4x3x3xf32>
// CHECK: dl.conv {{.*}}pads_high = array<i64: 1, 1>, pads_low = array<i64: 1, 1>{{.*}} -> tensor<1x12x4x5xf32>
// CHECK: dl.reshape {{.*}} -> tensor<1x2x2x3x4x5xf32>
// CHECK: dl.transpose {{.*}} {permutation = array<i64: 0, 3, 4, 1, 5, 2>} {{.*}} -> tensor<1x3x4x2x5x2xf32>
// CHECK: dl.reshape {{.*}} -> tensor<1x3x8x10xf32>
func.func @few(%x: tensor<1x4x4x5xf32>, %w: tensor<4x3x4x4xf32>) -> tensor<1x3x8x10xf32> {
  %0 = dl.conv_transpose %x, %w {strides = array<i64: 2, 2>, pads_low = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x4x4x5xf32>, tensor<4x3x4x4xf32>) -> tensor<1x3x8x10xf32>
  return %0 : tensor<1x3x8x10xf32>
}

// -----

// Stride 1: one convolution with the filter reversed and turned.

// CHECK-LABEL: func.func @plain
// CHECK: dl.slice {{.*}} strides = array<i64: 1, 1, -1>
// CHECK: dl.transpose
// CHECK: dl.conv {{.*}} pads_high = array<i64: 1>, pads_low = array<i64: 1>
// CHECK-NOT: dl.concat
func.func @plain(%x: tensor<1x4x8xf32>, %w: tensor<4x6x3xf32>) -> tensor<1x6x8xf32> {
  %0 = dl.conv_transpose %x, %w {strides = array<i64: 1>, pads_low = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<1x4x8xf32>, tensor<4x6x3xf32>) -> tensor<1x6x8xf32>
  return %0 : tensor<1x6x8xf32>
}

// -----

// An activation that follows is computed for each phase, in its kernel; what reads
// other positions, or is used elsewhere, stays behind.

// CHECK-LABEL: func.func @activation
// CHECK-COUNT-4: dl.conv
// CHECK-COUNT-4: dl.sigmoid {{.*}} -> tensor<1x16x4x5xf32>
// CHECK: dl.concat
// CHECK: dl.transpose
// CHECK: %[[R:.*]] = dl.reshape
// CHECK: dl.add %[[R]], %arg2
// CHECK-NOT: dl.sigmoid
func.func @activation(%x: tensor<1x4x4x5xf32>, %w: tensor<4x16x2x2xf32>, %y: tensor<1x16x8x10xf32>, %b: tensor<16x1x1xf32>) -> tensor<1x16x8x10xf32> {
  %0 = dl.conv_transpose %x, %w {strides = array<i64: 2, 2>, pads_low = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x4x4x5xf32>, tensor<4x16x2x2xf32>) -> tensor<1x16x8x10xf32>
  %1 = dl.add %0, %b : (tensor<1x16x8x10xf32>, tensor<16x1x1xf32>) -> tensor<1x16x8x10xf32>
  %2 = dl.sigmoid %1 : (tensor<1x16x8x10xf32>) -> tensor<1x16x8x10xf32>
  %3 = dl.mul %1, %2 : (tensor<1x16x8x10xf32>, tensor<1x16x8x10xf32>) -> tensor<1x16x8x10xf32>
  %4 = dl.add %3, %y : (tensor<1x16x8x10xf32>, tensor<1x16x8x10xf32>) -> tensor<1x16x8x10xf32>
  return %4 : tensor<1x16x8x10xf32>
}
