// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-fuse %s | FileCheck %s
// RUN: dl-opt --dl-fuse --dl-lower %s | FileCheck %s --check-prefix=LOWER

// What a region computes is grouped in it; a size that it yields or that goes into a
// sequence is stored by a kernel; what uses a size that the branch finds comes behind it.

// CHECK-LABEL: func.func @regions
// CHECK: %[[R:.*]] = dl.if %{{.*}} {
// CHECK-NEXT: %[[N:.*]] = dl.fused {
// CHECK-NEXT: dl.neg
// CHECK-NEXT: dl.exp
// CHECK: dl.yield %[[N]]
// CHECK: } else {
// CHECK: dl.yield %arg0
// CHECK: dl.fused {
// CHECK: dl.abs %[[R]]
// CHECK: %[[SIZES:.*]] = dl.fused {
// CHECK: dl.cast
// CHECK: dl.sequence_create(%[[SIZES]])

// LOWER-LABEL: func.func @regions
// LOWER: dl.if
// LOWER-NEXT: dl.dispatch @neg_exp
// LOWER: dl.dispatch @abs
func.func @regions(%x: tensor<4xf32>, %c: tensor<i1>) -> (tensor<?xf32, #dl.dims<()[s0] -> (s0)>>, !dl.sequence<tensor<1xi64>>) attributes {dl.symbols = ["n"]} {
  %r = dl.if %c {
    %0 = dl.neg %x : (tensor<4xf32>) -> tensor<4xf32>
    %1 = dl.exp %0 : (tensor<4xf32>) -> tensor<4xf32>
    dl.yield %1 : tensor<4xf32>
  } else {
    dl.yield %x : tensor<4xf32>
  } {symbols = array<i64: 0>} : (tensor<i1>) -> tensor<?xf32, #dl.dims<()[s0] -> (s0)>>
  %n = dl.sizes <()[s0] -> (s0)> : tensor<1xi64>
  %y = dl.abs %r : (tensor<?xf32, #dl.dims<()[s0] -> (s0)>>) -> tensor<?xf32, #dl.dims<()[s0] -> (s0)>>
  %s = dl.sequence_create(%n) : (tensor<1xi64>) -> !dl.sequence<tensor<1xi64>>
  return %y, %s : tensor<?xf32, #dl.dims<()[s0] -> (s0)>>, !dl.sequence<tensor<1xi64>>
}
