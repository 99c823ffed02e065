// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-fuse %s | FileCheck %s

// What computes a size stands before the op that binds it, what uses the size behind
// it, in another group, though both could be one kernel; so does what reads the size
// as a value.

// CHECK-LABEL: func.func @bind
// CHECK: %[[N:.*]] = dl.fused {
// CHECK-NEXT: dl.mul
// CHECK-NEXT: dl.yield
// CHECK: dl.bind %[[N]]
// CHECK: dl.fused {
// CHECK-NEXT: dl.abs
// CHECK-NEXT: dl.add
// CHECK: dl.fused {
// CHECK-NEXT: dl.broadcast
func.func @bind(%n: tensor<1xi64>) -> (tensor<1xi64>, tensor<1xi64>, tensor<?xf32, #dl.dims<()[s0] -> (s0)>>) attributes {dl.symbols = ["n"]} {
  %size = dl.sizes <()[s0] -> (s0)> : tensor<1xi64>
  %f = dl.constant dense<1.0> : tensor<f32>
  %0 = dl.mul %n, %n : (tensor<1xi64>, tensor<1xi64>) -> tensor<1xi64>
  dl.bind %0 {symbols = array<i64: 0>, message = ""} : tensor<1xi64>
  %1 = dl.abs %0 : (tensor<1xi64>) -> tensor<1xi64>
  %2 = dl.add %1, %size : (tensor<1xi64>, tensor<1xi64>) -> tensor<1xi64>
  %3 = dl.broadcast %f : (tensor<f32>) -> tensor<?xf32, #dl.dims<()[s0] -> (s0)>>
  return %1, %2, %3 : tensor<1xi64>, tensor<1xi64>, tensor<?xf32, #dl.dims<()[s0] -> (s0)>>
}

// Sizes that are results are stored by a kernel.

// CHECK-LABEL: func.func @sizes
// CHECK: %[[F:.*]] = dl.fused {
// CHECK: dl.cast
// CHECK: dl.yield
// CHECK: return %[[F]]
func.func @sizes(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0)>>) -> tensor<2xi64> attributes {dl.symbols = ["n"]} {
  %0 = dl.sizes <()[s0] -> (s0, s0 + 1)> : tensor<2xi64>
  return %0 : tensor<2xi64>
}
