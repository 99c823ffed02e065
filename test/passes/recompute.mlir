// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt %s -dl-recompute -split-input-file | FileCheck %s

// A product stores what is before the activation, and what the next product reads;
// the gradient of the activation computes the rest again.

// CHECK-LABEL: func.func @step
// CHECK: %[[FORWARD:.*]]:2 = dl.fused {
// CHECK: %[[PRODUCT:.*]] = dl.matmul
// CHECK: %[[TANH:.*]] = dl.tanh %[[PRODUCT]]
// CHECK: dl.yield %[[PRODUCT]], %[[TANH]]
// CHECK: dl.fused {
// CHECK: dl.matmul %[[FORWARD]]#1,
// CHECK: dl.fused {
// CHECK: %[[HALF:.*]] = dl.mul %[[FORWARD]]#0, %
// CHECK: %[[SQUARE:.*]] = dl.mul %[[HALF]], %[[HALF]]
// CHECK: %[[GRADIENT:.*]] = dl.matmul
// CHECK: dl.mul %[[GRADIENT]], %[[SQUARE]]
func.func @step(%x: tensor<256x256xf32>, %w: tensor<256x256xf32>, %g: tensor<256x256xf32>) -> (tensor<256x256xf32>, tensor<256x256xf32>) attributes {dl.input_names = ["x", "w", "g"], dl.output_names = ["y", "z"], dl.state_arguments = array<i64>, dl.state_results = array<i64>} {
  %c = dl.constant dense<0.5> : tensor<f32>
  %0:4 = dl.fused {
    %a = dl.matmul %x, %w : (tensor<256x256xf32>, tensor<256x256xf32>) -> tensor<256x256xf32>
    %b = dl.mul %a, %c : (tensor<256x256xf32>, tensor<f32>) -> tensor<256x256xf32>
    %s = dl.mul %b, %b : (tensor<256x256xf32>, tensor<256x256xf32>) -> tensor<256x256xf32>
    %t = dl.tanh %a : (tensor<256x256xf32>) -> tensor<256x256xf32>
    dl.yield %a, %b, %s, %t : tensor<256x256xf32>, tensor<256x256xf32>, tensor<256x256xf32>, tensor<256x256xf32>
  } : tensor<256x256xf32>, tensor<256x256xf32>, tensor<256x256xf32>, tensor<256x256xf32>
  %1 = dl.fused {
    %a = dl.matmul %0#3, %w : (tensor<256x256xf32>, tensor<256x256xf32>) -> tensor<256x256xf32>
    dl.yield %a : tensor<256x256xf32>
  } : tensor<256x256xf32>
  %2 = dl.fused {
    %a = dl.matmul %g, %w : (tensor<256x256xf32>, tensor<256x256xf32>) -> tensor<256x256xf32>
    %b = dl.mul %a, %0#2 : (tensor<256x256xf32>, tensor<256x256xf32>) -> tensor<256x256xf32>
    %d = dl.add %b, %0#0 : (tensor<256x256xf32>, tensor<256x256xf32>) -> tensor<256x256xf32>
    dl.yield %d : tensor<256x256xf32>
  } : tensor<256x256xf32>
  return %1, %2 : tensor<256x256xf32>, tensor<256x256xf32>
}

// -----

// What a product reads is stored, and what is small; a function that infers stays as
// it is.

// CHECK-LABEL: func.func @step
// CHECK: %[[STORED:.*]]:2 = dl.fused
// CHECK: dl.matmul %[[STORED]]#0, %
// CHECK: dl.neg %[[STORED]]#1
func.func @step(%x: tensor<256x256xf32>, %y: tensor<16xf32>) -> (tensor<256x256xf32>, tensor<16xf32>) attributes {dl.input_names = ["x", "y"], dl.output_names = ["z", "n"], dl.state_arguments = array<i64>, dl.state_results = array<i64>} {
  %0:2 = dl.fused {
    %a = dl.neg %x : (tensor<256x256xf32>) -> tensor<256x256xf32>
    %b = dl.neg %y : (tensor<16xf32>) -> tensor<16xf32>
    dl.yield %a, %b : tensor<256x256xf32>, tensor<16xf32>
  } : tensor<256x256xf32>, tensor<16xf32>
  %1 = dl.fused {
    %a = dl.matmul %0#0, %x : (tensor<256x256xf32>, tensor<256x256xf32>) -> tensor<256x256xf32>
    dl.yield %a : tensor<256x256xf32>
  } : tensor<256x256xf32>
  %2 = dl.fused {
    %a = dl.neg %0#1 : (tensor<16xf32>) -> tensor<16xf32>
    dl.yield %a : tensor<16xf32>
  } : tensor<16xf32>
  return %1, %2 : tensor<256x256xf32>, tensor<16xf32>
}

// CHECK-LABEL: func.func @main
// CHECK: %[[BOTH:.*]]:2 = dl.fused
// CHECK: dl.abs %[[BOTH]]#1
func.func @main(%x: tensor<256x256xf32>) -> (tensor<256x256xf32>, tensor<256x256xf32>) attributes {dl.input_names = ["x"], dl.output_names = ["y", "z"]} {
  %0:2 = dl.fused {
    %a = dl.neg %x : (tensor<256x256xf32>) -> tensor<256x256xf32>
    %b = dl.neg %a : (tensor<256x256xf32>) -> tensor<256x256xf32>
    dl.yield %a, %b : tensor<256x256xf32>, tensor<256x256xf32>
  } : tensor<256x256xf32>, tensor<256x256xf32>
  %1 = dl.fused {
    %a = dl.abs %0#1 : (tensor<256x256xf32>) -> tensor<256x256xf32>
    dl.yield %a : tensor<256x256xf32>
  } : tensor<256x256xf32>
  return %0#0, %1 : tensor<256x256xf32>, tensor<256x256xf32>
}
