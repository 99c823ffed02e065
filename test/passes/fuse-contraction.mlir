// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --phase=fuse -split-input-file %s | FileCheck %s

// A contraction takes in all that follows elementwise, several paths included; a
// value that is also used elsewhere is a second result.

// CHECK: %[[R:.*]]:2 = dl.fused {
// CHECK-NEXT: dl.matmul
// CHECK-NEXT: dl.add
// CHECK-NEXT: dl.sigmoid
// CHECK-NEXT: dl.mul
// CHECK-NEXT: dl.yield
// CHECK: return %[[R]]#1, %[[R]]#0
func.func @silu(%a: tensor<8x4xf32>, %b: tensor<4x8xf32>, %c: tensor<8xf32>) -> (tensor<8x8xf32>, tensor<8x8xf32>) {
  %0 = dl.matmul %a, %b : (tensor<8x4xf32>, tensor<4x8xf32>) -> tensor<8x8xf32>
  %1 = dl.add %0, %c : (tensor<8x8xf32>, tensor<8xf32>) -> tensor<8x8xf32>
  %2 = dl.sigmoid %1 : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %3 = dl.mul %1, %2 : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  return %3, %1 : tensor<8x8xf32>, tensor<8x8xf32>
}

// -----

// What depends on the contraction by way of another kernel is not taken in: the
// group would need its own result.

// CHECK: %[[FIRST:.*]] = dl.fused {
// CHECK-NEXT: dl.matmul %arg0, %arg0
// CHECK-NEXT: dl.yield
// CHECK: dl.fused {
// CHECK-NEXT: dl.matmul %[[FIRST]], %arg0
// CHECK-NEXT: dl.add
// CHECK-NEXT: dl.yield
func.func @acyclic(%a: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %0 = dl.matmul %a, %a : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %1 = dl.matmul %0, %a : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %2 = dl.add %0, %1 : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  return %2 : tensor<8x8xf32>
}

// -----

// Movement of operands is copied in, with the split that it stands behind. A
// permutation of rows after the product is part of it.

// CHECK: dl.fused {
// CHECK-NEXT: dl.slice %arg0
// CHECK-NEXT: dl.reshape
// CHECK-NEXT: dl.transpose
// CHECK-NEXT: dl.matmul
// CHECK-NEXT: dl.transpose
// CHECK-NEXT: dl.yield
// CHECK-NEXT: } : tensor<4x2x4xf32>
// CHECK: dl.reshape
func.func @movement(%x: tensor<4x16xf32>, %w: tensor<2x4x4xf32>) -> tensor<4x8xf32> {
  %0 = dl.slice %x {offsets = affine_map<() -> (0, 8)>, strides = array<i64: 1, 1>} : (tensor<4x16xf32>) -> tensor<4x8xf32>
  %1 = dl.reshape %0 : (tensor<4x8xf32>) -> tensor<4x2x4xf32>
  %2 = dl.transpose %1 {permutation = array<i64: 1, 0, 2>} : (tensor<4x2x4xf32>) -> tensor<2x4x4xf32>
  %3 = dl.matmul %2, %w : (tensor<2x4x4xf32>, tensor<2x4x4xf32>) -> tensor<2x4x4xf32>
  %4 = dl.transpose %3 {permutation = array<i64: 1, 0, 2>} : (tensor<2x4x4xf32>) -> tensor<4x2x4xf32>
  %5 = dl.reshape %4 : (tensor<4x2x4xf32>) -> tensor<4x8xf32>
  return %5 : tensor<4x8xf32>
}

// -----

// A transposed constant stays outside: it is put in order when it is written.

// CHECK: %[[W:.*]] = dl.transpose
// CHECK: dl.fused {
// CHECK-NEXT: dl.matmul %arg0, %[[W]]
func.func @constant(%x: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %w = dl.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %0 = dl.transpose %w {permutation = array<i64: 1, 0>} : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %1 = dl.matmul %x, %0 : (tensor<4x2xf32>, tensor<2x2xf32>) -> tensor<4x2xf32>
  return %1 : tensor<4x2xf32>
}

// -----

// Rows that are each read for several of a product are stored so often first;
// repeated heads are not.

// CHECK-LABEL: func.func @repeated
// CHECK: %[[ROWS:.*]] = dl.fused {
// CHECK-NEXT: dl.broadcast
// CHECK-NEXT: dl.yield
// CHECK: %[[R:.*]] = dl.reshape %[[ROWS]]
// CHECK: dl.fused {
// CHECK-NEXT: dl.matmul %arg1, %[[R]]
// CHECK: dl.fused {
// CHECK-NEXT: dl.broadcast
// CHECK-NEXT: dl.reshape
// CHECK-NEXT: dl.matmul
func.func @repeated(%g: tensor<4x1x32xf32>, %x: tensor<32x24xf32>, %h: tensor<2x1x5x8xf32>, %q: tensor<6x7x5xf32>) -> (tensor<32x32xf32>, tensor<6x7x8xf32>) {
  %0 = dl.broadcast %g : (tensor<4x1x32xf32>) -> tensor<4x6x32xf32>
  %1 = dl.reshape %0 : (tensor<4x6x32xf32>) -> tensor<24x32xf32>
  %2 = dl.matmul %x, %1 : (tensor<32x24xf32>, tensor<24x32xf32>) -> tensor<32x32xf32>
  %3 = dl.broadcast %h : (tensor<2x1x5x8xf32>) -> tensor<2x3x5x8xf32>
  %4 = dl.reshape %3 : (tensor<2x3x5x8xf32>) -> tensor<6x5x8xf32>
  %5 = dl.matmul %q, %4 : (tensor<6x7x5xf32>, tensor<6x5x8xf32>) -> tensor<6x7x8xf32>
  return %2, %5 : tensor<32x32xf32>, tensor<6x7x8xf32>
}
