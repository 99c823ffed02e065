// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-reduce-precision --canonicalize %s | FileCheck %s
// RUN: dl-opt --dl-reduce-precision=min-multiplications=257 %s | FileCheck %s --check-prefix=SMALL
// RUN: dl-opt --dl-reduce-precision=type=f16 %s | FileCheck %s --check-prefix=F16
// RUN: not dl-opt --dl-reduce-precision=type=f8 %s 2>&1 | FileCheck %s --check-prefix=TYPE

// F16-LABEL: func.func @rounded_once
// F16: dl.matmul {{.*}} {wide} : (tensor<4x8xf16>, tensor<8x8xf16>) -> tensor<4x8xf32>
// TYPE: error: unknown type 'f8'

// A value is rounded once, where it is made, for all that read it.

// CHECK-LABEL: func.func @rounded_once
// CHECK: %[[W:.*]] = dl.cast %arg1
// CHECK: %[[E:.*]] = dl.exp %arg0
// CHECK: %[[N:.*]] = dl.cast %[[E]] {approximate} : (tensor<4x8xf32>) -> tensor<4x8xbf16>
// CHECK: %[[X:.*]] = dl.cast %[[N]] : (tensor<4x8xbf16>) -> tensor<4x8xf32>
// CHECK: %[[P:.*]] = dl.matmul %[[N]], %[[W]] {wide} : (tensor<4x8xbf16>, tensor<8x8xbf16>) -> tensor<4x8xf32>
// CHECK: dl.add %[[P]], %[[X]]

// 256 multiplications may be too few.
// SMALL-LABEL: func.func @rounded_once
// SMALL: dl.matmul {{.*}} : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
func.func @rounded_once(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>) -> tensor<4x8xf32> {
  %0 = dl.exp %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = dl.matmul %0, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %2 = dl.add %1, %0 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %2 : tensor<4x8xf32>
}

// But what is normalized, which residual connections add on.

// CHECK-LABEL: func.func @normalized
// CHECK: %[[D:.*]] = dl.div %arg0
// CHECK: %[[N:.*]] = dl.cast %[[D]] {approximate} : (tensor<4x8xf32>) -> tensor<4x8xbf16>
// CHECK: %[[P:.*]] = dl.matmul %[[N]]
// CHECK: dl.add %[[P]], %[[D]]
func.func @normalized(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>) -> tensor<4x8xf32> {
  %s = dl.reduce sum, %x {axes = array<i64: 1>, keepdims = true} : (tensor<4x8xf32>) -> tensor<4x1xf32>
  %0 = dl.div %x, %s : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
  %1 = dl.matmul %0, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %2 = dl.add %1, %0 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %2 : tensor<4x8xf32>
}

// What only moves elements moves rounded ones.

