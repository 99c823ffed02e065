// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-lower -split-input-file %s | FileCheck %s

// Negative indices count from the end, and no index leaves the operand.

// CHECK: %[[I:.*]] = arith.index_cast %in
// CHECK: %[[NEGATIVE:.*]] = arith.cmpi slt, %[[I]]
// CHECK: %[[WRAPPED:.*]] = arith.addi %[[I]]
// CHECK: arith.select %[[NEGATIVE]], %[[WRAPPED]], %[[I]]
// CHECK: arith.minsi
// CHECK: %[[AT:.*]] = arith.maxsi
// CHECK: %[[LAST:.*]] = linalg.index 2
// CHECK: tensor.extract %arg0[%[[AT]], %[[LAST]]]
func.func @rows(%x: tensor<9x4xf32>, %i: tensor<2x3xi64>) -> tensor<2x3x4xf32> {
  %0 = dl.fused {
    %1 = dl.gather %x, %i {axis = 0 : i64} : (tensor<9x4xf32>, tensor<2x3xi64>) -> tensor<2x3x4xf32>
    dl.yield %1 : tensor<2x3x4xf32>
  } : tensor<2x3x4xf32>
  return %0 : tensor<2x3x4xf32>
}

// -----

// CHECK: linalg.index 0
// CHECK: tensor.extract %arg0
func.func @elements(%x: tensor<2x9xf32>, %i: tensor<2x3xi64>) -> tensor<2x3xf32> {
  %0 = dl.fused {
    %1 = dl.gather_elements %x, %i {axis = 1 : i64} : (tensor<2x9xf32>, tensor<2x3xi64>) -> tensor<2x3xf32>
    dl.yield %1 : tensor<2x3xf32>
  } : tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// -----

// Each part of an index is an operand of its own.

// CHECK-DAG: #[[FIRST:.*]] = affine_map<(d0, d1) -> (d0, 0)>
// CHECK-DAG: #[[SECOND:.*]] = affine_map<(d0, d1) -> (d0, 1)>
// CHECK: linalg.generic {indexing_maps = [#[[FIRST]], #[[SECOND]]
// CHECK: tensor.extract %arg0[%{{.*}}, %{{.*}}, %{{.*}}]
func.func @tuples(%x: tensor<9x8x4xf32>, %i: tensor<5x2xi64>) -> tensor<5x4xf32> {
  %0 = dl.fused {
    %1 = dl.gather_nd %x, %i {batch_dims = 0 : i64} : (tensor<9x8x4xf32>, tensor<5x2xi64>) -> tensor<5x4xf32>
    dl.yield %1 : tensor<5x4xf32>
  } : tensor<5x4xf32>
  return %0 : tensor<5x4xf32>
}
