// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the verifiers of gradients refuse.

// RUN: dl-opt %s --split-input-file --verify-diagnostics

func.func @gradient(%y: tensor<f32>, %x: tensor<4xf32>) {
  // expected-error @+1 {{(C1) expected results of the variables' types 'tensor<4xf32>', found 'tensor<3xf32>'}}
  %0 = dl.gradient %y by %x : (tensor<f32>, tensor<4xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @gradient_2(%y: tensor<f32>, %x: tensor<4xi64>) {
  // expected-error @+1 {{(C2) expected variables of floats, found 'tensor<4xi64>'}}
  %0 = dl.gradient %y by %x : (tensor<f32>, tensor<4xi64>) -> tensor<4xi64>
  return
}

// -----

func.func @filter(%x: tensor<2x3x8xf32>, %g: tensor<2x8xf32>) {
  // expected-error @+1 {{(C1) expected one rank of 3 or more, found 'tensor<2x3x8xf32>', 'tensor<2x8xf32>' and 'tensor<4x3x3xf32>'}}
  %0 = dl.conv_filter_gradient %x, %g {strides = array<i64: 1>, pads_low = array<i64: 0>, dilations = array<i64: 1>} : (tensor<2x3x8xf32>, tensor<2x8xf32>) -> tensor<4x3x3xf32>
  return
}

// -----

func.func @filter_2(%x: tensor<2x3x8xf32>, %g: tensor<2x4x6xf64>) {
  // expected-error @+1 {{(C2) expected one element type, or results of f32 and narrower operands, found 'tensor<2x3x8xf32>', 'tensor<2x4x6xf64>' and 'tensor<4x3x3xf32>'}}
  %0 = dl.conv_filter_gradient %x, %g {strides = array<i64: 1>, pads_low = array<i64: 0>, dilations = array<i64: 1>} : (tensor<2x3x8xf32>, tensor<2x4x6xf64>) -> tensor<4x3x3xf32>
  return
}

// -----

func.func @filter_3(%x: tensor<2x3x8xf32>, %g: tensor<2x4x6xf32>) {
  // expected-error @+1 {{(C3) expected pads_low}}
  %0 = dl.conv_filter_gradient %x, %g {strides = array<i64: 1>, pads_low = array<i64: -1>, dilations = array<i64: 1>} : (tensor<2x3x8xf32>, tensor<2x4x6xf32>) -> tensor<4x3x3xf32>
  return
}

// -----

func.func @filter_4(%x: tensor<2x3x8xf32>, %g: tensor<2x4x6xf32>) {
  // expected-error @+1 {{(C4) expected groups to be positive and to divide the channels of 'tensor<2x4x6xf32>', found 3}}
  %0 = dl.conv_filter_gradient %x, %g {strides = array<i64: 1>, pads_low = array<i64: 0>, dilations = array<i64: 1>, groups = 3 : i64} : (tensor<2x3x8xf32>, tensor<2x4x6xf32>) -> tensor<4x1x3xf32>
  return
}

// -----

func.func @filter_5(%x: tensor<2x3x8xf32>, %g: tensor<2x4x6xf32>) {
  // expected-error @+1 {{(C5) expected the channels of 'tensor<2x3x8xf32>' and 'tensor<2x4x6xf32>' to fit the filter and 1 groups, found 'tensor<5x3x3xf32>'}}
  %0 = dl.conv_filter_gradient %x, %g {strides = array<i64: 1>, pads_low = array<i64: 0>, dilations = array<i64: 1>} : (tensor<2x3x8xf32>, tensor<2x4x6xf32>) -> tensor<5x3x3xf32>
  return
}

// -----

func.func @filter_6(%x: tensor<2x3x8xf32>, %g: tensor<3x4x6xf32>) {
  // expected-error @+1 {{(C6) expected as many images, found 'tensor<2x3x8xf32>' and 'tensor<3x4x6xf32>'}}
  %0 = dl.conv_filter_gradient %x, %g {strides = array<i64: 1>, pads_low = array<i64: 0>, dilations = array<i64: 1>} : (tensor<2x3x8xf32>, tensor<3x4x6xf32>) -> tensor<4x3x3xf32>
  return
}

// -----

func.func @scatter(%x: tensor<4xf32>, %u: tensor<3xf32>) {
  // expected-error @+1 {{(C1) expected max or min, found sum}}
  %0 = dl.window_scatter sum, %x, %u {window = array<i64: 2>, strides = array<i64: 1>, dilations = array<i64: 1>} : (tensor<4xf32>, tensor<3xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @scatter_2(%x: tensor<4xf32>, %u: tensor<3xf32>) {
  // expected-error @+1 {{(C2) expected a window of at most 1 dimensions, found [2, 2]}}
  %0 = dl.window_scatter max, %x, %u {window = array<i64: 2, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<4xf32>, tensor<3xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @scatter_3(%x: tensor<4xf32>, %u: tensor<4xf32>) {
  // expected-error @+1 {{(C3) expected an update for each window of 'tensor<4xf32>', found 'tensor<4xf32>'}}
  %0 = dl.window_scatter max, %x, %u {window = array<i64: 2>, strides = array<i64: 1>, dilations = array<i64: 1>} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @scatter_4(%x: tensor<4xf32>, %u: tensor<3xf32>) {
  // expected-error @+1 {{(C4) expected a result of type 'tensor<4xf32>', found 'tensor<5xf32>'}}
  %0 = dl.window_scatter max, %x, %u {window = array<i64: 2>, strides = array<i64: 1>, dilations = array<i64: 1>} : (tensor<4xf32>, tensor<3xf32>) -> tensor<5xf32>
  return
}
