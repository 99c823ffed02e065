// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-lower -split-input-file %s | FileCheck %s

// A size-1 dimension is read at 0, missing leading dimensions are left out.

// CHECK-DAG: #[[ID:.*]] = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
// CHECK-DAG: #[[ONE:.*]] = affine_map<(d0, d1, d2) -> (d1, 0)>
// CHECK: linalg.generic {indexing_maps = [#[[ID]], #[[ONE]], #[[ID]]]
// CHECK: arith.maximumf
func.func @broadcast(%a: tensor<2x3x4xf32>, %b: tensor<3x1xf32>) -> tensor<2x3x4xf32> {
  %0 = dl.fused {
    %1 = dl.max %a, %b : (tensor<2x3x4xf32>, tensor<3x1xf32>) -> tensor<2x3x4xf32>
    dl.yield %1 : tensor<2x3x4xf32>
  } : tensor<2x3x4xf32>
  return %0 : tensor<2x3x4xf32>
}

// -----

// Unsigned integers become signless; their ops stay unsigned. Division never traps.

// CHECK-LABEL: func.func private @div_max_0(%arg0: tensor<4xi8>, %arg1: tensor<4xi8>, %arg2: tensor<4xi8>)
// CHECK: %[[D:.*]] = arith.select %{{.*}}, %{{.*}}, %in
// CHECK: arith.divui %in, %[[D]]
// CHECK: arith.maxui
func.func @unsigned(%a: tensor<4xui8>, %b: tensor<4xui8>) -> tensor<4xui8> {
  %0 = dl.fused {
    %1 = dl.div %a, %b : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
    %2 = dl.max %1, %b : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
    dl.yield %2 : tensor<4xui8>
  } : tensor<4xui8>
  return %0 : tensor<4xui8>
}

// -----

// Powers that need no logarithm.

// CHECK: math.sqrt
// CHECK-NOT: math.powf
// CHECK: arith.mulf
// CHECK: math.powf
func.func @powers(%a: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<4xf32> {
  %h = dl.constant dense<0.5> : tensor<f32>
  %c = dl.constant dense<2.0> : tensor<f32>
  %0 = dl.fused {
    %1 = dl.pow %a, %h : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    %2 = dl.pow %1, %c : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    %3 = dl.pow %2, %b : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    dl.yield %3 : tensor<4xf32>
  } : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// Conversions: to bool by comparison, narrow integers by way of wider ones.

// CHECK: arith.cmpf une
// CHECK: arith.uitofp %{{.*}} : i1 to f32
// CHECK: arith.fptosi %{{.*}} : f32 to i32
// CHECK: arith.trunci %{{.*}} : i32 to i8
func.func @casts(%a: tensor<4xf32>) -> tensor<4xui8> {
  %0 = dl.fused {
    %1 = dl.cast %a : (tensor<4xf32>) -> tensor<4xi1>
    %2 = dl.cast %1 : (tensor<4xi1>) -> tensor<4xf32>
    %3 = dl.cast %2 : (tensor<4xf32>) -> tensor<4xui8>
    dl.yield %3 : tensor<4xui8>
  } : tensor<4xui8>
  return %0 : tensor<4xui8>
}

// -----

// A signed number keeps its sign however far it is shifted.

// CHECK: %[[N:.*]] = arith.minui
// CHECK: arith.shrsi %in, %[[N]]
func.func @shift(%a: tensor<4xi8>, %b: tensor<4xi8>) -> tensor<4xi8> {
  %0 = dl.fused {
    %1 = dl.shr %a, %b : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
    dl.yield %1 : tensor<4xi8>
  } : tensor<4xi8>
  return %0 : tensor<4xi8>
}

// -----

// An op on halves is computed in f32 and rounded once; what is exact stays.

// CHECK-LABEL: func.func private @sigmoid_max_0
// CHECK: %[[X:.*]] = arith.extf %in : bf16 to f32
// CHECK-NOT: arith.truncf
// CHECK: arith.divf {{.*}} : f32
// CHECK: %[[Y:.*]] = arith.truncf {{.*}} : f32 to bf16
// CHECK: linalg.yield %[[Y]] : bf16
// CHECK: arith.maximumf {{.*}} : bf16
func.func @halves(%a: tensor<4xbf16>, %b: tensor<4xbf16>) -> tensor<4xbf16> {
  %0 = dl.fused {
    %1 = dl.sigmoid %a : (tensor<4xbf16>) -> tensor<4xbf16>
    %2 = dl.max %1, %b : (tensor<4xbf16>, tensor<4xbf16>) -> tensor<4xbf16>
    dl.yield %2 : tensor<4xbf16>
  } : tensor<4xbf16>
  return %0 : tensor<4xbf16>
}
