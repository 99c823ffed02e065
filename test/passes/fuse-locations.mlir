// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-fuse --dl-lower --mlir-print-debuginfo --mlir-print-local-scope %s | FileCheck %s

// Every source op is named by the dispatch that computes it, movement by each that
// reads through it.

// CHECK-LABEL: func.func @main
// CHECK: dl.dispatch {{.*}} loc("t")
// CHECK: dl.dispatch {{.*}} loc(fused["t", "m", "a"])
// CHECK: dl.dispatch {{.*}} loc(fused["s", "e"])
func.func @main(%x: tensor<4x8xf32>, %w: tensor<4x2xf32>) -> (tensor<8x2xf32>, tensor<8xf32>) {
  %0 = dl.transpose %x {permutation = array<i64: 1, 0>} : (tensor<4x8xf32>) -> tensor<8x4xf32> loc("t")
  %1 = dl.matmul %0, %w : (tensor<8x4xf32>, tensor<4x2xf32>) -> tensor<8x2xf32> loc("m")
  %2 = dl.tanh %1 : (tensor<8x2xf32>) -> tensor<8x2xf32> loc("a")
  %3 = dl.reduce sum, %0 {axes = array<i64: 1>} : (tensor<8x4xf32>) -> tensor<8xf32> loc("s")
  %4 = dl.exp %3 : (tensor<8xf32>) -> tensor<8xf32> loc("e")
  return %2, %4 : tensor<8x2xf32>, tensor<8xf32>
}
