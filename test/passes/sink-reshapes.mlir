// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-sink-reshapes --canonicalize %s | FileCheck %s

// Bias and residual meet the product in its own shape.

// CHECK-LABEL: func.func @elementwise
// CHECK: dl.matmul
// CHECK: dl.add {{.*}} : (tensor<1x16x49xf32>, tensor<1x16x1xf32>) -> tensor<1x16x49xf32>
// CHECK: dl.add {{.*}} -> tensor<1x16x49xf32>
// CHECK: dl.reduce {{.*}} {axes = array<i64: 2>, keepdims = true} : (tensor<1x16x49xf32>) -> tensor<1x16x1xf32>
// CHECK: dl.reshape {{.*}} -> tensor<1x16x1x1xf32>
func.func @elementwise(%w: tensor<16x8xf32>, %x: tensor<1x8x49xf32>, %b: tensor<16x1x1xf32>, %r: tensor<1x16x7x7xf32>) -> tensor<1x16x1x1xf32> {
  %0 = dl.matmul %w, %x : (tensor<16x8xf32>, tensor<1x8x49xf32>) -> tensor<1x16x49xf32>
  %1 = dl.reshape %0 : (tensor<1x16x49xf32>) -> tensor<1x16x7x7xf32>
  %2 = dl.add %1, %b : (tensor<1x16x7x7xf32>, tensor<16x1x1xf32>) -> tensor<1x16x7x7xf32>
  %3 = dl.add %2, %r : (tensor<1x16x7x7xf32>, tensor<1x16x7x7xf32>) -> tensor<1x16x7x7xf32>
  %4 = dl.reduce sum, %3 {axes = array<i64: 2, 3>, keepdims = true} : (tensor<1x16x7x7xf32>) -> tensor<1x16x1x1xf32>
  return %4 : tensor<1x16x1x1xf32>
}

// Broadcast along a part of a dimension: the reshape stays.

// CHECK-LABEL: func.func @part
// CHECK: dl.reshape
// CHECK: dl.add {{.*}} -> tensor<1x16x7x7xf32>
func.func @part(%w: tensor<16x8xf32>, %x: tensor<1x8x49xf32>, %b: tensor<7x1xf32>) -> tensor<1x16x7x7xf32> {
  %0 = dl.matmul %w, %x : (tensor<16x8xf32>, tensor<1x8x49xf32>) -> tensor<1x16x49xf32>
  %1 = dl.reshape %0 : (tensor<1x16x49xf32>) -> tensor<1x16x7x7xf32>
  %2 = dl.add %1, %b : (tensor<1x16x7x7xf32>, tensor<7x1xf32>) -> tensor<1x16x7x7xf32>
  return %2 : tensor<1x16x7x7xf32>
}

// Rows become one dimension, and softmax over columns follows.

