// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-lower -split-input-file %s | FileCheck %s

// Whole rows at a time; a row out of range is dropped.

// CHECK: %[[COPY:.*]] = linalg.generic {{.*}} ins(%arg0 {{.*}} outs(%arg3
// CHECK: scf.for %[[I:.*]] = {{.*}} iter_args(%[[T:.*]] = %[[COPY]])
// CHECK: tensor.extract %arg1[%[[I]], %{{.*}}]
// CHECK: %[[IN:.*]] = arith.cmpi ult
// CHECK: scf.if %[[IN]]
// CHECK: tensor.extract_slice %arg2[%[[I]], 0] [1, 4] [1, 1]
// CHECK: tensor.extract_slice %[[T]]
// CHECK: arith.addf
// CHECK: tensor.insert_slice {{.*}} into %[[T]]
// CHECK: else
// CHECK: scf.yield %[[T]]
func.func @rows(%x: tensor<9x4xf32>, %i: tensor<5x1xi64>, %u: tensor<5x4xf32>) -> tensor<9x4xf32> {
  %0 = dl.fused {
    %1 = dl.scatter_nd add, %x, %i, %u : (tensor<9x4xf32>, tensor<5x1xi64>, tensor<5x4xf32>) -> tensor<9x4xf32>
    dl.yield %1 : tensor<9x4xf32>
  } : tensor<9x4xf32>
  return %0 : tensor<9x4xf32>
}

// -----

// CHECK: scf.for
// CHECK: scf.for
// CHECK: tensor.extract_slice %arg2[%{{.*}}, %{{.*}}] [1, 1] [1, 1] {{.*}} to tensor<f32>
func.func @elements(%x: tensor<9x4xf32>, %i: tensor<5x4xi64>, %u: tensor<5x4xf32>) -> tensor<9x4xf32> {
  %0 = dl.fused {
    %1 = dl.scatter_elements set, %x, %i, %u {axis = 0 : i64} : (tensor<9x4xf32>, tensor<5x4xi64>, tensor<5x4xf32>) -> tensor<9x4xf32>
    dl.yield %1 : tensor<9x4xf32>
  } : tensor<9x4xf32>
  return %0 : tensor<9x4xf32>
}

// -----

// From the end, without the element itself: zeros first, then sums.

// CHECK: %[[ZEROS:.*]] = linalg.fill
// CHECK: scf.for %[[I:.*]] = {{.*}} iter_args(%[[T:.*]] = %[[ZEROS]])
// CHECK: %[[BEFORE:.*]] = arith.subi %{{.*}}, %[[I]]
// CHECK: %[[HERE:.*]] = arith.subi %[[BEFORE]]
// CHECK: tensor.extract_slice %[[T]][0, %[[BEFORE]]]
// CHECK: tensor.extract_slice %arg0[0, %[[BEFORE]]]
// CHECK: tensor.insert_slice {{.*}} into %[[T]][0, %[[HERE]]]
func.func @sums(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = dl.fused {
    %1 = dl.cumsum %x {axis = 1 : i64, exclusive = true, reverse = true} : (tensor<4x8xf32>) -> tensor<4x8xf32>
    dl.yield %1 : tensor<4x8xf32>
  } : tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}
