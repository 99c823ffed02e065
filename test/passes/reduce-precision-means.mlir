// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-reduce-precision %s | FileCheck %s

// What has a positive mean: weights that are multiplied with it are rounded so that
// their errors cancel.

// x * 0.5 * (1 + erf(x / sqrt(2)))
// CHECK-LABEL: func.func @gelu(
// CHECK: dl.round_balanced
func.func @gelu(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) -> tensor<8x4xf32> {
  %w = dl.constant dense_resource<w> : tensor<8x4xf32>
  %h = dl.constant dense<0.5> : tensor<f32>
  %o = dl.constant dense<1.0> : tensor<f32>
  %q = dl.constant dense<0.707106769> : tensor<f32>
  %0 = dl.mul %x, %q : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xf32>
  %1 = dl.erf %0 : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %2 = dl.add %1, %o : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xf32>
  %3 = dl.mul %x, %h : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xf32>
  %a = dl.mul %3, %2 : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %p = dl.matmul %a, %w : (tensor<8x8xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %p : tensor<8x4xf32>
}

// CHECK-LABEL: func.func @gelu_by_tanh(
// CHECK: dl.round_balanced
func.func @gelu_by_tanh(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) -> tensor<8x4xf32> {
  %w = dl.constant dense_resource<w> : tensor<8x4xf32>
  %h = dl.constant dense<0.5> : tensor<f32>
  %o = dl.constant dense<1.0> : tensor<f32>
  %k = dl.constant dense<0.044715> : tensor<f32>
  %q = dl.constant dense<0.797884583> : tensor<f32>
  %0 = dl.mul %x, %x : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %1 = dl.mul %0, %x : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %2 = dl.mul %1, %k : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xf32>
  %3 = dl.add %x, %2 : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %4 = dl.mul %3, %q : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xf32>
  %5 = dl.tanh %4 : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %6 = dl.add %5, %o : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xf32>
  %7 = dl.mul %x, %h : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xf32>
  %a = dl.mul %7, %6 : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %p = dl.matmul %a, %w : (tensor<8x8xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %p : tensor<8x4xf32>
}

// Gated by something else that is not negative.
// CHECK-LABEL: func.func @silu_gated(
// CHECK: dl.round_balanced
func.func @silu_gated(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) -> tensor<8x4xf32> {
  %w = dl.constant dense_resource<w> : tensor<8x4xf32>
  %0 = dl.sigmoid %x : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %1 = dl.mul %x, %0 : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %2 = dl.sigmoid %y : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %a = dl.mul %1, %2 : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %p = dl.matmul %a, %w : (tensor<8x8xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %p : tensor<8x4xf32>
}

// CHECK-LABEL: func.func @hard_swish(
// CHECK: dl.round_balanced
func.func @hard_swish(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) -> tensor<8x4xf32> {
  %w = dl.constant dense_resource<w> : tensor<8x4xf32>
  %z = dl.constant dense<0.0> : tensor<f32>
  %h = dl.constant dense<0.5> : tensor<f32>
  %o = dl.constant dense<1.0> : tensor<f32>
  %s = dl.constant dense<0.166666672> : tensor<f32>
  %0 = dl.mul %x, %s : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xf32>
  %1 = dl.add %0, %h : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xf32>
  %2 = dl.max %1, %z : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xf32>
  %3 = dl.min %2, %o : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xf32>
  %a = dl.mul %x, %3 : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %p = dl.matmul %a, %w : (tensor<8x8xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %p : tensor<8x4xf32>
}

// CHECK-LABEL: func.func @mish(
// CHECK: dl.round_balanced
func.func @mish(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) -> tensor<8x4xf32> {
  %w = dl.constant dense_resource<w> : tensor<8x4xf32>
  %z = dl.constant dense<0.0> : tensor<f32>
  %o = dl.constant dense<1.0> : tensor<f32>
  %0 = dl.abs %x : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %1 = dl.neg %0 : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %2 = dl.exp %1 : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %3 = dl.add %2, %o : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xf32>
  %4 = dl.log %3 : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %5 = dl.max %x, %z : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xf32>
  %6 = dl.add %5, %4 : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %7 = dl.tanh %6 : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %a = dl.mul %x, %7 : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %p = dl.matmul %a, %w : (tensor<8x8xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %p : tensor<8x4xf32>
}

// A slope for each channel.
// CHECK-LABEL: func.func @leaky_relu(
// CHECK: dl.round_balanced
func.func @leaky_relu(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) -> tensor<8x4xf32> {
  %w = dl.constant dense_resource<w> : tensor<8x4xf32>
  %z = dl.constant dense<0.0> : tensor<f32>
  %s = dl.constant dense<[0.1, 0.2, 0.1, 0.3, 0.1, 0.25, 0.1, 0.2]> : tensor<8xf32>
  %0 = dl.mul %x, %s : (tensor<8x8xf32>, tensor<8xf32>) -> tensor<8x8xf32>
  %ac = dl.compare lt, %x, %z : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xi1>
  %a = dl.select %ac, %0, %x : (tensor<8x8xi1>, tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %p = dl.matmul %a, %w : (tensor<8x8xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %p : tensor<8x4xf32>
}

// CHECK-LABEL: func.func @elu(
// CHECK: dl.round_balanced
func.func @elu(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) -> tensor<8x4xf32> {
  %w = dl.constant dense_resource<w> : tensor<8x4xf32>
  %z = dl.constant dense<0.0> : tensor<f32>
  %o = dl.constant dense<1.0> : tensor<f32>
  %0 = dl.exp %x : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %1 = dl.sub %0, %o : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xf32>
  %ac = dl.compare lt, %x, %z : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xi1>
  %a = dl.select %ac, %1, %x : (tensor<8x8xi1>, tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %p = dl.matmul %a, %w : (tensor<8x8xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %p : tensor<8x4xf32>
}

// Pooled within a border that no maximum takes, averaged, moved.
// CHECK-LABEL: func.func @relu6_pooled(
// CHECK: dl.round_balanced
func.func @relu6_pooled(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) -> tensor<8x4xf32> {
  %w = dl.constant dense_resource<w> : tensor<8x4xf32>
  %z = dl.constant dense<0.0> : tensor<f32>
  %m = dl.constant dense<0xFF800000> : tensor<f32>
  %n = dl.constant dense<4.0> : tensor<f32>
  %t = dl.constant dense<6.0> : tensor<f32>
  %0 = dl.max %x, %z : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xf32>
  %1 = dl.min %0, %t : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xf32>
  %2 = dl.pad constant, %1, %m {low = affine_map<() -> (1, 1)>} : (tensor<8x8xf32>, tensor<f32>) -> tensor<10x10xf32>
  %3 = dl.window_reduce max, %2 {window = array<i64: 2, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<10x10xf32>) -> tensor<9x9xf32>
  %4 = dl.window_reduce sum, %3 {window = array<i64: 2, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<9x9xf32>) -> tensor<8x8xf32>
  %5 = dl.div %4, %n : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xf32>
  %a = dl.transpose %5 {permutation = array<i64: 1, 0>} : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %p = dl.matmul %a, %w : (tensor<8x8xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %p : tensor<8x4xf32>
}

// Sums of what is positive.
// CHECK-LABEL: func.func @softmax_residual(
// CHECK: dl.round_balanced
func.func @softmax_residual(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) -> tensor<8x4xf32> {
  %w = dl.constant dense_resource<w> : tensor<8x4xf32>
  %0 = dl.softmax %x {axis = 1 : i64} : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %z = dl.constant dense<0.0> : tensor<f32>
  %1 = dl.max %y, %z : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xf32>
  %a = dl.add %0, %1 : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %p = dl.matmul %a, %w : (tensor<8x8xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %p : tensor<8x4xf32>
}

// CHECK-LABEL: func.func @maximum_of_sums(
// CHECK: dl.round_balanced
func.func @maximum_of_sums(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) -> tensor<8x4xf32> {
  %w = dl.constant dense_resource<w> : tensor<8x4xf32>
  %z = dl.constant dense<0.0> : tensor<f32>
  %0 = dl.add %x, %y : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %a = dl.max %0, %z : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xf32>
  %p = dl.matmul %a, %w : (tensor<8x8xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %p : tensor<8x4xf32>
}

// CHECK-LABEL: func.func @weighted_average(
// CHECK: dl.round_balanced
func.func @weighted_average(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) -> tensor<8x4xf32> {
  %w = dl.constant dense_resource<w> : tensor<8x4xf32>
  %0 = dl.softmax %x {axis = 1 : i64} : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %1 = dl.exp %y : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %a = dl.matmul %0, %1 : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %p = dl.matmul %a, %w : (tensor<8x8xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %p : tensor<8x4xf32>
}

// Of what is not negative.
// CHECK-LABEL: func.func @root(
// CHECK: dl.round_balanced
func.func @root(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) -> tensor<8x4xf32> {
  %w = dl.constant dense_resource<w> : tensor<8x4xf32>
  %0 = dl.mul %x, %x : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %1 = dl.sqrt %0 : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %o = dl.constant dense<2.0> : tensor<f32>
  %a = dl.pow %1, %o : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xf32>
  %p = dl.matmul %a, %w : (tensor<8x8xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %p : tensor<8x4xf32>
}

// What has not, or may have any.

// CHECK-LABEL: func.func @tanh(
// CHECK-NOT: dl.round_balanced
func.func @tanh(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) -> tensor<8x4xf32> {
  %w = dl.constant dense_resource<w> : tensor<8x4xf32>
  %a = dl.tanh %x : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %p = dl.matmul %a, %w : (tensor<8x8xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %p : tensor<8x4xf32>
}

// A sum with what may have any mean.
// CHECK-LABEL: func.func @residual(
// CHECK-NOT: dl.round_balanced
func.func @residual(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) -> tensor<8x4xf32> {
  %w = dl.constant dense_resource<w> : tensor<8x4xf32>
  %z = dl.constant dense<0.0> : tensor<f32>
  %r = dl.max %x, %z : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xf32>
  %a = dl.add %r, %y : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %p = dl.matmul %a, %w : (tensor<8x8xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %p : tensor<8x4xf32>
}

// CHECK-LABEL: func.func @difference(
// CHECK-NOT: dl.round_balanced
func.func @difference(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) -> tensor<8x4xf32> {
  %w = dl.constant dense_resource<w> : tensor<8x4xf32>
  %z = dl.constant dense<0.0> : tensor<f32>
  %r = dl.max %x, %z : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xf32>
  %a = dl.sub %r, %y : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %p = dl.matmul %a, %w : (tensor<8x8xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %p : tensor<8x4xf32>
}

// By factors of any sign.
// CHECK-LABEL: func.func @scaled(
// CHECK-NOT: dl.round_balanced
func.func @scaled(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) -> tensor<8x4xf32> {
  %w = dl.constant dense_resource<w> : tensor<8x4xf32>
  %z = dl.constant dense<0.0> : tensor<f32>
  %r = dl.max %x, %z : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xf32>
  %a = dl.mul %r, %y : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %p = dl.matmul %a, %w : (tensor<8x8xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %p : tensor<8x4xf32>
}

// CHECK-LABEL: func.func @log_softmax(
// CHECK-NOT: dl.round_balanced
func.func @log_softmax(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) -> tensor<8x4xf32> {
  %w = dl.constant dense_resource<w> : tensor<8x4xf32>
  %a = dl.softmax %x {axis = 1 : i64, log = true} : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %p = dl.matmul %a, %w : (tensor<8x8xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %p : tensor<8x4xf32>
}

// CHECK-LABEL: func.func @below(
// CHECK-NOT: dl.round_balanced
func.func @below(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) -> tensor<8x4xf32> {
  %w = dl.constant dense_resource<w> : tensor<8x4xf32>
  %z = dl.constant dense<0.0> : tensor<f32>
  %a = dl.min %x, %z : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xf32>
  %p = dl.matmul %a, %w : (tensor<8x8xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %p : tensor<8x4xf32>
}

// CHECK-LABEL: func.func @normalized(
// CHECK-NOT: dl.round_balanced
func.func @normalized(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) -> tensor<8x4xf32> {
  %w = dl.constant dense_resource<w> : tensor<8x4xf32>
  %z = dl.constant dense<0.0> : tensor<f32>
  %r = dl.max %x, %z : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xf32>
  %n = dl.constant dense<8.0> : tensor<f32>
  %0 = dl.reduce sum, %r {axes = array<i64: 1>, keepdims = true} : (tensor<8x8xf32>) -> tensor<8x1xf32>
  %1 = dl.div %0, %n : (tensor<8x1xf32>, tensor<f32>) -> tensor<8x1xf32>
  %2 = dl.sub %r, %1 : (tensor<8x8xf32>, tensor<8x1xf32>) -> tensor<8x8xf32>
  %3 = dl.mul %2, %2 : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %4 = dl.reduce sum, %3 {axes = array<i64: 1>, keepdims = true} : (tensor<8x8xf32>) -> tensor<8x1xf32>
  %5 = dl.sqrt %4 : (tensor<8x1xf32>) -> tensor<8x1xf32>
  %a = dl.div %2, %5 : (tensor<8x8xf32>, tensor<8x1xf32>) -> tensor<8x8xf32>
  %p = dl.matmul %a, %w : (tensor<8x8xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %p : tensor<8x4xf32>
}

// A bias is small beside what nothing is known of.
// CHECK-LABEL: func.func @biased(
// CHECK-NOT: dl.round_balanced
func.func @biased(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) -> tensor<8x4xf32> {
  %w = dl.constant dense_resource<w> : tensor<8x4xf32>
  %b = dl.constant dense<[0.1, 0.2, 3.0, 0.1, 0.2, 0.1, 0.3, 0.2]> : tensor<8xf32>
  %a = dl.add %x, %b : (tensor<8x8xf32>, tensor<8xf32>) -> tensor<8x8xf32>
  %p = dl.matmul %a, %w : (tensor<8x8xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %p : tensor<8x4xf32>
}

{-# dialect_resources: { builtin: { w: "0x0400000000000000" } } #-}
