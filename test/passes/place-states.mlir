// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --split-input-file --dl-place-states %s | FileCheck %s

// A filter lies as it is read, and its momentum, too; the update is computed so.

// CHECK-LABEL: func.func @step
// CHECK-SAME: %[[W:[a-z0-9]*]]: tensor<3x4x8xf32>, %[[B:[a-z0-9]*]]: tensor<8xf32>, %[[M:[a-z0-9]*]]: tensor<3x4x8xf32>
// CHECK: %[[G:.*]] = dl.conv_filter_gradient
// CHECK: %[[N:.*]] = dl.add %[[M]], %[[G]] : (tensor<3x4x8xf32>, tensor<3x4x8xf32>)
// CHECK: %[[V:.*]] = dl.sub %[[W]], %[[N]] : (tensor<3x4x8xf32>, tensor<3x4x8xf32>)
// CHECK: return %{{.*}}, %[[V]], %[[N]] :
// CHECK: func.func private @states() -> (tensor<3x4x8xf32>, tensor<8xf32>, tensor<3x4x8xf32>)
// CHECK-SAME: {name = "w", order = array<i64: 2, 1, 0>, role = "parameter"}, {name = "b", role = "parameter"}, {name = "w.momentum", order = array<i64: 2, 1, 0>, parameter = 0 : i64, role = "slot"}

func.func @step(%x: tensor<2x9x4xf32>, %w: tensor<8x4x3xf32>, %b: tensor<8xf32>, %m: tensor<8x4x3xf32>) -> (tensor<2x7x8xf32>, tensor<8x4x3xf32>, tensor<8x4x3xf32>) attributes {dl.state_arguments = array<i64: 0, 1, 2>, dl.state_results = array<i64: 0, 2>} {
  %0 = dl.transpose %w {permutation = array<i64: 2, 1, 0>} : (tensor<8x4x3xf32>) -> tensor<3x4x8xf32>
  %1 = dl.conv %x, %0 {channels_last = true, strides = array<i64: 1>, pads_low = array<i64: 0>, pads_high = array<i64: 0>, dilations = array<i64: 1>} : (tensor<2x9x4xf32>, tensor<3x4x8xf32>) -> tensor<2x7x8xf32>
  %2 = dl.add %1, %b : (tensor<2x7x8xf32>, tensor<8xf32>) -> tensor<2x7x8xf32>
  %3 = dl.conv_filter_gradient %x, %2 {channels_last = true, strides = array<i64: 1>, pads_low = array<i64: 0>, dilations = array<i64: 1>} : (tensor<2x9x4xf32>, tensor<2x7x8xf32>) -> tensor<3x4x8xf32>
  %4 = dl.transpose %3 {permutation = array<i64: 2, 1, 0>} : (tensor<3x4x8xf32>) -> tensor<8x4x3xf32>
  %5 = dl.add %m, %4 : (tensor<8x4x3xf32>, tensor<8x4x3xf32>) -> tensor<8x4x3xf32>
  %6 = dl.sub %w, %5 : (tensor<8x4x3xf32>, tensor<8x4x3xf32>) -> tensor<8x4x3xf32>
  return %2, %6, %5 : tensor<2x7x8xf32>, tensor<8x4x3xf32>, tensor<8x4x3xf32>
}
func.func private @states() -> (tensor<8x4x3xf32>, tensor<8xf32>, tensor<8x4x3xf32>) attributes {dl.states = [{name = "w", role = "parameter"}, {name = "b", role = "parameter"}, {name = "w.momentum", parameter = 0 : i64, role = "slot"}]} {
  %0 = dl.constant dense<1.0> : tensor<8x4x3xf32>
  %1 = dl.constant dense<0.0> : tensor<8xf32>
  %2 = dl.constant dense<0.0> : tensor<8x4x3xf32>
  return %0, %1, %2 : tensor<8x4x3xf32>, tensor<8xf32>, tensor<8x4x3xf32>
}

// -----

// The mean over all ranks is one of elements, in whatever order they lie.

// CHECK-LABEL: func.func @ranks
// CHECK: %[[G:.*]] = dl.conv_filter_gradient
// CHECK: %[[R:.*]] = dl.all_reduce %[[G]] : (tensor<3x4x8xf32>) -> tensor<3x4x8xf32>
// CHECK: %[[V:.*]] = dl.sub %{{.*}}, %[[R]] : (tensor<3x4x8xf32>, tensor<3x4x8xf32>)
// CHECK: return %{{.*}}, %[[V]] :

