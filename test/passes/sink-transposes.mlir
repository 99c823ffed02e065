// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-sink-transposes --canonicalize --split-input-file %s | FileCheck %s

// Bias and residual of convolutions: permutations meet and cancel.

// CHECK-LABEL: func.func @residual
// CHECK-SAME: %[[A:.*]]: tensor<1x7x5x8xf32>, %[[B:.*]]: tensor<1x7x5x8xf32>
// CHECK-NEXT: %[[BIAS:.*]] = dl.constant {{.*}} : tensor<1x1x1x8xf32>
// CHECK-NEXT: %[[SUM:.*]] = dl.add %[[A]], %[[BIAS]]
// CHECK-NEXT: %[[ALL:.*]] = dl.add %[[SUM]], %[[B]]
// CHECK-NEXT: return %[[ALL]] : tensor<1x7x5x8xf32>
func.func @residual(%a: tensor<1x7x5x8xf32>, %b: tensor<1x7x5x8xf32>) -> tensor<1x7x5x8xf32> {
  %bias = dl.constant dense<[[[1.0]], [[2.0]], [[3.0]], [[4.0]], [[5.0]], [[6.0]], [[7.0]], [[8.0]]]> : tensor<8x1x1xf32>
  %0 = dl.transpose %a {permutation = array<i64: 0, 3, 1, 2>} : (tensor<1x7x5x8xf32>) -> tensor<1x8x7x5xf32>
  %1 = dl.transpose %b {permutation = array<i64: 0, 3, 1, 2>} : (tensor<1x7x5x8xf32>) -> tensor<1x8x7x5xf32>
  %2 = dl.add %0, %bias : (tensor<1x8x7x5xf32>, tensor<8x1x1xf32>) -> tensor<1x8x7x5xf32>
  %3 = dl.add %2, %1 : (tensor<1x8x7x5xf32>, tensor<1x8x7x5xf32>) -> tensor<1x8x7x5xf32>
  %4 = dl.transpose %3 {permutation = array<i64: 0, 2, 3, 1>} : (tensor<1x8x7x5xf32>) -> tensor<1x7x5x8xf32>
  return %4 : tensor<1x7x5x8xf32>
}

// -----

// What has channels first would have to be permuted: the permutation stays.

// CHECK-LABEL: func.func @mixed
// CHECK: dl.transpose
// CHECK: dl.mul {{.*}} -> tensor<1x8x7x5xf32>
func.func @mixed(%a: tensor<1x7x5x8xf32>, %b: tensor<1x8x7x5xf32>) -> tensor<1x8x7x5xf32> {
  %0 = dl.transpose %a {permutation = array<i64: 0, 3, 1, 2>} : (tensor<1x7x5x8xf32>) -> tensor<1x8x7x5xf32>
  %1 = dl.mul %0, %b : (tensor<1x8x7x5xf32>, tensor<1x8x7x5xf32>) -> tensor<1x8x7x5xf32>
  return %1 : tensor<1x8x7x5xf32>
}

// -----

// Concatenation, slices and borders.

// CHECK-DAG: affine_map<() -> (0, 1, 0, 2)>
// CHECK-DAG: affine_map<() -> (0, 3, 0, 0)>
// CHECK-LABEL: func.func @movement
// CHECK: dl.concat %arg0, %arg1 {axis = 3 : i64}
// CHECK: dl.slice {{.*}}strides = array<i64: 1, 2, 1, 1>} {{.*}} -> tensor<1x3x5x9xf32>
// CHECK: dl.pad constant, {{.*}} -> tensor<1x6x5x9xf32>
// CHECK-NEXT: dl.transpose {{.*}} -> tensor<1x9x6x5xf32>
func.func @movement(%a: tensor<1x7x5x8xf32>, %b: tensor<1x7x5x4xf32>) -> tensor<1x9x6x5xf32> {
  %zero = dl.constant dense<0.0> : tensor<f32>
  %0 = dl.transpose %a {permutation = array<i64: 0, 3, 1, 2>} : (tensor<1x7x5x8xf32>) -> tensor<1x8x7x5xf32>
  %1 = dl.transpose %b {permutation = array<i64: 0, 3, 1, 2>} : (tensor<1x7x5x4xf32>) -> tensor<1x4x7x5xf32>
  %2 = dl.concat %0, %1 {axis = 1 : i64} : (tensor<1x8x7x5xf32>, tensor<1x4x7x5xf32>) -> tensor<1x12x7x5xf32>
  %3 = dl.slice %2 {offsets = affine_map<() -> (0, 2, 1, 0)>, strides = array<i64: 1, 1, 2, 1>} : (tensor<1x12x7x5xf32>) -> tensor<1x9x3x5xf32>
  %4 = dl.pad constant, %3, %zero {low = affine_map<() -> (0, 0, 3, 0)>} : (tensor<1x9x3x5xf32>, tensor<f32>) -> tensor<1x9x6x5xf32>
  return %4 : tensor<1x9x6x5xf32>
}

