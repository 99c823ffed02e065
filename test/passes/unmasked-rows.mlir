// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-simplify-arithmetic --canonicalize --split-input-file %s | FileCheck %s

// Every row sees the first key: no row is to be zero.

// CHECK-LABEL: func.func @causal
// CHECK-NOT: dl.reduce
// CHECK: %[[W:.*]] = dl.softmax
// CHECK: dl.matmul %[[W]], %arg1
func.func @causal(%s: tensor<2x16x24xf16>, %v: tensor<2x24x8xf16>) -> tensor<2x16x8xf16> {
  %low = dl.constant dense<0xFF800000> : tensor<1xf32>
  %zero = dl.constant dense<0.0> : tensor<1xf32>
  %none = dl.constant dense<0xFC00> : tensor<1xf16>
  %null = dl.constant dense<0.0> : tensor<1xf16>
  %past = dl.constant dense<8> : tensor<1xi64>
  %i = dl.iota : tensor<16xi64>
  %r = dl.reshape %i : (tensor<16xi64>) -> tensor<16x1xi64>
  %p = dl.add %r, %past : (tensor<16x1xi64>, tensor<1xi64>) -> tensor<16x1xi64>
  %j = dl.iota : tensor<24xi64>
  %c = dl.reshape %j : (tensor<24xi64>) -> tensor<1x24xi64>
  %after = dl.compare lt, %p, %c : (tensor<16x1xi64>, tensor<1x24xi64>) -> tensor<16x24xi1>
  %m = dl.select %after, %low, %zero : (tensor<16x24xi1>, tensor<1xf32>, tensor<1xf32>) -> tensor<16x24xf32>
  %h = dl.cast %m : (tensor<16x24xf32>) -> tensor<16x24xf16>
  %l = dl.add %s, %h : (tensor<2x16x24xf16>, tensor<16x24xf16>) -> tensor<2x16x24xf16>
  %w = dl.softmax %l {axis = 2 : i64} : (tensor<2x16x24xf16>) -> tensor<2x16x24xf16>
  %x = dl.reduce max, %h {axes = array<i64: 1>, keepdims = true} : (tensor<16x24xf16>) -> tensor<16x1xf16>
  %e = dl.compare eq, %x, %none : (tensor<16x1xf16>, tensor<1xf16>) -> tensor<16x1xi1>
  %z = dl.select %e, %null, %w : (tensor<16x1xi1>, tensor<1xf16>, tensor<2x16x24xf16>) -> tensor<2x16x24xf16>
  %y = dl.matmul %z, %v : (tensor<2x16x24xf16>, tensor<2x24x8xf16>) -> tensor<2x16x8xf16>
  return %y : tensor<2x16x8xf16>
}

// -----

// Rows may see nothing: where keys must come before, and where a mask is given. Zeros come
// after the product.

// CHECK-LABEL: func.func @strict
// CHECK: %[[E:.*]] = dl.compare eq
// CHECK: %[[Y:.*]] = dl.matmul %{{.*}}, %arg1
// CHECK: dl.select %[[E]], %{{.*}}, %[[Y]]
// CHECK: %[[F:.*]] = dl.compare eq
// CHECK: %[[X:.*]] = dl.matmul %{{.*}}, %arg1
// CHECK: dl.select %[[F]], %{{.*}}, %[[X]]
func.func @strict(%s: tensor<2x16x24xf16>, %v: tensor<2x24x8xf16>, %g: tensor<16x24xf16>) -> (tensor<2x16x8xf16>, tensor<2x16x8xf16>) {
  %low = dl.constant dense<0xFC00> : tensor<1xf16>
  %zero = dl.constant dense<0.0> : tensor<1xf16>
  %i = dl.iota : tensor<16xi64>
  %r = dl.reshape %i : (tensor<16xi64>) -> tensor<16x1xi64>
  %j = dl.iota : tensor<24xi64>
  %c = dl.reshape %j : (tensor<24xi64>) -> tensor<1x24xi64>
  %after = dl.compare le, %r, %c : (tensor<16x1xi64>, tensor<1x24xi64>) -> tensor<16x24xi1>
  %m = dl.select %after, %low, %zero : (tensor<16x24xi1>, tensor<1xf16>, tensor<1xf16>) -> tensor<16x24xf16>
  %w = dl.softmax %s {axis = 2 : i64} : (tensor<2x16x24xf16>) -> tensor<2x16x24xf16>
  %x = dl.reduce max, %m {axes = array<i64: 1>, keepdims = true} : (tensor<16x24xf16>) -> tensor<16x1xf16>
  %e = dl.compare eq, %x, %low : (tensor<16x1xf16>, tensor<1xf16>) -> tensor<16x1xi1>
  %z = dl.select %e, %zero, %w : (tensor<16x1xi1>, tensor<1xf16>, tensor<2x16x24xf16>) -> tensor<2x16x24xf16>
  %y = dl.matmul %z, %v : (tensor<2x16x24xf16>, tensor<2x24x8xf16>) -> tensor<2x16x8xf16>
  %xg = dl.reduce max, %g {axes = array<i64: 1>, keepdims = true} : (tensor<16x24xf16>) -> tensor<16x1xf16>
  %eg = dl.compare eq, %xg, %low : (tensor<16x1xf16>, tensor<1xf16>) -> tensor<16x1xi1>
  %zg = dl.select %eg, %zero, %w : (tensor<16x1xi1>, tensor<1xf16>, tensor<2x16x24xf16>) -> tensor<2x16x24xf16>
  %yg = dl.matmul %zg, %v : (tensor<2x16x24xf16>, tensor<2x24x8xf16>) -> tensor<2x16x8xf16>
  return %y, %yg : tensor<2x16x8xf16>, tensor<2x16x8xf16>
}