// CHECK-LABEL: func.func @moved
// CHECK: %[[A:.*]] = dl.exp %arg0
// CHECK: %[[NA:.*]] = dl.cast %[[A]] {approximate} : (tensor<4x3xf32>) -> tensor<4x3xbf16>
// CHECK: %[[B:.*]] = dl.tanh %arg0
// CHECK: %[[NB:.*]] = dl.cast %[[B]] {approximate} : (tensor<4x3xf32>) -> tensor<4x3xbf16>
// CHECK: %[[C:.*]] = dl.concat %[[NA]], %[[NB]] {{.*}} -> tensor<4x6xbf16>
// CHECK: %[[T:.*]] = dl.transpose %[[C]]
// CHECK: dl.matmul %[[T]], %{{.*}} {wide}
func.func @moved(%x: tensor<4x3xf32>, %w: tensor<4x8xf32>) -> tensor<6x8xf32> {
  %a = dl.exp %x : (tensor<4x3xf32>) -> tensor<4x3xf32>
  %b = dl.tanh %x : (tensor<4x3xf32>) -> tensor<4x3xf32>
  %c = dl.concat %a, %b {axis = 1 : i64} : (tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<4x6xf32>
  %t = dl.transpose %c {permutation = array<i64: 1, 0>} : (tensor<4x6xf32>) -> tensor<6x4xf32>
  %0 = dl.matmul %t, %w : (tensor<6x4xf32>, tensor<4x8xf32>) -> tensor<6x8xf32>
  return %0 : tensor<6x8xf32>
}

// A result of the model stays as it is.

// CHECK-LABEL: func.func @result
// CHECK: %[[E:.*]] = dl.exp
// CHECK: %[[N:.*]] = dl.cast %[[E]] {approximate} : (tensor<4x8xf32>) -> tensor<4x8xbf16>
// CHECK: %[[P:.*]] = dl.matmul %[[N]]
// CHECK: return %[[P]], %[[E]]
func.func @result(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %0 = dl.exp %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = dl.matmul %0, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  return %1, %0 : tensor<4x8xf32>, tensor<4x8xf32>
}

// Convolutions, but those with groups, which read what is stored as bf16.

// CHECK-LABEL: func.func @convolutions
// CHECK: %[[F:.*]] = dl.conv %{{.*}} {{{.*}}wide} : (tensor<1x4x8xbf16>, tensor<4x4x3xbf16>) -> tensor<1x4x6xf32>
// CHECK: %[[N:.*]] = dl.cast %[[F]] {approximate} : (tensor<1x4x6xf32>) -> tensor<1x4x6xbf16>
// CHECK: %[[X:.*]] = dl.cast %[[N]] : (tensor<1x4x6xbf16>) -> tensor<1x4x6xf32>
// CHECK: dl.conv %[[X]], %arg2 {{.*}} : (tensor<1x4x6xf32>, tensor<4x1x3xf32>) -> tensor<1x4x4xf32>
func.func @convolutions(%x: tensor<1x4x8xf32>, %w: tensor<4x4x3xf32>, %d: tensor<4x1x3xf32>) -> tensor<1x4x4xf32> {
  %0 = dl.conv %x, %w {strides = array<i64: 1>, pads_low = array<i64: 0>, pads_high = array<i64: 0>, dilations = array<i64: 1>} : (tensor<1x4x8xf32>, tensor<4x4x3xf32>) -> tensor<1x4x6xf32>
  %1 = dl.conv %0, %d {strides = array<i64: 1>, pads_low = array<i64: 0>, pads_high = array<i64: 0>, dilations = array<i64: 1>, groups = 4 : i64} : (tensor<1x4x6xf32>, tensor<4x1x3xf32>) -> tensor<1x4x4xf32>
  return %1 : tensor<1x4x4xf32>
}

// The weights of attention are rounded between the products.

// CHECK-LABEL: func.func @attention
// CHECK: dl.matmul {{.*}} {wide} : (tensor<2x4x8xbf16>, tensor<2x8x4xbf16>) -> tensor<2x4x4xf32>
// CHECK: %[[S:.*]] = dl.softmax
// CHECK: %[[W:.*]] = dl.cast %[[S]] {approximate}
// CHECK: dl.matmul %[[W]], {{.*}} {wide} : (tensor<2x4x4xbf16>, tensor<2x4x8xbf16>) -> tensor<2x4x8xf32>
func.func @attention(%q: tensor<2x4x8xf32>, %k: tensor<2x8x4xf32>, %v: tensor<2x4x8xf32>) -> tensor<2x4x8xf32> {
  %0 = dl.matmul %q, %k : (tensor<2x4x8xf32>, tensor<2x8x4xf32>) -> tensor<2x4x4xf32>
  %1 = dl.softmax %0 {axis = 2 : i64} : (tensor<2x4x4xf32>) -> tensor<2x4x4xf32>
  %2 = dl.matmul %1, %v : (tensor<2x4x4xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %2 : tensor<2x4x8xf32>
}