func.func @ranks(%x: tensor<2x9x4xf32>, %w: tensor<8x4x3xf32>) -> (tensor<2x7x8xf32>, tensor<8x4x3xf32>) attributes {dl.state_arguments = array<i64: 0>, dl.state_results = array<i64: 0>} {
  %0 = dl.transpose %w {permutation = array<i64: 2, 1, 0>} : (tensor<8x4x3xf32>) -> tensor<3x4x8xf32>
  %1 = dl.conv %x, %0 {channels_last = true, strides = array<i64: 1>, pads_low = array<i64: 0>, pads_high = array<i64: 0>, dilations = array<i64: 1>} : (tensor<2x9x4xf32>, tensor<3x4x8xf32>) -> tensor<2x7x8xf32>
  %3 = dl.conv_filter_gradient %x, %1 {channels_last = true, strides = array<i64: 1>, pads_low = array<i64: 0>, dilations = array<i64: 1>} : (tensor<2x9x4xf32>, tensor<2x7x8xf32>) -> tensor<3x4x8xf32>
  %4 = dl.transpose %3 {permutation = array<i64: 2, 1, 0>} : (tensor<3x4x8xf32>) -> tensor<8x4x3xf32>
  %5 = dl.all_reduce %4 : (tensor<8x4x3xf32>) -> tensor<8x4x3xf32>
  %6 = dl.sub %w, %5 : (tensor<8x4x3xf32>, tensor<8x4x3xf32>) -> tensor<8x4x3xf32>
  return %1, %6 : tensor<2x7x8xf32>, tensor<8x4x3xf32>
}
func.func private @states() -> tensor<8x4x3xf32> attributes {dl.states = [{name = "w", role = "parameter"}]} {
  %0 = dl.constant dense<1.0> : tensor<8x4x3xf32>
  return %0 : tensor<8x4x3xf32>
}

// -----

// What a scan adds gradients up in lies as they come; it has the parameter in the other
// order for itself.

// CHECK-LABEL: func.func @parts
// CHECK-SAME: %[[W:[a-z0-9]*]]: tensor<3x4x8xf32>
// CHECK: %[[SUM:.*]] = dl.scan states(%{{.*}}) inputs(%{{.*}}) {
// CHECK: ^bb0(%[[S:.*]]: tensor<3x4x8xf32>, %[[X:.*]]: tensor<2x9x4xf32>):
// CHECK: dl.transpose %[[W]] {{.*}} -> tensor<8x4x3xf32>
// CHECK: %[[G:.*]] = dl.conv_filter_gradient
// CHECK: %[[N:.*]] = dl.add %[[S]], %[[G]] : (tensor<3x4x8xf32>, tensor<3x4x8xf32>)
// CHECK: dl.yield %[[N]] : tensor<3x4x8xf32>
// CHECK: %[[V:.*]] = dl.sub %[[W]], %[[SUM]] : (tensor<3x4x8xf32>, tensor<3x4x8xf32>)
// CHECK: return %[[V]] : tensor<3x4x8xf32>

func.func @parts(%x: tensor<5x2x9x4xf32>, %w: tensor<8x4x3xf32>) -> tensor<8x4x3xf32> attributes {dl.state_arguments = array<i64: 0>, dl.state_results = array<i64: 0>} {
  %zero = dl.constant dense<0.0> : tensor<8x4x3xf32>
  %sum = dl.scan states(%zero) inputs(%x) {
  ^bb0(%s: tensor<8x4x3xf32>, %part: tensor<2x9x4xf32>):
    %0 = dl.transpose %w {permutation = array<i64: 2, 1, 0>} : (tensor<8x4x3xf32>) -> tensor<3x4x8xf32>
    %1 = dl.conv %part, %0 {channels_last = true, strides = array<i64: 1>, pads_low = array<i64: 0>, pads_high = array<i64: 0>, dilations = array<i64: 1>} : (tensor<2x9x4xf32>, tensor<3x4x8xf32>) -> tensor<2x7x8xf32>
    %2 = dl.conv_filter_gradient %part, %1 {channels_last = true, strides = array<i64: 1>, pads_low = array<i64: 0>, dilations = array<i64: 1>} : (tensor<2x9x4xf32>, tensor<2x7x8xf32>) -> tensor<3x4x8xf32>
    %3 = dl.transpose %2 {permutation = array<i64: 2, 1, 0>} : (tensor<3x4x8xf32>) -> tensor<8x4x3xf32>
    %4 = dl.add %s, %3 : (tensor<8x4x3xf32>, tensor<8x4x3xf32>) -> tensor<8x4x3xf32>
    dl.yield %4 : tensor<8x4x3xf32>
  } : (tensor<8x4x3xf32>, tensor<5x2x9x4xf32>) -> tensor<8x4x3xf32>
  %5 = dl.sub %w, %sum : (tensor<8x4x3xf32>, tensor<8x4x3xf32>) -> tensor<8x4x3xf32>
  return %5 : tensor<8x4x3xf32>
}
func.func private @states() -> tensor<8x4x3xf32> attributes {dl.states = [{name = "w", role = "parameter"}]} {
  %0 = dl.constant dense<1.0> : tensor<8x4x3xf32>
  return %0 : tensor<8x4x3xf32>
}