// CHECK-LABEL: func.func @rows
// CHECK: dl.matmul {{.*}} : (tensor<?x8xf32, #dl.dims<()[s0] -> (s0 * 4, 8)>>, tensor<8x3xf32>)
// CHECK: dl.softmax {{.*}} {axis = 1 : i64}
// CHECK: dl.reshape
func.func @rows(%x: tensor<?x4x8xf32, #dl.dims<()[s0] -> (s0, 4, 8)>>, %w: tensor<8x3xf32>) -> tensor<?x4x3xf32, #dl.dims<()[s0] -> (s0, 4, 3)>> attributes {dl.symbols = ["n"]} {
  %0 = dl.matmul %x, %w : (tensor<?x4x8xf32, #dl.dims<()[s0] -> (s0, 4, 8)>>, tensor<8x3xf32>) -> tensor<?x4x3xf32, #dl.dims<()[s0] -> (s0, 4, 3)>>
  %1 = dl.softmax %0 {axis = 2 : i64} : (tensor<?x4x3xf32, #dl.dims<()[s0] -> (s0, 4, 3)>>) -> tensor<?x4x3xf32, #dl.dims<()[s0] -> (s0, 4, 3)>>
  return %1 : tensor<?x4x3xf32, #dl.dims<()[s0] -> (s0, 4, 3)>>
}

// Only a dimension of size 1 moves.

// CHECK-LABEL: func.func @units
// CHECK: dl.reshape %arg0
// CHECK-NOT: dl.transpose
func.func @units(%x: tensor<1x4x8xf32>) -> tensor<4x1x8xf32> {
  %0 = dl.transpose %x {permutation = array<i64: 1, 0, 2>} : (tensor<1x4x8xf32>) -> tensor<4x1x8xf32>
  return %0 : tensor<4x1x8xf32>
}

// Stacked concatenations store each piece once.

// CHECK-LABEL: func.func @stack
// CHECK: dl.concat %arg0, %arg1, %arg1, %arg0 {axis = 0 : i64} {{.*}} -> tensor<4x4xf32>
// CHECK: dl.reshape {{.*}} -> tensor<2x2x4xf32>
func.func @stack(%a: tensor<1x4xf32>, %b: tensor<1x4xf32>) -> tensor<2x2x4xf32> {
  %0 = dl.concat %a, %b {axis = 0 : i64} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<2x4xf32>
  %1 = dl.concat %b, %a {axis = 0 : i64} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<2x4xf32>
  %2 = dl.reshape %0 : (tensor<2x4xf32>) -> tensor<1x2x4xf32>
  %3 = dl.reshape %1 : (tensor<2x4xf32>) -> tensor<1x2x4xf32>
  %4 = dl.concat %2, %3 {axis = 0 : i64} : (tensor<1x2x4xf32>, tensor<1x2x4xf32>) -> tensor<2x2x4xf32>
  return %4 : tensor<2x2x4xf32>
}

// Dimensions of size 1 that a reduction left are dropped after what follows.

// CHECK-LABEL: func.func @dropped
// CHECK: %[[SUM:.*]] = dl.reduce sum
// CHECK-NEXT: %[[SCALED:.*]] = dl.mul %[[SUM]], %{{.*}} : (tensor<1x1x4x1xf32>, tensor<f32>) -> tensor<1x1x4x1xf32>
// CHECK-NEXT: dl.reshape %[[SCALED]] : (tensor<1x1x4x1xf32>) -> tensor<1x4x1xf32>
func.func @dropped(%x: tensor<1x5x4x2xf32>) -> tensor<1x4x1xf32> {
  %scale = dl.constant dense<0.1> : tensor<f32>
  %0 = dl.reduce sum, %x {axes = array<i64: 1, 3>, keepdims = true} : (tensor<1x5x4x2xf32>) -> tensor<1x1x4x1xf32>
  %1 = dl.reshape %0 : (tensor<1x1x4x1xf32>) -> tensor<1x4x1xf32>
  %2 = dl.mul %1, %scale : (tensor<1x4x1xf32>, tensor<f32>) -> tensor<1x4x1xf32>
  return %2 : tensor<1x4x1xf32>
}

// Where both operands were reshaped, neither shape is the better: they would be
// moved for ever.

// CHECK-LABEL: func.func @both
// CHECK: dl.add {{.*}} : (tensor<1x4x1xf32>, tensor<1x4x1xf32>) -> tensor<1x4x1xf32>
func.func @both(%x: tensor<1x1x4x1xf32>, %y: tensor<4x1x1xf32>) -> tensor<1x4x1xf32> {
  %0 = dl.tanh %x : (tensor<1x1x4x1xf32>) -> tensor<1x1x4x1xf32>
  %1 = dl.tanh %y : (tensor<4x1x1xf32>) -> tensor<4x1x1xf32>
  %2 = dl.reshape %0 : (tensor<1x1x4x1xf32>) -> tensor<1x4x1xf32>
  %3 = dl.reshape %1 : (tensor<4x1x1xf32>) -> tensor<1x4x1xf32>
  %4 = dl.add %2, %3 : (tensor<1x4x1xf32>, tensor<1x4x1xf32>) -> tensor<1x4x1xf32>
  return %4 : tensor<1x4x1xf32>
}

// The one dimension of a single element.

// CHECK-LABEL: func.func @scalar
// CHECK: dl.cast {{.*}} : (tensor<1xf32>) -> tensor<1xi32>
func.func @scalar(%x: tensor<1xf32>) -> tensor<i32> {
  %0 = dl.tanh %x : (tensor<1xf32>) -> tensor<1xf32>
  %1 = dl.reshape %0 : (tensor<1xf32>) -> tensor<f32>
  %2 = dl.cast %1 : (tensor<f32>) -> tensor<i32>
  return %2 : tensor<i32>
}

// Where dimensions of size 1 alone come and go, the reshape of one operand is not
// exchanged for that of another, which would go on for ever.
// CHECK-LABEL: func.func @unit_dims
// CHECK: dl.reshape
// CHECK: dl.select
func.func @unit_dims(%a: tensor<1xi64>, %b: tensor<1x1xi64>) -> tensor<1x1xi64> {
  %0 = dl.abs %a : (tensor<1xi64>) -> tensor<1xi64>
  %1 = dl.abs %b : (tensor<1x1xi64>) -> tensor<1x1xi64>
  %2 = dl.reshape %0 : (tensor<1xi64>) -> tensor<1x1xi64>
  %3 = dl.compare lt, %2, %1 : (tensor<1x1xi64>, tensor<1x1xi64>) -> tensor<1x1xi1>
  %4 = dl.select %3, %2, %1 : (tensor<1x1xi1>, tensor<1x1xi64>, tensor<1x1xi64>) -> tensor<1x1xi64>
  return %4 : tensor<1x1xi64>
}

// A reshape that changes nothing is not left behind.
// CHECK-LABEL: func.func @nothing
// CHECK-NOT: dl.reshape
// CHECK: return
func.func @nothing(%a: tensor<1xi64>, %s: tensor<i64>) -> (tensor<i64>, tensor<1xi1>) {
  %0 = dl.abs %a : (tensor<1xi64>) -> tensor<1xi64>
  %1 = dl.reshape %0 : (tensor<1xi64>) -> tensor<1x1xi64>
  %2 = dl.reduce sum, %1 {axes = array<i64: 1>} : (tensor<1x1xi64>) -> tensor<1xi64>
  %3 = dl.reduce sum, %2 {axes = array<i64: 0>} : (tensor<1xi64>) -> tensor<i64>
  %4 = dl.compare le, %2, %s : (tensor<1xi64>, tensor<i64>) -> tensor<1xi1>
  return %3, %4 : tensor<i64>, tensor<1xi1>
}

// Dimensions that are broadcast, or not, together may be joined before; others not.
// CHECK-LABEL: func.func @broadcast
// CHECK: %[[MIXED:.*]] = dl.broadcast %arg0
// CHECK: %[[ROWS:.*]] = dl.reshape %arg0 : (tensor<2x3x1xf32>) -> tensor<6x1xf32>
// CHECK: dl.broadcast %[[ROWS]] : (tensor<6x1xf32>) -> tensor<6x4xf32>
// CHECK: dl.reshape %[[MIXED]] : (tensor<2x3x4xf32>) -> tensor<2x12xf32>
func.func @broadcast(%a: tensor<2x3x1xf32>) -> (tensor<6x4xf32>, tensor<2x12xf32>) {
  %0 = dl.broadcast %a : (tensor<2x3x1xf32>) -> tensor<2x3x4xf32>
  %1 = dl.reshape %0 : (tensor<2x3x4xf32>) -> tensor<6x4xf32>
  %2 = dl.reshape %0 : (tensor<2x3x4xf32>) -> tensor<2x12xf32>
  return %1, %2 : tensor<6x4xf32>, tensor<2x12xf32>
}

// What another operand has anyway need not be broadcast to it.

// CHECK-LABEL: func.func @broadcast_operand
// CHECK: %[[WHOLE:.*]] = dl.broadcast %arg0
// CHECK: dl.add %arg0, %arg1 : (tensor<4x1xf32>, tensor<4x3xf32>)
// CHECK: dl.add %[[WHOLE]], %arg2
func.func @broadcast_operand(%x: tensor<4x1xf32>, %y: tensor<4x3xf32>, %z: tensor<4x1xf32>) -> (tensor<4x3xf32>, tensor<4x3xf32>) {
  %0 = dl.broadcast %x : (tensor<4x1xf32>) -> tensor<4x3xf32>
  %1 = dl.add %0, %y : (tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<4x3xf32>
  %2 = dl.add %0, %z : (tensor<4x3xf32>, tensor<4x1xf32>) -> tensor<4x3xf32>
  return %1, %2 : tensor<4x3xf32>, tensor<4x3xf32>
}

// A filter's gradient is updated in the order that it is computed in: the reshape
// that splits a dimension and drops one of size 1 moves behind the update, and that of
// a slot to the argument.
// CHECK-LABEL: func.func @update
// CHECK: %[[G:.*]] = dl.conv_filter_gradient
// CHECK: %[[SLOT:.*]] = dl.reshape %arg2 : (tensor<3x3x3x8xf32>) -> tensor<3x9x1x8xf32>
// CHECK: %[[DECAYED:.*]] = dl.mul %[[SLOT]], %
// CHECK: %[[SUM:.*]] = dl.add %[[DECAYED]], %[[G]]
// CHECK: %[[W:.*]] = dl.reshape %arg3
// CHECK: dl.sub %[[W]], %[[SUM]]
func.func @update(%x: tensor<2x9x27x1xf32>, %g: tensor<2x7x7x8xf32>, %m: tensor<3x3x3x8xf32>, %w: tensor<3x3x3x8xf32>) -> (tensor<3x3x3x8xf32>, tensor<3x3x3x8xf32>) {
  %c = dl.constant dense<0.5> : tensor<f32>
  %0 = dl.conv_filter_gradient %x, %g {channels_last = true, strides = array<i64: 1, 3>, pads_low = array<i64: 0, 0>, dilations = array<i64: 1, 1>} : (tensor<2x9x27x1xf32>, tensor<2x7x7x8xf32>) -> tensor<3x9x1x8xf32>
  %1 = dl.reshape %0 : (tensor<3x9x1x8xf32>) -> tensor<3x3x3x8xf32>
  %2 = dl.mul %m, %c : (tensor<3x3x3x8xf32>, tensor<f32>) -> tensor<3x3x3x8xf32>
  %3 = dl.add %2, %1 : (tensor<3x3x3x8xf32>, tensor<3x3x3x8xf32>) -> tensor<3x3x3x8xf32>
  %4 = dl.sub %w, %3 : (tensor<3x3x3x8xf32>, tensor<3x3x3x8xf32>) -> tensor<3x3x3x8xf32>
  return %3, %4 : tensor<3x3x3x8xf32>, tensor<3x3x3x8xf32>
}
