// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt %s --canonicalize | FileCheck %s

// What a scan takes or stacks and nothing reads, or takes twice, goes away.

// CHECK-LABEL: func.func @trim(
// CHECK-SAME: %[[H:[a-z0-9]+]]: tensor<4xf32>, %[[X:[a-z0-9]+]]: tensor<9x4xf32>
// CHECK: %[[R:.*]]:2 = dl.scan states(%[[H]]) inputs(%[[X]]) {
// CHECK-NEXT: ^bb0(%[[S:.*]]: tensor<4xf32>, %[[E:.*]]: tensor<4xf32>):
// CHECK-NEXT: %[[N:.*]] = dl.add %[[S]], %[[E]]
// CHECK-NEXT: %[[M:.*]] = dl.mul %[[N]], %[[E]]
// CHECK-NEXT: dl.yield %[[N]], %[[M]]
// CHECK: {reverse = true}
// CHECK: return %[[R]]#0, %[[R]]#1
func.func @trim(%h: tensor<4xf32>, %x: tensor<9x4xf32>, %u: tensor<9x2xf32>) -> (tensor<4xf32>, tensor<9x4xf32>) {
  %0:4 = dl.scan states(%h) inputs(%u, %x, %x) {
  ^bb0(%s: tensor<4xf32>, %v: tensor<2xf32>, %e: tensor<4xf32>, %f: tensor<4xf32>):
    %n = dl.add %s, %e : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %m = dl.mul %n, %f : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %k = dl.tanh %m : (tensor<4xf32>) -> tensor<4xf32>
    dl.yield %n, %k, %m, %n : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
  } {reverse = true} : (tensor<4xf32>, tensor<9x2xf32>, tensor<9x4xf32>, tensor<9x4xf32>) -> (tensor<4xf32>, tensor<9x4xf32>, tensor<9x4xf32>, tensor<9x4xf32>)
  return %0#0, %0#2 : tensor<4xf32>, tensor<9x4xf32>
}

// One input is left, for the count of iterations.

// CHECK-LABEL: func.func @count(
// CHECK-SAME: %[[H:[a-z0-9]+]]: tensor<4xf32>, %{{.*}}: tensor<9x4xf32>, %[[U:[a-z0-9]+]]: tensor<9x2xf32>)
// CHECK: dl.scan states(%[[H]]) inputs(%[[U]]) {
func.func @count(%h: tensor<4xf32>, %x: tensor<9x4xf32>, %u: tensor<9x2xf32>) -> tensor<4xf32> {
  %0 = dl.scan states(%h) inputs(%x, %u) {
  ^bb0(%s: tensor<4xf32>, %e: tensor<4xf32>, %v: tensor<2xf32>):
    %n = dl.tanh %s : (tensor<4xf32>) -> tensor<4xf32>
    dl.yield %n : tensor<4xf32>
  } : (tensor<4xf32>, tensor<9x4xf32>, tensor<9x2xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
