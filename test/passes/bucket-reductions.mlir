// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt %s --split-input-file --dl-bucket-reductions=bytes=24 --mlir-print-local-scope | FileCheck %s

// Buckets in the order in which parts are made, each begun as soon as it is full; what
// reads them comes after all that does not.

// CHECK-LABEL: func.func @order
// CHECK: %[[A:.*]] = dl.fused {
// CHECK-NEXT: dl.exp
// CHECK: %[[B:.*]] = dl.fused {
// CHECK-NEXT: dl.abs
// CHECK: %[[FLAT:.*]] = dl.reshape %[[B]] : (tensor<1x2xf32>) -> tensor<2xf32>
// CHECK-NEXT: %[[BUCKET:.*]] = dl.concat %[[A]], %[[FLAT]] {axis = 0 : i64}
// CHECK-NEXT: %[[FIRST:.*]] = dl.host_call "all_reduce_start"(%[[BUCKET]]) {arguments = array<i64: 0>, dl.in_place = array<i64: 0>}
// CHECK-NEXT: %[[C:.*]] = dl.fused {
// CHECK-NEXT: dl.sqrt
// CHECK: %[[SECOND:.*]] = dl.host_call "all_reduce_start"(%[[C]]) {arguments = array<i64: 1>, dl.in_place = array<i64: 0>}
// CHECK-NEXT: %[[DONE:.*]] = dl.host_call "all_reduce_wait"(%[[FIRST]]) {arguments = array<i64: 0>, dl.in_place = array<i64: 0>}
// CHECK-NEXT: %[[MEAN:.*]] = dl.slice %[[DONE]] {offsets = affine_map<() -> (0)>
// CHECK-NEXT: %[[NEXT:.*]] = dl.fused {
// CHECK-NEXT: dl.neg %[[MEAN]]
// CHECK-DAG: %[[LAST:.*]] = dl.host_call "all_reduce_wait"(%[[SECOND]])
// CHECK-DAG: %[[PART:.*]] = dl.slice %[[DONE]] {offsets = affine_map<() -> (4)>
// CHECK-DAG: %[[WHOLE:.*]] = dl.reshape %[[PART]] : (tensor<2xf32>) -> tensor<1x2xf32>
// CHECK: return %[[NEXT]], %[[WHOLE]], %[[LAST]]
func.func @order(%x: tensor<4xf32>, %y: tensor<1x2xf32>) -> (tensor<4xf32>, tensor<1x2xf32>, tensor<4xf32>) {
  %a = dl.fused {
    %0 = dl.exp %x : (tensor<4xf32>) -> tensor<4xf32>
    dl.yield %0 : tensor<4xf32>
  } : tensor<4xf32>
  %ra = dl.all_reduce %a : (tensor<4xf32>) -> tensor<4xf32>
  %next = dl.fused {
    %0 = dl.neg %ra : (tensor<4xf32>) -> tensor<4xf32>
    dl.yield %0 : tensor<4xf32>
  } : tensor<4xf32>
  %b = dl.fused {
    %0 = dl.abs %y : (tensor<1x2xf32>) -> tensor<1x2xf32>
    dl.yield %0 : tensor<1x2xf32>
  } : tensor<1x2xf32>
  %c = dl.fused {
    %0 = dl.sqrt %x : (tensor<4xf32>) -> tensor<4xf32>
    dl.yield %0 : tensor<4xf32>
  } : tensor<4xf32>
  %rc, %rb = dl.all_reduce %c, %b : (tensor<4xf32>, tensor<1x2xf32>) -> (tensor<4xf32>, tensor<1x2xf32>)
  return %next, %rb, %rc : tensor<4xf32>, tensor<1x2xf32>, tensor<4xf32>
}

// -----

// What is reduced twice, types of their own, and what nobody reads.

// CHECK-LABEL: func.func @twice
// CHECK-DAG: %[[A:.*]] = dl.host_call "all_reduce_start"(%{{.*}}) {arguments = array<i64: 0>{{.*}} : (tensor<4xf32>)
// CHECK-DAG: %[[B:.*]] = dl.host_call "all_reduce_start"(%{{.*}}) {arguments = array<i64: 1>{{.*}} : (tensor<4xf64>)
// CHECK: %[[ONCE:.*]] = dl.host_call "all_reduce_wait"(%[[A]]) {arguments = array<i64: 0>
// CHECK-NEXT: %[[AGAIN:.*]] = dl.host_call "all_reduce_start"(%[[ONCE]]) {arguments = array<i64: 2>
// CHECK-DAG: %[[LAST:.*]] = dl.host_call "all_reduce_wait"(%[[AGAIN]]) {arguments = array<i64: 2>
// CHECK-DAG: %[[WIDE:.*]] = dl.host_call "all_reduce_wait"(%[[B]]) {arguments = array<i64: 1>
// CHECK-NOT: all_reduce
// CHECK: return %[[LAST]], %[[WIDE]]
func.func @twice(%x: tensor<4xf32>, %y: tensor<4xf64>) -> (tensor<4xf32>, tensor<4xf64>) {
  %0 = dl.all_reduce %x : (tensor<4xf32>) -> tensor<4xf32>
  %1 = dl.all_reduce %y : (tensor<4xf64>) -> tensor<4xf64>
  %2 = dl.all_reduce %0 : (tensor<4xf32>) -> tensor<4xf32>
  %3 = dl.all_reduce %x : (tensor<4xf32>) -> tensor<4xf32>
  return %2, %1 : tensor<4xf32>, tensor<4xf64>
}

// -----

// What needs the first bucket alone does not wait for the second one.

