// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-lower -split-input-file %s | FileCheck %s

// Groups become functions on tensors without encodings; equal ones are one.

// CHECK-LABEL: func.func @main
// CHECK: %[[W:.*]] = dl.constant dense<[1.000000e+00, 2.000000e+00]>
// CHECK: dl.dispatch @mul_add_0(%arg0, %[[W]]) sizes {{.*}} : (tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>>, tensor<2xf32>)
// CHECK: dl.dispatch @mul_add_0(%arg1, %[[W]])
// CHECK: dl.dispatch @iota_add_1() sizes #[[SIZES:.*]] : () -> tensor<?xi64
// CHECK-LABEL: func.func private @mul_add_0
// CHECK-SAME: %arg0: tensor<?x2xf32>, %arg1: tensor<2xf32> {dl.constant}, %arg2: tensor<?x2xf32>) -> tensor<?x2xf32> attributes {dl.kernel}
// CHECK: %[[DIM:.*]] = tensor.dim %arg0
// CHECK: tensor.empty(%[[DIM]])
// CHECK: linalg.generic {{.*}} ins(%arg0, %arg1
// CHECK: arith.mulf
// CHECK: %[[R:.*]] = linalg.generic {{.*}} outs(%arg2
// CHECK: %[[HALF:.*]] = arith.constant 5.000000e-01 : f32
// CHECK: arith.addf %{{.*}}, %[[HALF]]
// CHECK: return %[[R]]
// CHECK-LABEL: func.func private @iota_add_1
// CHECK-SAME: (%arg0: index, %arg1: tensor<?xi64>)
// CHECK: linalg.index 0
// CHECK: arith.index_cast %arg0 : index to i64
func.func @main(%a: tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>>, %b: tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>>) -> (tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>>, tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>>, tensor<?xi64, #dl.dims<()[s0] -> (s0)>>) attributes {dl.symbols = ["n"]} {
  %w = dl.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %h = dl.constant dense<0.5> : tensor<1xf32>
  %s = dl.sizes <()[s0] -> (s0 + 7)> : tensor<1xi64>
  %0 = dl.fused {
    %1 = dl.mul %a, %w : (tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>>, tensor<2xf32>) -> tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>>
    %2 = dl.add %1, %h : (tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>>, tensor<1xf32>) -> tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>>
    dl.yield %2 : tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>>
  } : tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>>
  %3 = dl.fused {
    %1 = dl.mul %b, %w : (tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>>, tensor<2xf32>) -> tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>>
    %2 = dl.add %1, %h : (tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>>, tensor<1xf32>) -> tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>>
    dl.yield %2 : tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>>
  } : tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>>
  %4 = dl.fused {
    %1 = dl.iota : tensor<?xi64, #dl.dims<()[s0] -> (s0)>>
    %2 = dl.add %1, %s : (tensor<?xi64, #dl.dims<()[s0] -> (s0)>>, tensor<1xi64>) -> tensor<?xi64, #dl.dims<()[s0] -> (s0)>>
    dl.yield %2 : tensor<?xi64, #dl.dims<()[s0] -> (s0)>>
  } : tensor<?xi64, #dl.dims<()[s0] -> (s0)>>
  return %0, %3, %4 : tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>>, tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>>, tensor<?xi64, #dl.dims<()[s0] -> (s0)>>
}

// -----

// A group of dl.topk alone is a call of the runtime.
// CHECK-LABEL: func.func @host
// CHECK: dl.host_call "topk"(%arg0) {arguments = array<i64: 1, 1, 0>}
func.func @host(%x: tensor<2x9xf32>) -> (tensor<2x3xf32>, tensor<2x3xi64>) {
  %0:2 = dl.fused {
    %v, %i = dl.topk %x {axis = 1 : i64, sorted = false} : (tensor<2x9xf32>) -> (tensor<2x3xf32>, tensor<2x3xi64>)
    dl.yield %v, %i : tensor<2x3xf32>, tensor<2x3xi64>
  } : tensor<2x3xf32>, tensor<2x3xi64>
  return %0#0, %0#1 : tensor<2x3xf32>, tensor<2x3xi64>
}

// -----

// So are groups of other ops that the runtime computes.
// CHECK-LABEL: func.func @calls
// CHECK: dl.host_call "row_order"(%arg0) {arguments = array<i64>}
// CHECK: dl.host_call "suppress"(%arg1, %arg2, %arg3, %arg4, %arg4) {arguments = array<i64: 1>}
func.func @calls(%x: tensor<5x2xf32>, %b: tensor<1x6x4xf32>, %s: tensor<1x2x6xf32>, %m: tensor<i64>, %t: tensor<f32>)
    -> (tensor<5xi64>, tensor<12x3xi64>, tensor<1xi64>) {
  %0 = dl.fused {
    %o = dl.row_order %x : (tensor<5x2xf32>) -> tensor<5xi64>
    dl.yield %o : tensor<5xi64>
  } : tensor<5xi64>
  %1:2 = dl.fused {
    %r, %n = dl.suppress %b, %s, %m, %t, %t {centered = true} : (tensor<1x6x4xf32>, tensor<1x2x6xf32>, tensor<i64>, tensor<f32>, tensor<f32>) -> (tensor<12x3xi64>, tensor<1xi64>)
    dl.yield %r, %n : tensor<12x3xi64>, tensor<1xi64>
  } : tensor<12x3xi64>, tensor<1xi64>
  return %0, %1#0, %1#1 : tensor<5xi64>, tensor<12x3xi64>, tensor<1xi64>
}
