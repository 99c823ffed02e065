// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt %s --dl-expand-window-scatter --split-input-file | FileCheck %s

// The values of what it becomes:
// RUN: dl-opt %S/../ir/interpret/gradient.mlir --dl-expand-window-scatter --run-reference -o /dev/null | FileCheck %S/../ir/interpret/gradient.mlir

// CHECK-LABEL: func.func @row
// CHECK-DAG: dl.slice %arg0 {{.*}}
// CHECK: dl.compare ge
// CHECK: dl.is_nan
// CHECK: dl.select
// CHECK: dl.compare eq
// CHECK-NOT: dl.window_scatter
func.func @row(%x: tensor<9xf32>, %u: tensor<4xf32>) -> tensor<9xf32> {
  %0 = dl.window_scatter max, %x, %u {window = array<i64: 3>, strides = array<i64: 2>, dilations = array<i64: 1>} : (tensor<9xf32>, tensor<4xf32>) -> tensor<9xf32>
  return %0 : tensor<9xf32>
}

// -----

// Images have their channels last.

// CHECK-LABEL: func.func @image
// CHECK: dl.transpose %arg0 {{.*}} -> tensor<1x8x8x3xf32>
// CHECK: dl.compare eq, {{.*}} : (tensor<1x8x8x3xf32>, tensor<f32>) -> tensor<1x8x8x3xi1>
// CHECK: dl.transpose {{.*}} -> tensor<1x3x8x8xf32>
func.func @image(%x: tensor<1x3x8x8xf32>, %u: tensor<1x3x4x4xf32>) -> tensor<1x3x8x8xf32> {
  %0 = dl.window_scatter max, %x, %u {window = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>} : (tensor<1x3x8x8xf32>, tensor<1x3x4x4xf32>) -> tensor<1x3x8x8xf32>
  return %0 : tensor<1x3x8x8xf32>
}
