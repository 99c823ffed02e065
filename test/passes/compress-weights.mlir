// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: %python %S/Inputs/sparse_weights.py %s > %t.mlir
// RUN: dl-opt --dl-compress-weights %t.mlir --mlir-elide-resource-strings-if-larger=16 | FileCheck %s

// Blocks of 16 columns: of 128 rows, each panel keeps 32. All rows become one dimension.

// CHECK-LABEL: func.func @blocks
// CHECK: %[[X:.*]] = dl.reshape %{{.*}} -> tensor<128x128xf32>
// CHECK: dl.sparse_matmul %[[X]], %{{.*}} : (tensor<128x128xf32>, tensor<4x32x16xf32>, tensor<4x32xui16>, tensor<4xi32>) -> tensor<128x64xf32>
func.func @blocks(%x: tensor<2x64x128xf32>) -> tensor<2x64x64xf32> {
  %w = dl.constant dense_resource<blocks> : tensor<128x64xf32>
  %0 = dl.matmul %x, %w : (tensor<2x64x128xf32>, tensor<128x64xf32>) -> tensor<2x64x64xf32>
  return %0 : tensor<2x64x64xf32>
}

// One of ten anywhere, of a transposed weight: single columns, with lanes along 128 rows.

// CHECK-LABEL: func.func @anywhere
// CHECK: dl.sparse_matmul %{{.*}} : (tensor<128x128xf32>, tensor<64x{{[0-9]+}}x1xf32>,
func.func @anywhere(%x: tensor<128x128xf32>) -> tensor<128x64xf32> {
  %c = dl.constant dense_resource<anywhere> : tensor<64x128xf32>
  %w = dl.transpose %c {permutation = array<i64: 1, 0>} : (tensor<64x128xf32>) -> tensor<128x64xf32>
  %0 = dl.matmul %x, %w : (tensor<128x128xf32>, tensor<128x64xf32>) -> tensor<128x64xf32>
  return %0 : tensor<128x64xf32>
}

// A single row fills no lanes of single columns; half of the elements are too many; without zeros nothing is done.

// CHECK-LABEL: func.func @row
// CHECK: dl.matmul
// CHECK-NOT: dl.sparse_matmul
func.func @row(%x: tensor<1x128xf32>, %y: tensor<128x128xf32>) -> (tensor<1x64xf32>, tensor<128x64xf32>) {
  %c = dl.constant dense_resource<anywhere> : tensor<64x128xf32>
  %w = dl.transpose %c {permutation = array<i64: 1, 0>} : (tensor<64x128xf32>) -> tensor<128x64xf32>
  %h = dl.constant dense_resource<half> : tensor<128x64xf32>
  %0 = dl.matmul %x, %w : (tensor<1x128xf32>, tensor<128x64xf32>) -> tensor<1x64xf32>
  %1 = dl.matmul %y, %h : (tensor<128x128xf32>, tensor<128x64xf32>) -> tensor<128x64xf32>
  return %0, %1 : tensor<1x64xf32>, tensor<128x64xf32>
}
