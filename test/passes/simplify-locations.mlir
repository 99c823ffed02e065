// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-fold-constants --canonicalize --dl-sink-reshapes --dl-simplify-arithmetic --mlir-print-debuginfo --mlir-print-local-scope %s | FileCheck %s

// What stands for several operations comes from the nodes of all of them.

// CHECK-LABEL: func.func @merged
// CHECK: dl.reshape {{.*}} loc(fused["r1", "r2"])
// CHECK: dl.transpose {{.*}} loc(fused["t1", "t2"])
func.func @merged(%x: tensor<4x6xf32>) -> (tensor<2x12xf32>, tensor<2x3x4xf32>) {
  %0 = dl.reshape %x : (tensor<4x6xf32>) -> tensor<24xf32> loc("r1")
  %1 = dl.reshape %0 : (tensor<24xf32>) -> tensor<2x12xf32> loc("r2")
  %2 = dl.reshape %x : (tensor<4x6xf32>) -> tensor<4x3x2xf32> loc("r3")
  %3 = dl.transpose %2 {permutation = array<i64: 1, 0, 2>} : (tensor<4x3x2xf32>) -> tensor<3x4x2xf32> loc("t1")
  %4 = dl.transpose %3 {permutation = array<i64: 2, 0, 1>} : (tensor<3x4x2xf32>) -> tensor<2x3x4xf32> loc("t2")
  return %1, %4 : tensor<2x12xf32>, tensor<2x3x4xf32>
}

// CHECK-LABEL: func.func @computed
// CHECK: dl.constant {{.*}} loc(fused["e", "c"])
func.func @computed() -> tensor<2xf32> {
  %c = dl.constant dense<[1.0, 2.0]> : tensor<2xf32> loc("c")
  %0 = dl.exp %c : (tensor<2xf32>) -> tensor<2xf32> loc("e")
  return %0 : tensor<2xf32>
}

// CHECK-LABEL: func.func @scaled
// CHECK: dl.matmul {{.*}} loc("m")
// CHECK: dl.mul {{.*}} loc(fused["m", "s"])
func.func @scaled(%q: tensor<8x4xf32>, %k: tensor<4x8xf32>) -> tensor<8x8xf32> {
  %c = dl.constant dense<0.5> : tensor<f32>
  %0 = dl.mul %q, %c : (tensor<8x4xf32>, tensor<f32>) -> tensor<8x4xf32> loc("s")
  %1 = dl.matmul %0, %k : (tensor<8x4xf32>, tensor<4x8xf32>) -> tensor<8x8xf32> loc("m")
  return %1 : tensor<8x8xf32>
}

// CHECK-LABEL: func.func @sunk
// CHECK: dl.exp {{.*}} loc("e")
// CHECK: dl.neg {{.*}} loc("n")
// CHECK: dl.reshape {{.*}} loc("r")
func.func @sunk(%x: tensor<4x6xf32>) -> tensor<4x2x3xf32> {
  %0 = dl.exp %x : (tensor<4x6xf32>) -> tensor<4x6xf32> loc("e")
  %1 = dl.reshape %0 : (tensor<4x6xf32>) -> tensor<4x2x3xf32> loc("r")
  %2 = dl.neg %1 : (tensor<4x2x3xf32>) -> tensor<4x2x3xf32> loc("n")
  return %2 : tensor<4x2x3xf32>
}
