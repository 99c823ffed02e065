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