// -----

// Reductions, windows, and indices along a dimension.

// CHECK-LABEL: func.func @reductions
// CHECK-DAG: dl.reduce sum, %arg0 {axes = array<i64: 1, 2>{{.*}} -> tensor<2x8xf32>
// CHECK-DAG: dl.window_reduce max, %arg0 {{{.*}}window = array<i64: 1, 2, 2, 1>} {{.*}} -> tensor<2x6x4x8xf32>
// CHECK-DAG: dl.softmax %arg0 {axis = 3 : i64}
// CHECK-DAG: dl.gather %arg0, %arg1 {axis = 1 : i64} {{.*}} -> tensor<2x3x5x8xf32>
func.func @reductions(%a: tensor<2x7x5x8xf32>, %i: tensor<3xi64>) -> (tensor<2x8xf32>, tensor<2x8x6x4xf32>, tensor<2x8x7x5xf32>, tensor<2x8x3x5xf32>) {
  %0 = dl.transpose %a {permutation = array<i64: 0, 3, 1, 2>} : (tensor<2x7x5x8xf32>) -> tensor<2x8x7x5xf32>
  %1 = dl.reduce sum, %0 {axes = array<i64: 2, 3>} : (tensor<2x8x7x5xf32>) -> tensor<2x8xf32>
  %2 = dl.window_reduce max, %0 {window = array<i64: 2, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<2x8x7x5xf32>) -> tensor<2x8x6x4xf32>
  %3 = dl.softmax %0 {axis = 1 : i64} : (tensor<2x8x7x5xf32>) -> tensor<2x8x7x5xf32>
  %4 = dl.gather %0, %i {axis = 2 : i64} : (tensor<2x8x7x5xf32>, tensor<3xi64>) -> tensor<2x8x3x5xf32>
  return %1, %2, %3, %4 : tensor<2x8xf32>, tensor<2x8x6x4xf32>, tensor<2x8x7x5xf32>, tensor<2x8x3x5xf32>
}

// -----

// Reshapes that split or join neighbours; a permutation that does more than to put
// channels first is divided.

// CHECK-LABEL: func.func @reshapes
// CHECK-DAG: dl.reshape %arg0 : (tensor<1x4x6x8xf32>) -> tensor<1x24x8xf32>
// CHECK-DAG: %[[TURNED:.*]] = dl.transpose %arg1 {permutation = array<i64: 0, 1, 3, 2, 4, 5>}
// CHECK-DAG: dl.reshape %[[TURNED]] : (tensor<1x3x2x5x2x8xf32>) -> tensor<1x6x10x8xf32>
func.func @reshapes(%a: tensor<1x4x6x8xf32>, %b: tensor<1x3x5x2x2x8xf32>) -> (tensor<1x8x24xf32>, tensor<1x8x6x10xf32>) {
  %0 = dl.transpose %a {permutation = array<i64: 0, 3, 1, 2>} : (tensor<1x4x6x8xf32>) -> tensor<1x8x4x6xf32>
  %1 = dl.reshape %0 : (tensor<1x8x4x6xf32>) -> tensor<1x8x24xf32>
  %2 = dl.transpose %b {permutation = array<i64: 0, 5, 1, 3, 2, 4>} : (tensor<1x3x5x2x2x8xf32>) -> tensor<1x8x3x2x5x2xf32>
  %3 = dl.reshape %2 : (tensor<1x8x3x2x5x2xf32>) -> tensor<1x8x6x10xf32>
  return %1, %3 : tensor<1x8x24xf32>, tensor<1x8x6x10xf32>
}

// -----

// Repeating elements, as in a resized image.

