// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-lower -split-input-file %s | FileCheck %s

// The mean of rows is read without the dimension that was reduced; float16 is
// summed in float32.

// CHECK-DAG: #[[ID:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[ROW:.*]] = affine_map<(d0, d1) -> (d0)>
// CHECK: linalg.fill {{.*}} -> tensor<8xf32>
// CHECK: linalg.generic {indexing_maps = [#[[ID]], #[[ROW]]], iterator_types = ["parallel", "reduction"]} {{.*}} outs(%{{.*}} : tensor<8xf32>)
// CHECK: arith.extf
// CHECK: arith.addf
// CHECK: %[[SUM:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<8xf16>)
// CHECK: linalg.generic {indexing_maps = [#[[ID]], #[[ROW]], #[[ID]]]{{.*}} ins(%arg0, %[[SUM]]
func.func @center(%x: tensor<8x16xf16>) -> tensor<8x16xf16> {
  %0 = dl.fused {
    %1 = dl.reduce sum, %x {axes = array<i64: 1>, keepdims = true} : (tensor<8x16xf16>) -> tensor<8x1xf16>
    %2 = dl.sub %x, %1 : (tensor<8x16xf16>, tensor<8x1xf16>) -> tensor<8x16xf16>
    dl.yield %2 : tensor<8x16xf16>
  } : tensor<8x16xf16>
  return %0 : tensor<8x16xf16>
}

// -----

// CHECK: %[[LOW:.*]] = arith.constant 0xFF800000 : f32
// CHECK: linalg.fill ins(%[[LOW]]
// NaN reaches the result through the sum.
// CHECK: arith.maximumf {{.*}} fastmath<nnan,nsz>
// CHECK: arith.subf
// CHECK: math.exp
// CHECK: arith.addf
// CHECK: math.log
func.func @log_softmax(%x: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %0 = dl.fused {
    %1 = dl.softmax %x {axis = 1 : i64, log = true} : (tensor<8x16xf32>) -> tensor<8x16xf32>
    dl.yield %1 : tensor<8x16xf32>
  } : tensor<8x16xf32>
  return %0 : tensor<8x16xf32>
}

// -----

// The last of equal elements.

// CHECK: linalg.generic {{.*}} outs(%{{.*}}, %{{.*}} : tensor<8xf32>, tensor<8xi64>)
// CHECK: linalg.index 1
// CHECK: arith.cmpf oge, %in, %out
func.func @arg_max(%x: tensor<8x16xf32>) -> tensor<8xi64> {
  %0 = dl.fused {
    %1 = dl.arg_reduce max, %x {axis = 1 : i64, select_last = true} : (tensor<8x16xf32>) -> tensor<8xi64>
    dl.yield %1 : tensor<8xi64>
  } : tensor<8xi64>
  return %0 : tensor<8xi64>
}

// -----

// The window's sizes come from an operand that has only a shape.

// CHECK-DAG: #[[IN:.*]] = affine_map<(d0, d1, d2) -> (d0, d1 * 2 + d2 * 3)>
// CHECK-DAG: #[[WINDOW:.*]] = affine_map<(d0, d1, d2) -> (d2)>
// CHECK: %[[SHAPE:.*]] = tensor.empty() : tensor<2xf32>
// CHECK: linalg.generic {indexing_maps = [#[[IN]], #[[WINDOW]], {{.*}} ins(%arg0, %[[SHAPE]]
// CHECK: arith.maximumf {{.*}} fastmath<nsz>
func.func @windows(%x: tensor<4x16xf32>) -> tensor<4x7xf32> {
  %0 = dl.fused {
    %1 = dl.window_reduce max, %x {window = array<i64: 2>, strides = array<i64: 2>, dilations = array<i64: 3>} : (tensor<4x16xf32>) -> tensor<4x7xf32>
    dl.yield %1 : tensor<4x7xf32>
  } : tensor<4x7xf32>
  return %0 : tensor<4x7xf32>
}
