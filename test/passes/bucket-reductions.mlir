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
