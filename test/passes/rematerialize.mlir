// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt %s --pass-pipeline="builtin.module(func.func(dl-rematerialize{budget=600000}))" | FileCheck %s
// RUN: dl-opt %s --pass-pipeline="builtin.module(func.func(dl-rematerialize{budget=800000}))" | FileCheck %s --check-prefixes=ENOUGH,SEGMENT
// RUN: dl-opt %s --pass-pipeline="builtin.module(func.func(dl-rematerialize{slack=0.03}))" | FileCheck %s --check-prefix=SLACK
// RUN: dl-opt %s --pass-pipeline="builtin.module(func.func(dl-rematerialize{slack=0.01}))" | FileCheck %s --check-prefix=ENOUGH

// Three results of 262144 bytes are there when the third is made: the first is computed
// again, from an argument, for the last kernel.

// CHECK-LABEL: func.func @step
// CHECK-SAME: dl.recomputed = 1
// CHECK: dl.exp
// CHECK: dl.matmul
// CHECK: dl.matmul
// CHECK: %[[AGAIN:.*]] = dl.fused
// CHECK-NEXT: dl.exp %arg0
// CHECK: %[[TURNED:.*]] = dl.reshape %[[AGAIN]]
// CHECK: dl.matmul %{{.*}}, %[[TURNED]]

// Without a budget, it is as far as its time, some 2 % of the step's, is allowed.

// SLACK-LABEL: func.func @step
// SLACK-SAME: dl.recomputed = 1
// SLACK-COUNT-2: dl.exp
// SLACK: return

// ENOUGH-LABEL: func.func @step
// ENOUGH-COUNT-1: dl.exp
// ENOUGH-NOT: dl.exp
// ENOUGH: return

func.func @step(%x: tensor<256x256xf32>, %w: tensor<256x256xf32>) -> tensor<256x256xf32> attributes {dl.state_arguments = array<i64: 0>, dl.state_results = array<i64: 0>} {
  %0 = dl.fused {
    %a = dl.exp %x : (tensor<256x256xf32>) -> tensor<256x256xf32>
    dl.yield %a : tensor<256x256xf32>
  } : tensor<256x256xf32>
  %r = dl.reshape %0 : (tensor<256x256xf32>) -> tensor<256x256xf32>
  %1 = dl.fused {
    %a = dl.matmul %r, %w : (tensor<256x256xf32>, tensor<256x256xf32>) -> tensor<256x256xf32>
    dl.yield %a : tensor<256x256xf32>
  } : tensor<256x256xf32>
  %2 = dl.fused {
    %a = dl.matmul %1, %1 : (tensor<256x256xf32>, tensor<256x256xf32>) -> tensor<256x256xf32>
    dl.yield %a : tensor<256x256xf32>
  } : tensor<256x256xf32>
  %3 = dl.fused {
    %a = dl.matmul %2, %r : (tensor<256x256xf32>, tensor<256x256xf32>) -> tensor<256x256xf32>
    dl.yield %a : tensor<256x256xf32>
  } : tensor<256x256xf32>
  return %3 : tensor<256x256xf32>
}

// Where a result is made from one that is not there any more, that is made again, too: a
// product and what it reads.

// SEGMENT-LABEL: func.func @segment
// SEGMENT-SAME: dl.recomputed = 2
// SEGMENT-COUNT-2: dl.matmul %{{.*}}, %arg1
// SEGMENT-COUNT-3: dl.matmul
// SEGMENT: %[[H:.*]] = dl.fused
// SEGMENT-NEXT: dl.matmul %arg0, %arg1
// SEGMENT: %[[G:.*]] = dl.fused
// SEGMENT-NEXT: dl.matmul %[[H]], %arg1
// SEGMENT: dl.matmul %{{.*}}, %[[G]]

