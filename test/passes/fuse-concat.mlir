// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --pass-pipeline="builtin.module(func.func(dl-fuse))" %s | FileCheck %s

// What kernels make, each for itself, is put together where it lies: no kernel copies it.

// CHECK-LABEL: func.func @products
// CHECK-COUNT-2: dl.fused
// CHECK: dl.concat {{.*}} {axis = 1 : i64}
// CHECK-NEXT: return
func.func @products(%a: tensor<1x4x8xf32>, %b: tensor<1x4x8xf32>, %w: tensor<8x16xf32>, %v: tensor<8x16xf32>) -> tensor<1x8x16xf32> {
  %0 = dl.matmul %a, %w : (tensor<1x4x8xf32>, tensor<8x16xf32>) -> tensor<1x4x16xf32>
  %1 = dl.matmul %b, %v : (tensor<1x4x8xf32>, tensor<8x16xf32>) -> tensor<1x4x16xf32>
  %2 = dl.concat %0, %1 {axis = 1 : i64} : (tensor<1x4x16xf32>, tensor<1x4x16xf32>) -> tensor<1x8x16xf32>
  return %2 : tensor<1x8x16xf32>
}

// A part that is also returned has a place of its own; parts of rows do not lie together; inputs are copied anyway.

// CHECK-LABEL: func.func @copies
// CHECK: dl.fused
// CHECK: dl.concat
// CHECK: dl.fused
// CHECK: dl.concat
// CHECK: dl.fused
// CHECK: dl.concat
// CHECK-NEXT: dl.yield
func.func @copies(%a: tensor<1x4x8xf32>, %w: tensor<8x16xf32>, %v: tensor<8x16xf32>) -> (tensor<1x4x16xf32>, tensor<1x8x16xf32>, tensor<1x4x32xf32>, tensor<1x8x8xf32>) {
  %0 = dl.matmul %a, %w : (tensor<1x4x8xf32>, tensor<8x16xf32>) -> tensor<1x4x16xf32>
  %1 = dl.matmul %a, %v : (tensor<1x4x8xf32>, tensor<8x16xf32>) -> tensor<1x4x16xf32>
  %2 = dl.concat %0, %1 {axis = 1 : i64} : (tensor<1x4x16xf32>, tensor<1x4x16xf32>) -> tensor<1x8x16xf32>
  %3 = dl.concat %0, %1 {axis = 2 : i64} : (tensor<1x4x16xf32>, tensor<1x4x16xf32>) -> tensor<1x4x32xf32>
  %4 = dl.concat %a, %a {axis = 1 : i64} : (tensor<1x4x8xf32>, tensor<1x4x8xf32>) -> tensor<1x8x8xf32>
  return %0, %2, %3, %4 : tensor<1x4x16xf32>, tensor<1x8x16xf32>, tensor<1x4x32xf32>, tensor<1x8x8xf32>
}
