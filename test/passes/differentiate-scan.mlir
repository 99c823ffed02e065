// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt %s --dl-differentiate --canonicalize --cse | FileCheck %s

// Of a recurrent cell, the forward scan stores states and the product with its
// bias; the backward one computes no product again, and that of the weights'
// gradient is one of all iterations, behind it.

// CHECK-LABEL: func.func @cell(
// CHECK-SAME: %[[H:[a-z0-9]+]]: tensor<2x3xf32>, %[[X:[a-z0-9]+]]: tensor<5x2x3xf32>, %[[W:[a-z0-9]+]]: tensor<3x3xf32>)
// CHECK: %[[F:.*]]:3 = dl.scan states(%[[H]]) inputs(%[[X]]) {
// CHECK-NEXT: ^bb0(%[[S:.*]]: tensor<2x3xf32>, %[[E:.*]]: tensor<2x3xf32>):
// CHECK-NEXT: %[[P:.*]] = dl.matmul %[[S]], %[[W]]
// CHECK-NEXT: %[[A:.*]] = dl.add %[[P]], %[[E]]
// CHECK-NEXT: %[[N:.*]] = dl.tanh %[[A]]
// CHECK-NEXT: dl.yield %[[N]], %[[S]], %[[A]]
// CHECK: %[[B:.*]]:2 = dl.scan states(%{{.*}}) inputs(%[[F]]#2) {
// CHECK-NEXT: ^bb0(%[[G:.*]]: tensor<2x3xf32>, %[[K:.*]]: tensor<2x3xf32>):
// CHECK-NEXT: %[[T:.*]] = dl.tanh %[[K]]
// CHECK: %[[D:.*]] = dl.mul %[[G]]
// CHECK: %[[M:.*]] = dl.matmul %[[D]]
// CHECK-NOT: dl.matmul
// CHECK: dl.yield %[[M]], %[[D]]
// CHECK: {reverse = true}
// CHECK: %[[L:.*]] = dl.reshape %[[F]]#1 : (tensor<5x2x3xf32>) -> tensor<10x3xf32>
// CHECK: %[[LT:.*]] = dl.transpose %[[L]]
// CHECK: %[[R:.*]] = dl.reshape %[[B]]#1 : (tensor<5x2x3xf32>) -> tensor<10x3xf32>
// CHECK: %[[GW:.*]] = dl.matmul %[[LT]], %[[R]] : (tensor<3x10xf32>, tensor<10x3xf32>) -> tensor<3x3xf32>
// CHECK: return %[[GW]], %[[B]]#1
func.func @cell(%h: tensor<2x3xf32>, %x: tensor<5x2x3xf32>, %w: tensor<3x3xf32>) -> (tensor<3x3xf32>, tensor<5x2x3xf32>) {
  %0 = dl.scan states(%h) inputs(%x) {
  ^bb0(%s: tensor<2x3xf32>, %e: tensor<2x3xf32>):
    %p = dl.matmul %s, %w : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32>
    %a = dl.add %p, %e : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
    %n = dl.tanh %a : (tensor<2x3xf32>) -> tensor<2x3xf32>
    dl.yield %n : tensor<2x3xf32>
  } : (tensor<2x3xf32>, tensor<5x2x3xf32>) -> tensor<2x3xf32>
  %1, %2 = dl.gradient %0 by %w, %x : (tensor<2x3xf32>, tensor<3x3xf32>, tensor<5x2x3xf32>) -> (tensor<3x3xf32>, tensor<5x2x3xf32>)
  return %1, %2 : tensor<3x3xf32>, tensor<5x2x3xf32>
}