func.func @segment(%x: tensor<256x256xf32>, %w: tensor<256x256xf32>) -> tensor<256x256xf32> attributes {dl.state_arguments = array<i64: 0>, dl.state_results = array<i64: 0>} {
  %0 = dl.fused {
    %a = dl.matmul %x, %w : (tensor<256x256xf32>, tensor<256x256xf32>) -> tensor<256x256xf32>
    dl.yield %a : tensor<256x256xf32>
  } : tensor<256x256xf32>
  %1 = dl.fused {
    %a = dl.matmul %0, %w : (tensor<256x256xf32>, tensor<256x256xf32>) -> tensor<256x256xf32>
    dl.yield %a : tensor<256x256xf32>
  } : tensor<256x256xf32>
  %2 = dl.fused {
    %a = dl.matmul %1, %1 : (tensor<256x256xf32>, tensor<256x256xf32>) -> tensor<256x256xf32>
    dl.yield %a : tensor<256x256xf32>
  } : tensor<256x256xf32>
  %3 = dl.fused {
    %a = dl.matmul %1, %2 : (tensor<256x256xf32>, tensor<256x256xf32>) -> tensor<256x256xf32>
    dl.yield %a : tensor<256x256xf32>
  } : tensor<256x256xf32>
  %4 = dl.fused {
    %a = dl.matmul %2, %3 : (tensor<256x256xf32>, tensor<256x256xf32>) -> tensor<256x256xf32>
    dl.yield %a : tensor<256x256xf32>
  } : tensor<256x256xf32>
  %5 = dl.fused {
    %a = dl.matmul %4, %1 : (tensor<256x256xf32>, tensor<256x256xf32>) -> tensor<256x256xf32>
    dl.yield %a : tensor<256x256xf32>
  } : tensor<256x256xf32>
  return %5 : tensor<256x256xf32>
}

// Of a kernel of which other results are kept anyway, the elementwise part alone runs
// again: the rectified product is computed from the product, not by another product.

// PART-LABEL: func.func @part
// PART-SAME: dl.recomputed = 1
// PART: %[[KEPT:.*]]:2 = dl.fused
// PART: dl.matmul %arg0, %arg1
// PART-COUNT-4: = dl.fused
// PART: %[[AGAIN:.*]] = dl.fused
// PART-NEXT: %[[SUM:.*]] = dl.add %[[KEPT]]#0, %arg1
// PART-NEXT: %[[MOST:.*]] = dl.max %[[SUM]]
// PART-NEXT: dl.yield %[[MOST]]
// PART: dl.matmul %{{.*}}, %[[AGAIN]]
// PART: dl.matmul %{{.*}}, %[[KEPT]]#0

// RUN: dl-opt %s --pass-pipeline="builtin.module(func.func(dl-rematerialize{budget=1100000}))" | FileCheck %s --check-prefix=PART

func.func @part(%x: tensor<256x256xf32>, %w: tensor<256x256xf32>) -> tensor<256x256xf32> attributes {dl.state_arguments = array<i64: 0>, dl.state_results = array<i64: 0>} {
  %0:2 = dl.fused {
    %a = dl.matmul %x, %w : (tensor<256x256xf32>, tensor<256x256xf32>) -> tensor<256x256xf32>
    %s = dl.add %a, %w : (tensor<256x256xf32>, tensor<256x256xf32>) -> tensor<256x256xf32>
    %m = dl.max %s, %w : (tensor<256x256xf32>, tensor<256x256xf32>) -> tensor<256x256xf32>
    dl.yield %a, %m : tensor<256x256xf32>, tensor<256x256xf32>
  } : tensor<256x256xf32>, tensor<256x256xf32>
  %1 = dl.fused {
    %a = dl.matmul %0#1, %w : (tensor<256x256xf32>, tensor<256x256xf32>) -> tensor<256x256xf32>
    dl.yield %a : tensor<256x256xf32>
  } : tensor<256x256xf32>
  %b = dl.fused {
    %a = dl.matmul %1, %1 : (tensor<256x256xf32>, tensor<256x256xf32>) -> tensor<256x256xf32>
    dl.yield %a : tensor<256x256xf32>
  } : tensor<256x256xf32>
  %2 = dl.fused {
    %a = dl.matmul %1, %b : (tensor<256x256xf32>, tensor<256x256xf32>) -> tensor<256x256xf32>
    dl.yield %a : tensor<256x256xf32>
  } : tensor<256x256xf32>
  %3 = dl.fused {
    %a = dl.matmul %2, %2 : (tensor<256x256xf32>, tensor<256x256xf32>) -> tensor<256x256xf32>
    dl.yield %a : tensor<256x256xf32>
  } : tensor<256x256xf32>
  %4 = dl.fused {
    %a = dl.matmul %3, %0#1 : (tensor<256x256xf32>, tensor<256x256xf32>) -> tensor<256x256xf32>
    dl.yield %a : tensor<256x256xf32>
  } : tensor<256x256xf32>
  %5 = dl.fused {
    %a = dl.matmul %4, %0#0 : (tensor<256x256xf32>, tensor<256x256xf32>) -> tensor<256x256xf32>
    dl.yield %a : tensor<256x256xf32>
  } : tensor<256x256xf32>
  return %5 : tensor<256x256xf32>
}
