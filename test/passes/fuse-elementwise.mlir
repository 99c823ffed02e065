// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-fuse -split-input-file %s | FileCheck %s

// Ops of one shape are one kernel, whoever uses whom; a cheap op on what is
// broadcast is computed there, an expensive one ahead.

// CHECK: %[[E:.*]] = dl.fused {
// CHECK-NEXT: dl.exp %arg1
// CHECK-NEXT: dl.yield
// CHECK: dl.fused {
// CHECK-DAG: dl.neg %arg1
// CHECK-DAG: dl.tanh
// CHECK-DAG: dl.mul {{.*}} %[[E]]
// CHECK: dl.yield
// CHECK-NOT: dl.fused
func.func @shapes(%a: tensor<4x8xf32>, %b: tensor<8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %0 = dl.neg %b : (tensor<8xf32>) -> tensor<8xf32>
  %1 = dl.exp %b : (tensor<8xf32>) -> tensor<8xf32>
  %2 = dl.add %a, %0 : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  %3 = dl.tanh %2 : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %4 = dl.mul %2, %1 : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  return %3, %4 : tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

// Movement is copied into each group that reads through it, and is a kernel only
// where its result is needed; the others do not read that. Joining dimensions is a
// view.

// CHECK: %[[T:.*]] = dl.fused {
// CHECK-NEXT: dl.slice %arg0
// CHECK-NEXT: dl.transpose
// CHECK-NEXT: dl.yield
// CHECK: dl.fused {
// CHECK-NEXT: %[[S:.*]] = dl.slice %arg0
// CHECK-NEXT: %[[U:.*]] = dl.transpose %[[S]]
// CHECK-NEXT: dl.exp %[[U]]
// CHECK-NEXT: dl.yield
// CHECK: dl.reshape %[[T]]
func.func @movement(%x: tensor<4x16xf32>) -> (tensor<8x4xf32>, tensor<32xf32>) {
  %a = dl.slice %x {offsets = affine_map<() -> (0, 8)>, strides = array<i64: 1, 1>} : (tensor<4x16xf32>) -> tensor<4x8xf32>
  %0 = dl.transpose %a {permutation = array<i64: 1, 0>} : (tensor<4x8xf32>) -> tensor<8x4xf32>
  %1 = dl.exp %0 : (tensor<8x4xf32>) -> tensor<8x4xf32>
  %2 = dl.reshape %0 : (tensor<8x4xf32>) -> tensor<32xf32>
  return %1, %2 : tensor<8x4xf32>, tensor<32xf32>
}

// -----

// A concatenation computes its pieces; a scatter its updates. A call of the
// runtime stands alone.

// CHECK: dl.fused {
// CHECK-NEXT: dl.exp
// CHECK-NEXT: dl.concat
// CHECK-NEXT: dl.yield
// CHECK: dl.fused {
// CHECK-NEXT: dl.neg
// CHECK-NEXT: dl.scatter_nd
// CHECK-NEXT: dl.yield
// CHECK: dl.fused {
// CHECK-NEXT: dl.topk
// CHECK-NEXT: dl.yield
func.func @roots(%a: tensor<4xf32>, %b: tensor<2xf32>, %i: tensor<2x1xi64>) -> (tensor<3xf32>, tensor<3xi64>) {
  %0 = dl.exp %a : (tensor<4xf32>) -> tensor<4xf32>
  %1 = dl.concat %0, %b {axis = 0 : i64} : (tensor<4xf32>, tensor<2xf32>) -> tensor<6xf32>
  %2 = dl.neg %b : (tensor<2xf32>) -> tensor<2xf32>
  %3 = dl.scatter_nd add, %1, %i, %2 : (tensor<6xf32>, tensor<2x1xi64>, tensor<2xf32>) -> tensor<6xf32>
  %v, %n = dl.topk %3 {axis = 0 : i64} : (tensor<6xf32>) -> (tensor<3xf32>, tensor<3xi64>)
  return %v, %n : tensor<3xf32>, tensor<3xi64>
}

// -----

// The body of a loop is grouped like a function's.

// CHECK: dl.scan
// CHECK: dl.fused {
// CHECK-NEXT: dl.add
// CHECK-NEXT: dl.tanh
// CHECK-NEXT: dl.yield
// CHECK: dl.yield
func.func @scan(%h: tensor<4xf32>, %x: tensor<9x4xf32>) -> (tensor<4xf32>, tensor<9x4xf32>) {
  %0, %1 = dl.scan states(%h) inputs(%x) {
  ^bb0(%s: tensor<4xf32>, %e: tensor<4xf32>):
    %2 = dl.add %s, %e : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %3 = dl.tanh %2 : (tensor<4xf32>) -> tensor<4xf32>
    dl.yield %3, %3 : tensor<4xf32>, tensor<4xf32>
  } : (tensor<4xf32>, tensor<9x4xf32>) -> (tensor<4xf32>, tensor<9x4xf32>)
  return %0, %1 : tensor<4xf32>, tensor<9x4xf32>
}

// -----

// Bytes are stored; each kernel that reads them dequantizes them.

// CHECK-LABEL: func.func @bytes
// CHECK: %[[Q:.*]] = dl.fused {
// CHECK: dl.yield {{.*}} : tensor<4x8xui8>
// CHECK: dl.fused {
// CHECK-NEXT: dl.cast %[[Q]]
// CHECK-NEXT: dl.mul
// CHECK-NEXT: dl.transpose
// CHECK: dl.fused {
// CHECK-NEXT: dl.cast %[[Q]]
// CHECK-NEXT: dl.mul
// CHECK-NEXT: dl.softmax
func.func @bytes(%x: tensor<4x8xf32>, %i: tensor<2xi64>) -> (tensor<8x4xf32>, tensor<4x8xf32>) {
  %s = dl.constant dense<0.1> : tensor<f32>
  %0 = dl.exp %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = dl.cast %0 : (tensor<4x8xf32>) -> tensor<4x8xui8>
  %2 = dl.cast %1 : (tensor<4x8xui8>) -> tensor<4x8xf32>
  %3 = dl.mul %2, %s : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %4 = dl.transpose %3 {permutation = array<i64: 1, 0>} : (tensor<4x8xf32>) -> tensor<8x4xf32>
  %5 = dl.softmax %3 {axis = 0 : i64} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return %4, %5 : tensor<8x4xf32>, tensor<4x8xf32>
}

// -----

// So are those that get a number added: both kernels read bytes.

// CHECK-LABEL: func.func @shifted
// CHECK: %[[Q:.*]] = dl.fused {
// CHECK: dl.yield {{.*}} : tensor<4x8xui8>
// CHECK: dl.fused {
// CHECK-NEXT: dl.cast %[[Q]]
// CHECK-NEXT: dl.mul
// CHECK-NEXT: dl.add
// CHECK-NEXT: dl.transpose
// CHECK: dl.fused {
// CHECK-NEXT: dl.cast %[[Q]]
// CHECK-NEXT: dl.mul
// CHECK-NEXT: dl.add
// CHECK-NEXT: dl.softmax
func.func @shifted(%x: tensor<4x8xf32>, %i: tensor<2xi64>) -> (tensor<8x4xf32>, tensor<4x8xf32>) {
  %s = dl.constant dense<0.1> : tensor<f32>
  %z = dl.constant dense<-3.0> : tensor<f32>
  %0 = dl.exp %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = dl.cast %0 : (tensor<4x8xf32>) -> tensor<4x8xui8>
  %2 = dl.cast %1 : (tensor<4x8xui8>) -> tensor<4x8xf32>
  %3 = dl.mul %2, %s : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %4 = dl.add %3, %z : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %5 = dl.transpose %4 {permutation = array<i64: 1, 0>} : (tensor<4x8xf32>) -> tensor<8x4xf32>
  %6 = dl.softmax %4 {axis = 0 : i64} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return %5, %6 : tensor<8x4xf32>, tensor<4x8xf32>
}
