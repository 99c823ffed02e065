// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-integer-products --canonicalize %s | FileCheck %s

// Both zero points are zero: nothing is corrected.

// CHECK-LABEL: func.func @symmetric
// CHECK-SAME: %[[X:.*]]: tensor<4x8xui8>, %[[W:.*]]: tensor<8x16xi8>
// CHECK: %[[P:.*]] = dl.matmul %[[X]], %[[W]] {wide} : (tensor<4x8xui8>, tensor<8x16xi8>) -> tensor<4x16xi32>
// CHECK: %[[F:.*]] = dl.cast %[[P]] : (tensor<4x16xi32>) -> tensor<4x16xf32>
// CHECK: dl.mul %[[F]]
func.func @symmetric(%x: tensor<4x8xui8>, %w: tensor<8x16xi8>) -> tensor<4x16xf32> {
  %c = dl.constant dense<0.5> : tensor<f32>
  %0 = dl.cast %x : (tensor<4x8xui8>) -> tensor<4x8xi32>
  %1 = dl.cast %0 : (tensor<4x8xi32>) -> tensor<4x8xf32>
  %2 = dl.mul %1, %c : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %3 = dl.cast %w : (tensor<8x16xi8>) -> tensor<8x16xi32>
  %4 = dl.cast %3 : (tensor<8x16xi32>) -> tensor<8x16xf32>
  %5 = dl.mul %4, %c : (tensor<8x16xf32>, tensor<f32>) -> tensor<8x16xf32>
  %6 = dl.matmul %2, %5 : (tensor<4x8xf32>, tensor<8x16xf32>) -> tensor<4x16xf32>
  return %6 : tensor<4x16xf32>
}

// Zero point 10 of the rows: 10 times the sums of the columns of the other side are subtracted. A zero point of both
// takes the sums of the rows, too, which only a run knows.

// CHECK-LABEL: func.func @zero_points
// CHECK-SAME: %[[X:.*]]: tensor<4x2xui8>, %[[Y:.*]]: tensor<2x3xi8>
// CHECK: %[[P:.*]] = dl.matmul %[[X]], %[[Y]] {wide} : (tensor<4x2xui8>, tensor<2x3xi8>) -> tensor<4x3xi32>
// CHECK: %[[C:.*]] = dl.reduce sum, %{{.*}} {axes = array<i64: 0>, keepdims = true} : (tensor<2x3xi32>) -> tensor<1x3xi32>
// CHECK: %[[R:.*]] = dl.reduce sum, %{{.*}} {axes = array<i64: 1>, keepdims = true} : (tensor<4x2xi32>) -> tensor<4x1xi32>
// CHECK: return %{{.*}} : tensor<4x3xi32>
func.func @zero_points(%x: tensor<4x2xui8>, %y: tensor<2x3xi8>) -> tensor<4x3xi32> {
  %a = dl.constant dense<10> : tensor<i32>
  %b = dl.constant dense<-3> : tensor<i32>
  %0 = dl.cast %x : (tensor<4x2xui8>) -> tensor<4x2xi32>
  %1 = dl.sub %0, %a : (tensor<4x2xi32>, tensor<i32>) -> tensor<4x2xi32>
  %2 = dl.cast %y : (tensor<2x3xi8>) -> tensor<2x3xi32>
  %3 = dl.sub %2, %b : (tensor<2x3xi32>, tensor<i32>) -> tensor<2x3xi32>
  %4 = dl.matmul %1, %3 : (tensor<4x2xi32>, tensor<2x3xi32>) -> tensor<4x3xi32>
  return %4 : tensor<4x3xi32>
}

// Around an image stands its zero point.