// CHECK-LABEL: func.func @repeat
// CHECK: dl.broadcast {{.*}} : (tensor<1x4x1x6x8xf32>) -> tensor<1x4x2x6x8xf32>
// CHECK: dl.broadcast {{.*}} : (tensor<1x8x6x1x8xf32>) -> tensor<1x8x6x2x8xf32>
// CHECK: dl.transpose {{.*}} -> tensor<1x8x8x12xf32>
func.func @repeat(%a: tensor<1x4x6x8xf32>) -> tensor<1x8x8x12xf32> {
  %0 = dl.transpose %a {permutation = array<i64: 0, 3, 1, 2>} : (tensor<1x4x6x8xf32>) -> tensor<1x8x4x6xf32>
  %1 = dl.reshape %0 : (tensor<1x8x4x6xf32>) -> tensor<1x8x4x1x6xf32>
  %2 = dl.broadcast %1 : (tensor<1x8x4x1x6xf32>) -> tensor<1x8x4x2x6xf32>
  %3 = dl.reshape %2 : (tensor<1x8x4x2x6xf32>) -> tensor<1x8x8x6x1xf32>
  %4 = dl.broadcast %3 : (tensor<1x8x8x6x1xf32>) -> tensor<1x8x8x6x2xf32>
  %5 = dl.reshape %4 : (tensor<1x8x8x6x2xf32>) -> tensor<1x8x8x12xf32>
  return %5 : tensor<1x8x8x12xf32>
}

// -----

// A permutation that moves dimensions of size 1 alone stays: it is a reshape.

// CHECK-LABEL: func.func @units
// CHECK: dl.transpose
// CHECK-NEXT: dl.tanh
// CHECK-NEXT: dl.add
func.func @units(%a: tensor<1x6x1xf32>) -> tensor<1x1x6xf32> {
  %0 = dl.transpose %a {permutation = array<i64: 0, 2, 1>} : (tensor<1x6x1xf32>) -> tensor<1x1x6xf32>
  %1 = dl.tanh %0 : (tensor<1x1x6xf32>) -> tensor<1x1x6xf32>
  %2 = dl.add %0, %1 : (tensor<1x1x6xf32>, tensor<1x1x6xf32>) -> tensor<1x1x6xf32>
  return %2 : tensor<1x1x6xf32>
}

// -----

// Normalization of groups of channels: the sums of lines of positions, then of
// each group; what follows is elementwise on channels last.

// CHECK-LABEL: func.func @groups
// CHECK-SAME: %[[X:.*]]: tensor<2x5x7x8xf32>
// CHECK: %[[LINES:.*]] = dl.reduce sum, %[[X]] {axes = array<i64: 2>} : (tensor<2x5x7x8xf32>) -> tensor<2x5x8xf32>
// CHECK: %[[SPLIT:.*]] = dl.reshape %[[LINES]] : (tensor<2x5x8xf32>) -> tensor<2x5x4x2xf32>
// CHECK: %[[SUM:.*]] = dl.reduce sum, %[[SPLIT]] {axes = array<i64: 1, 3>, keepdims = true} : (tensor<2x5x4x2xf32>) -> tensor<2x1x4x1xf32>
// CHECK: %[[SPREAD:.*]] = dl.broadcast %{{.*}} : (tensor<2x4x1xf32>) -> tensor<2x4x2xf32>
// CHECK: %[[EACH:.*]] = dl.reshape %[[SPREAD]] : (tensor<2x4x2xf32>) -> tensor<2x1x1x8xf32>
// CHECK: %[[DIFFERENCE:.*]] = dl.sub %[[X]], %[[EACH]]
// CHECK: dl.mul %[[DIFFERENCE]], %{{.*}} : (tensor<2x5x7x8xf32>, tensor<f32>) -> tensor<2x5x7x8xf32>
// CHECK-NOT: dl.transpose
func.func @groups(%x: tensor<2x5x7x8xf32>, %scale: tensor<f32>) -> tensor<2x5x7x8xf32> {
  %0 = dl.transpose %x {permutation = array<i64: 0, 3, 1, 2>} : (tensor<2x5x7x8xf32>) -> tensor<2x8x5x7xf32>
  %1 = dl.reshape %0 : (tensor<2x8x5x7xf32>) -> tensor<2x4x70xf32>
  %2 = dl.reduce sum, %1 {axes = array<i64: 2>, keepdims = true} : (tensor<2x4x70xf32>) -> tensor<2x4x1xf32>
  %3 = dl.sub %1, %2 : (tensor<2x4x70xf32>, tensor<2x4x1xf32>) -> tensor<2x4x70xf32>
  %4 = dl.mul %3, %scale : (tensor<2x4x70xf32>, tensor<f32>) -> tensor<2x4x70xf32>
  %5 = dl.reshape %4 : (tensor<2x4x70xf32>) -> tensor<2x8x5x7xf32>
  %6 = dl.transpose %5 {permutation = array<i64: 0, 2, 3, 1>} : (tensor<2x8x5x7xf32>) -> tensor<2x5x7x8xf32>
  return %6 : tensor<2x5x7x8xf32>
}

