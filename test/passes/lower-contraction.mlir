// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-lower -split-input-file %s | FileCheck %s

// A permutation before a product folds into its map, one after it into the map of
// the result.

// CHECK-DAG: #[[LHS:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>
// CHECK-DAG: #[[RHS:.*]] = affine_map<(d0, d1, d2, d3) -> (d2, d3)>
// CHECK-DAG: #[[OUT:.*]] = affine_map<(d0, d1, d2, d3) -> (d1, d0, d2)>
// CHECK: linalg.fill {{.*}} outs(%arg2
// CHECK: linalg.generic {indexing_maps = [#[[LHS]], #[[RHS]], #[[OUT]]], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%arg1, %arg0
// CHECK: arith.mulf
// CHECK: arith.addf
func.func @product(%a: tensor<2x3x4xf32>, %b: tensor<5x4xf32>) -> tensor<3x2x5xf32> {
  %0 = dl.fused {
    %1 = dl.transpose %b {permutation = array<i64: 1, 0>} : (tensor<5x4xf32>) -> tensor<4x5xf32>
    %2 = dl.matmul %a, %1 : (tensor<2x3x4xf32>, tensor<4x5xf32>) -> tensor<2x3x5xf32>
    %3 = dl.transpose %2 {permutation = array<i64: 1, 0, 2>} : (tensor<2x3x5xf32>) -> tensor<3x2x5xf32>
    dl.yield %3 : tensor<3x2x5xf32>
  } : tensor<3x2x5xf32>
  return %0 : tensor<3x2x5xf32>
}

// -----

// CHECK-DAG: #[[IN:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, (d1 floordiv 3) * 2 + d3, d2 * 2 + d4)>
// CHECK-DAG: #[[FILTER:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d1, d3, d4)>
// CHECK: %[[PAD:.*]] = tensor.pad %arg0 low[0, 0, 1] high[0, 0, 0]
// CHECK: linalg.generic {indexing_maps = [#[[IN]], #[[FILTER]], {{.*}} ins(%[[PAD]], %arg1
func.func @grouped(%x: tensor<1x4x8xf32>, %w: tensor<6x2x3xf32>) -> tensor<1x6x4xf32> {
  %0 = dl.fused {
    %1 = dl.conv %x, %w {strides = array<i64: 2>, pads_low = array<i64: 1>, pads_high = array<i64: 0>, dilations = array<i64: 1>, groups = 2 : i64} : (tensor<1x4x8xf32>, tensor<6x2x3xf32>) -> tensor<1x6x4xf32>
    dl.yield %1 : tensor<1x6x4xf32>
  } : tensor<1x6x4xf32>
  return %0 : tensor<1x6x4xf32>
}

// -----

// A group of one channel needs no loop over channels.

// CHECK-DAG: affine_map<(d0, d1, d2, d3) -> (d0, d1, d2 + d3)>
// CHECK-DAG: affine_map<(d0, d1, d2, d3) -> (d1, 0, d3)>
func.func @depthwise(%x: tensor<1x4x8xf32>, %w: tensor<4x1x3xf32>) -> tensor<1x4x6xf32> {
  %0 = dl.fused {
    %1 = dl.conv %x, %w {strides = array<i64: 1>, pads_low = array<i64: 0>, pads_high = array<i64: 0>, dilations = array<i64: 1>, groups = 4 : i64} : (tensor<1x4x8xf32>, tensor<4x1x3xf32>) -> tensor<1x4x6xf32>
    dl.yield %1 : tensor<1x4x6xf32>
  } : tensor<1x4x6xf32>
  return %0 : tensor<1x4x6xf32>
}
