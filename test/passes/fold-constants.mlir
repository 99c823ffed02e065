// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-fold-constants %s | FileCheck %s

// CHECK-LABEL: func.func @main
// CHECK-DAG: dl.constant dense<5.000000e-01> : tensor<2xf32>
// CHECK-DAG: dl.constant dense<[1.000000e+00, 4.000000e+00]> : tensor<2xf32>
// Reshaped and transposed constants, and what grows, are left.
// CHECK-DAG: dl.reshape
// CHECK-DAG: dl.broadcast
func.func @main() -> (tensor<2xf32>, tensor<2xf32>, tensor<1x2xf32>, tensor<65536x2xf32>) {
  %a = dl.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %b = dl.constant dense<[2.0, 1.0]> : tensor<2xf32>
  %0 = dl.mul %a, %a : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %1 = dl.mul %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %2 = dl.reciprocal %1 : (tensor<2xf32>) -> tensor<2xf32>
  %3 = dl.reshape %a : (tensor<2xf32>) -> tensor<1x2xf32>
  %4 = dl.broadcast %b : (tensor<2xf32>) -> tensor<65536x2xf32>
  return %2, %0, %3, %4 : tensor<2xf32>, tensor<2xf32>, tensor<1x2xf32>, tensor<65536x2xf32>
}

// What is computed from a reshaped constant is folded: a weight with a scale for each row.

// CHECK-LABEL: func.func @scaled
// CHECK-NOT: dl.mul
// CHECK: %[[W:.*]] = dl.constant dense<{{\[\[}}2.000000e+00, 2.000000e+00], [9.000000e+00, 1.200000e+01]]>
// CHECK: return %[[W]]
func.func @scaled() -> tensor<2x2xf32> {
  %w = dl.constant dense<[[1.0, 1.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %s = dl.constant dense<[2.0, 3.0]> : tensor<2xf32>
  %0 = dl.reshape %s : (tensor<2xf32>) -> tensor<2x1xf32>
  %1 = dl.mul %w, %0 : (tensor<2x2xf32>, tensor<2x1xf32>) -> tensor<2x2xf32>
  return %1 : tensor<2x2xf32>
}

// One of several stacked matrices is a constant over the same memory; small columns
// are computed.

// CHECK-LABEL: func.func @stacked
// CHECK-NOT: dl.slice
// CHECK: dl.constant dense_resource<w_part> : tensor<1x2x2xf32>
// CHECK: dl.constant dense<{{\[\[\[}}2.000000e+00], [4.000000e+00]], {{\[\[}}6.000000e+00], [8.000000e+00]]]>
func.func @stacked() -> (tensor<1x2x2xf32>, tensor<2x2x1xf32>) {
  %w = dl.constant dense_resource<w> : tensor<2x2x2xf32>
  %0 = dl.slice %w {offsets = affine_map<() -> (1, 0, 0)>, strides = array<i64: 1, 1, 1>} : (tensor<2x2x2xf32>) -> tensor<1x2x2xf32>
  %1 = dl.slice %w {offsets = affine_map<() -> (0, 0, 1)>, strides = array<i64: 1, 1, 1>} : (tensor<2x2x2xf32>) -> tensor<2x2x1xf32>
  return %0, %1 : tensor<1x2x2xf32>, tensor<2x2x1xf32>
}

// CHECK: w_part: "0x{{[0-9A-F]*}}0000A0400000C0400000E04000000041"
{-# dialect_resources: { builtin: { w: "0x040000000000803F0000004000004040000080400000A0400000C0400000E04000000041" } } #-}