// -----

// One group, one dimension of symbolic size, and a reshape that leaves the
// positions in one dimension.

// CHECK-LABEL: func.func @one_group
// CHECK: dl.reduce max, %arg0 {axes = array<i64: 2>}
// CHECK: dl.reduce max, {{.*}} {axes = array<i64: 1, 3>, keepdims = true}
// CHECK: dl.sub %arg0, {{.*}} : (tensor<1x?x3x6xf32, {{.*}}>, tensor<1x1x1x1xf32>)
// CHECK: %[[LAST:.*]] = dl.reshape {{.*}} -> tensor<1x?x6xf32
// CHECK: dl.transpose %[[LAST]] {permutation = array<i64: 0, 2, 1>}
func.func @one_group(%x: tensor<1x?x3x6xf32, #dl.dims<()[s0] -> (1, s0, 3, 6)>>) -> tensor<1x6x?xf32, #dl.dims<()[s0] -> (1, 6, s0 * 3)>> attributes {dl.symbols = ["h"]} {
  %0 = dl.transpose %x {permutation = array<i64: 0, 3, 1, 2>} : (tensor<1x?x3x6xf32, #dl.dims<()[s0] -> (1, s0, 3, 6)>>) -> tensor<1x6x?x3xf32, #dl.dims<()[s0] -> (1, 6, s0, 3)>>
  %1 = dl.reshape %0 : (tensor<1x6x?x3xf32, #dl.dims<()[s0] -> (1, 6, s0, 3)>>) -> tensor<1x1x?xf32, #dl.dims<()[s0] -> (1, 1, s0 * 18)>>
  %2 = dl.reduce max, %1 {axes = array<i64: 2>, keepdims = true} : (tensor<1x1x?xf32, #dl.dims<()[s0] -> (1, 1, s0 * 18)>>) -> tensor<1x1x1xf32>
  %3 = dl.sub %1, %2 : (tensor<1x1x?xf32, #dl.dims<()[s0] -> (1, 1, s0 * 18)>>, tensor<1x1x1xf32>) -> tensor<1x1x?xf32, #dl.dims<()[s0] -> (1, 1, s0 * 18)>>
  %4 = dl.reshape %3 : (tensor<1x1x?xf32, #dl.dims<()[s0] -> (1, 1, s0 * 18)>>) -> tensor<1x6x?xf32, #dl.dims<()[s0] -> (1, 6, s0 * 3)>>
  return %4 : tensor<1x6x?xf32, #dl.dims<()[s0] -> (1, 6, s0 * 3)>>
}

// -----

// An operand that differs within a group: the groups end there.

// CHECK-LABEL: func.func @not_by_group
// CHECK: dl.add {{.*}} : (tensor<1x4x70xf32>, tensor<70xf32>) -> tensor<1x4x70xf32>
func.func @not_by_group(%x: tensor<1x5x7x8xf32>, %y: tensor<70xf32>) -> (tensor<1x4x70xf32>, tensor<1x4xf32>) {
  %0 = dl.transpose %x {permutation = array<i64: 0, 3, 1, 2>} : (tensor<1x5x7x8xf32>) -> tensor<1x8x5x7xf32>
  %1 = dl.reshape %0 : (tensor<1x8x5x7xf32>) -> tensor<1x4x70xf32>
  %2 = dl.reduce sum, %1 {axes = array<i64: 2>} : (tensor<1x4x70xf32>) -> tensor<1x4xf32>
  %3 = dl.add %1, %y : (tensor<1x4x70xf32>, tensor<70xf32>) -> tensor<1x4x70xf32>
  return %3, %2 : tensor<1x4x70xf32>, tensor<1x4xf32>
}

// What is broadcast by the op itself does not count.
// CHECK-LABEL: func.func @broadcast_operand
// CHECK: %[[SCALE:.*]] = dl.transpose %arg1
// CHECK: %[[MOVED:.*]] = dl.mul %arg0, %[[SCALE]] : (tensor<2x8x8x4xf32>, tensor<1x1x1x4xf32>)
// CHECK: dl.transpose %[[MOVED]] {permutation = array<i64: 0, 3, 1, 2>}
func.func @broadcast_operand(%x: tensor<2x8x8x4xf32>, %scale: tensor<1x4x1x1xf32>) -> tensor<2x4x8x8xf32> {
  %0 = dl.transpose %x {permutation = array<i64: 0, 3, 1, 2>} : (tensor<2x8x8x4xf32>) -> tensor<2x4x8x8xf32>
  %1 = dl.broadcast %scale : (tensor<1x4x1x1xf32>) -> tensor<2x4x8x8xf32>
  %2 = dl.mul %0, %1 : (tensor<2x4x8x8xf32>, tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  return %2 : tensor<2x4x8x8xf32>
}

// Keys that are scaled on their way to a product: what is stored lies as they did. Columns
// that stay in place, and what else reads the scaled keys, are left.

// CHECK-LABEL: func.func @scaled_keys
// CHECK: %[[K:.*]] = dl.mul %arg1, %{{.*}} : (tensor<2x64x8x32xf16>, tensor<1xf16>) -> tensor<2x64x8x32xf16>
// CHECK: %[[T:.*]] = dl.transpose %[[K]] {permutation = array<i64: 0, 2, 3, 1>}
// CHECK: dl.matmul %arg0, %[[T]]
func.func @scaled_keys(%q: tensor<2x8x16x32xf16>, %k: tensor<2x64x8x32xf16>) -> tensor<2x8x16x64xf16> {
  %s = dl.constant dense<0.25> : tensor<1xf16>
  %t = dl.transpose %k {permutation = array<i64: 0, 2, 3, 1>} : (tensor<2x64x8x32xf16>) -> tensor<2x8x32x64xf16>
  %m = dl.mul %t, %s : (tensor<2x8x32x64xf16>, tensor<1xf16>) -> tensor<2x8x32x64xf16>
  %r = dl.matmul %q, %m : (tensor<2x8x16x32xf16>, tensor<2x8x32x64xf16>) -> tensor<2x8x16x64xf16>
  return %r : tensor<2x8x16x64xf16>
}

// CHECK-LABEL: func.func @scaled_values
// CHECK: dl.transpose %arg1
// CHECK: dl.mul
// CHECK: dl.transpose %arg2
// CHECK: dl.mul
func.func @scaled_values(%q: tensor<2x8x16x64xf16>, %v: tensor<2x64x8x32xf16>, %k: tensor<2x32x8x64xf16>) -> (tensor<2x8x16x32xf16>, tensor<2x8x16x32xf16>, tensor<2x8x64x32xf16>) {
  %s = dl.constant dense<0.25> : tensor<1xf16>
  %t = dl.transpose %v {permutation = array<i64: 0, 2, 1, 3>} : (tensor<2x64x8x32xf16>) -> tensor<2x8x64x32xf16>
  %m = dl.mul %t, %s : (tensor<2x8x64x32xf16>, tensor<1xf16>) -> tensor<2x8x64x32xf16>
  %r = dl.matmul %q, %m : (tensor<2x8x16x64xf16>, tensor<2x8x64x32xf16>) -> tensor<2x8x16x32xf16>
  %u = dl.transpose %k {permutation = array<i64: 0, 2, 3, 1>} : (tensor<2x32x8x64xf16>) -> tensor<2x8x64x32xf16>
  %n = dl.mul %u, %s : (tensor<2x8x64x32xf16>, tensor<1xf16>) -> tensor<2x8x64x32xf16>
  %p = dl.matmul %q, %n : (tensor<2x8x16x64xf16>, tensor<2x8x64x32xf16>) -> tensor<2x8x16x32xf16>
  return %r, %p, %n : tensor<2x8x16x32xf16>, tensor<2x8x16x32xf16>, tensor<2x8x64x32xf16>
}

// Heads that are repeated and scaled are scaled first.

// CHECK-LABEL: func.func @scaled_heads
// CHECK: %[[S:.*]] = dl.mul %arg0, %{{.*}} : (tensor<2x2x1x24x8xf16>, tensor<1xf16>) -> tensor<2x2x1x24x8xf16>
// CHECK: %[[B:.*]] = dl.broadcast %[[S]]
// CHECK: dl.reshape %[[B]] : (tensor<2x2x4x24x8xf16>) -> tensor<2x8x24x8xf16>
func.func @scaled_heads(%k: tensor<2x2x1x24x8xf16>) -> tensor<2x8x24x8xf16> {
  %s = dl.constant dense<0.25> : tensor<1xf16>
  %b = dl.broadcast %k : (tensor<2x2x1x24x8xf16>) -> tensor<2x2x4x24x8xf16>
  %r = dl.reshape %b : (tensor<2x2x4x24x8xf16>) -> tensor<2x8x24x8xf16>
  %m = dl.mul %r, %s : (tensor<2x8x24x8xf16>, tensor<1xf16>) -> tensor<2x8x24x8xf16>
  return %m : tensor<2x8x24x8xf16>
}