// CHECK-LABEL: func.func @sorted
// CHECK: %[[X:.*]] = dl.host_call "all_reduce_start"(%arg0) {arguments = array<i64: 0>
// CHECK: dl.fused
// CHECK: %[[Y:.*]] = dl.host_call "all_reduce_start"(%{{.*}}) {arguments = array<i64: 1>
// CHECK: dl.host_call "all_reduce_wait"(%[[X]])
// CHECK: dl.fused {
// CHECK: dl.abs
// CHECK: dl.host_call "all_reduce_wait"(%[[Y]])
// CHECK: dl.fused {
// CHECK: dl.neg
func.func @sorted(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %y = dl.fused {
    %0 = dl.exp %x : (tensor<4xf32>) -> tensor<4xf32>
    dl.yield %0 : tensor<4xf32>
  } : tensor<4xf32>
  %ry = dl.all_reduce %y : (tensor<4xf32>) -> tensor<4xf32>
  %rx = dl.all_reduce %x : (tensor<4xf32>) -> tensor<4xf32>
  %late = dl.fused {
    %0 = dl.neg %ry : (tensor<4xf32>) -> tensor<4xf32>
    dl.yield %0 : tensor<4xf32>
  } : tensor<4xf32>
  %early = dl.fused {
    %0 = dl.abs %rx : (tensor<4xf32>) -> tensor<4xf32>
    dl.yield %0 : tensor<4xf32>
  } : tensor<4xf32>
  return %early, %late : tensor<4xf32>, tensor<4xf32>
}

// -----

// With four buckets under way, the first one is waited for and used, with what it takes to
// do so; so no more of them are kept.

// CHECK-LABEL: func.func @window
// CHECK-COUNT-5: dl.host_call "all_reduce_start"
// CHECK-NEXT: %[[F:.*]] = dl.fused {
// CHECK-NEXT: dl.abs
// CHECK: dl.host_call "all_reduce_wait"(%{{.*}}) {arguments = array<i64: 0>
// CHECK: dl.fused {
// CHECK-NEXT: dl.mul %{{.*}}, %[[F]]
// CHECK: dl.exp
// CHECK: dl.host_call "all_reduce_start"(%{{.*}}) {arguments = array<i64: 5>
// CHECK: dl.host_call "all_reduce_wait"(%{{.*}}) {arguments = array<i64: 1>
// CHECK: dl.mul
// CHECK-NOT: dl.exp
// CHECK: dl.host_call "all_reduce_wait"(%{{.*}}) {arguments = array<i64: 2>
// CHECK: dl.mul
// CHECK: dl.host_call "all_reduce_wait"(%{{.*}}) {arguments = array<i64: 3>
func.func @window(%y0: tensor<4xf32>, %s: tensor<f32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %y1 = dl.fused {
    %0 = dl.exp %y0 : (tensor<4xf32>) -> tensor<4xf32>
    dl.yield %0 : tensor<4xf32>
  } : tensor<4xf32>
  %r1 = dl.all_reduce %y1 : (tensor<4xf32>) -> tensor<4xf32>
  %y2 = dl.fused {
    %0 = dl.exp %y1 : (tensor<4xf32>) -> tensor<4xf32>
    dl.yield %0 : tensor<4xf32>
  } : tensor<4xf32>
  %r2 = dl.all_reduce %y2 : (tensor<4xf32>) -> tensor<4xf32>
  %y3 = dl.fused {
    %0 = dl.exp %y2 : (tensor<4xf32>) -> tensor<4xf32>
    dl.yield %0 : tensor<4xf32>
  } : tensor<4xf32>
  %r3 = dl.all_reduce %y3 : (tensor<4xf32>) -> tensor<4xf32>
  %y4 = dl.fused {
    %0 = dl.exp %y3 : (tensor<4xf32>) -> tensor<4xf32>
    dl.yield %0 : tensor<4xf32>
  } : tensor<4xf32>
  %r4 = dl.all_reduce %y4 : (tensor<4xf32>) -> tensor<4xf32>
  %y5 = dl.fused {
    %0 = dl.exp %y4 : (tensor<4xf32>) -> tensor<4xf32>
    dl.yield %0 : tensor<4xf32>
  } : tensor<4xf32>
  %r5 = dl.all_reduce %y5 : (tensor<4xf32>) -> tensor<4xf32>
  %y6 = dl.fused {
    %0 = dl.exp %y5 : (tensor<4xf32>) -> tensor<4xf32>
    dl.yield %0 : tensor<4xf32>
  } : tensor<4xf32>
  %r6 = dl.all_reduce %y6 : (tensor<4xf32>) -> tensor<4xf32>
  %f = dl.fused {
    %0 = dl.abs %s : (tensor<f32>) -> tensor<f32>
    dl.yield %0 : tensor<f32>
  } : tensor<f32>
  %u1 = dl.fused {
    %0 = dl.mul %r1, %f : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    dl.yield %0 : tensor<4xf32>
  } : tensor<4xf32>
  %u2 = dl.fused {
    %0 = dl.mul %r2, %f : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    dl.yield %0 : tensor<4xf32>
  } : tensor<4xf32>
  %u3 = dl.fused {
    %0 = dl.mul %r3, %f : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    dl.yield %0 : tensor<4xf32>
  } : tensor<4xf32>
  %u4 = dl.fused {
    %0 = dl.mul %r4, %f : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    dl.yield %0 : tensor<4xf32>
  } : tensor<4xf32>
  %u5 = dl.fused {
    %0 = dl.mul %r5, %f : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    dl.yield %0 : tensor<4xf32>
  } : tensor<4xf32>
  %u6 = dl.fused {
    %0 = dl.mul %r6, %f : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    dl.yield %0 : tensor<4xf32>
  } : tensor<4xf32>
  return %u1, %u2, %u3, %u4, %u5, %u6 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}