// CHECK-LABEL: func.func @border
// CHECK-DAG: %[[Z:.*]] = dl.constant dense<7> : tensor<ui8>
// CHECK: %[[PAD:.*]] = dl.pad constant, %arg0, %[[Z]]
// CHECK: dl.conv %[[PAD]], %{{.*}} {{{.*}}pads_high = array<i64: 0>, pads_low = array<i64: 0>{{.*}}wide} : (tensor<1x2x6xui8>, tensor<3x2x3xi8>) -> tensor<1x3x4xi32>
func.func @border(%x: tensor<1x2x4xui8>, %w: tensor<3x2x3xi8>) -> tensor<1x3x4xf32> {
  %z = dl.constant dense<7.0> : tensor<f32>
  %c = dl.constant dense<0.5> : tensor<f32>
  %0 = dl.cast %x : (tensor<1x2x4xui8>) -> tensor<1x2x4xf32>
  %1 = dl.sub %0, %z : (tensor<1x2x4xf32>, tensor<f32>) -> tensor<1x2x4xf32>
  %2 = dl.mul %1, %c : (tensor<1x2x4xf32>, tensor<f32>) -> tensor<1x2x4xf32>
  %3 = dl.cast %w : (tensor<3x2x3xi8>) -> tensor<3x2x3xf32>
  %4 = dl.mul %3, %c : (tensor<3x2x3xf32>, tensor<f32>) -> tensor<3x2x3xf32>
  %5 = dl.conv %2, %4 {strides = array<i64: 1>, pads_low = array<i64: 1>, pads_high = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<1x2x4xf32>, tensor<3x2x3xf32>) -> tensor<1x3x4xf32>
  return %5 : tensor<1x3x4xf32>
}

// A scale along what is contracted stays before the product.

// CHECK-LABEL: func.func @contracted_scale
// CHECK: dl.matmul {{.*}} : (tensor<4x2xf32>, tensor<2x3xf32>) -> tensor<4x3xf32>
func.func @contracted_scale(%x: tensor<4x2xui8>, %y: tensor<2x3xi8>) -> tensor<4x3xf32> {
  %a = dl.constant dense<[0.5, 0.25]> : tensor<2xf32>
  %b = dl.constant dense<0.5> : tensor<f32>
  %0 = dl.cast %x : (tensor<4x2xui8>) -> tensor<4x2xf32>
  %1 = dl.mul %0, %a : (tensor<4x2xf32>, tensor<2xf32>) -> tensor<4x2xf32>
  %2 = dl.cast %y : (tensor<2x3xi8>) -> tensor<2x3xf32>
  %3 = dl.mul %2, %b : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>
  %4 = dl.matmul %1, %3 : (tensor<4x2xf32>, tensor<2x3xf32>) -> tensor<4x3xf32>
  return %4 : tensor<4x3xf32>
}

// A scale of zero, or below, stays as well.

// CHECK-LABEL: func.func @no_scale
// CHECK: dl.matmul {{.*}} : (tensor<4x2xf32>, tensor<2x3xf32>) -> tensor<4x3xf32>
func.func @no_scale(%x: tensor<4x2xui8>, %y: tensor<2x3xi8>) -> tensor<4x3xf32> {
  %a = dl.constant dense<-0.5> : tensor<f32>
  %b = dl.constant dense<0.0> : tensor<f32>
  %0 = dl.cast %x : (tensor<4x2xui8>) -> tensor<4x2xf32>
  %1 = dl.mul %0, %a : (tensor<4x2xf32>, tensor<f32>) -> tensor<4x2xf32>
  %2 = dl.cast %y : (tensor<2x3xi8>) -> tensor<2x3xf32>
  %3 = dl.mul %2, %b : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>
  %4 = dl.matmul %1, %3 : (tensor<4x2xf32>, tensor<2x3xf32>) -> tensor<4x3xf32>
  return %4 : tensor<4x3xf32>
}

// A convolution in groups is one of f32, of whole numbers.

// CHECK-LABEL: func.func @groups
// CHECK: %[[X:.*]] = dl.cast %arg0 : (tensor<1x2x4xui8>) -> tensor<1x2x4xf32>
// CHECK: %[[S:.*]] = dl.conv %[[X]], %{{.*}} groups = 2 : i64{{.*}} : (tensor<1x2x4xf32>, tensor<2x1x3xf32>) -> tensor<1x2x2xf32>
// CHECK: dl.mul %[[S]]
func.func @groups(%x: tensor<1x2x4xui8>, %w: tensor<2x1x3xi8>) -> tensor<1x2x2xf32> {
  %c = dl.constant dense<0.5> : tensor<f32>
  %0 = dl.cast %x : (tensor<1x2x4xui8>) -> tensor<1x2x4xf32>
  %1 = dl.mul %0, %c : (tensor<1x2x4xf32>, tensor<f32>) -> tensor<1x2x4xf32>
  %2 = dl.cast %w : (tensor<2x1x3xi8>) -> tensor<2x1x3xf32>
  %3 = dl.mul %2, %c : (tensor<2x1x3xf32>, tensor<f32>) -> tensor<2x1x3xf32>
  %4 = dl.conv %1, %3 {strides = array<i64: 1>, pads_low = array<i64: 0>, pads_high = array<i64: 0>, dilations = array<i64: 1>, groups = 2 : i64} : (tensor<1x2x4xf32>, tensor<2x1x3xf32>) -> tensor<1x2x2xf32>
  return %4 : tensor<1x2x2xf32>
}

// What moves elements moves bytes, and the largest of windows are those of bytes; the same quantization takes back what
// was dequantized.

// CHECK-LABEL: func.func @moved
// CHECK: %[[T:.*]] = dl.transpose %arg0 {{.*}} : (tensor<4x2xui8>) -> tensor<2x4xui8>
// CHECK: %[[M:.*]] = dl.reduce max, %[[T]] {{.*}} : (tensor<2x4xui8>) -> tensor<2x1xui8>
// CHECK: return %[[M]]
func.func @moved(%x: tensor<4x2xui8>) -> tensor<2x1xui8> {
  %z = dl.constant dense<7.0> : tensor<f32>
  %c = dl.constant dense<0.5> : tensor<f32>
  %low = dl.constant dense<0.0> : tensor<f32>
  %high = dl.constant dense<255.0> : tensor<f32>
  %0 = dl.cast %x : (tensor<4x2xui8>) -> tensor<4x2xf32>
  %1 = dl.sub %0, %z : (tensor<4x2xf32>, tensor<f32>) -> tensor<4x2xf32>
  %2 = dl.mul %1, %c : (tensor<4x2xf32>, tensor<f32>) -> tensor<4x2xf32>
  %3 = dl.transpose %2 {permutation = array<i64: 1, 0>} : (tensor<4x2xf32>) -> tensor<2x4xf32>
  %4 = dl.reduce max, %3 {axes = array<i64: 1>, keepdims = true} : (tensor<2x4xf32>) -> tensor<2x1xf32>
  %5 = dl.div %4, %c : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %6 = dl.round %5 : (tensor<2x1xf32>) -> tensor<2x1xf32>
  %7 = dl.add %6, %z : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %8 = dl.max %7, %low : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %9 = dl.min %8, %high : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %10 = dl.cast %9 : (tensor<2x1xf32>) -> tensor<2x1xui8>
  return %10 : tensor<2x1xui8>
}

// A zero point that a run finds may be any i32.

// CHECK-LABEL: func.func @late_zero_point
// CHECK: dl.sub {{.*}} : (tensor<4xi32>, tensor<i32>) -> tensor<4xi32>
func.func @late_zero_point(%x: tensor<4xui8>, %z: tensor<i32>) -> tensor<4xf32> {
  %0 = dl.cast %x : (tensor<4xui8>) -> tensor<4xi32>
  %1 = dl.sub %0, %z : (tensor<4xi32>, tensor<i32>) -> tensor<4xi32>
  %2 = dl.cast %1 : (tensor<4xi32>) -> tensor<4xf32>
  return %2 : tensor<4xf32>
}
