// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --run-reference %s -o /dev/null | FileCheck %s

// Element k of the filter sums x[2 o + k - 1] * g[o].
// CHECK{LITERAL}: filter: dense<[[[2.600000e+01, 1.400000e+01, 2.800000e+01]]]> : tensor<1x1x3xf32>
func.func @filter() -> tensor<1x1x3xf32> {
  %x = dl.constant dense<[[[1.0, 2.0, 3.0, 4.0, 5.0]]]> : tensor<1x1x5xf32>
  %g = dl.constant dense<[[[1.0, 1.0, 2.0]]]> : tensor<1x1x3xf32>
  %r = dl.conv_filter_gradient %x, %g {strides = array<i64: 2>, pads_low = array<i64: 1>, dilations = array<i64: 1>} : (tensor<1x1x5xf32>, tensor<1x1x3xf32>) -> tensor<1x1x3xf32>
  %s = dl.constant dense<[[[16.0, 0.0, 22.0]]]> : tensor<1x1x3xf32>
  %t = dl.add %r, %s : (tensor<1x1x3xf32>, tensor<1x1x3xf32>) -> tensor<1x1x3xf32>
  return %t : tensor<1x1x3xf32>
}

// Two images, two groups of a channel each.
// CHECK{LITERAL}: groups: dense<[[[3.000000e+00]], [[1.000000e+01]]]> : tensor<2x1x1xf32>
func.func @groups() -> tensor<2x1x1xf32> {
  %x = dl.constant dense<[[[1.0], [2.0]], [[2.0], [4.0]]]> : tensor<2x2x1xf32>
  %g = dl.constant dense<[[[1.0], [1.0]], [[1.0], [2.0]]]> : tensor<2x2x1xf32>
  %r = dl.conv_filter_gradient %x, %g {strides = array<i64: 1>, pads_low = array<i64: 0>, dilations = array<i64: 1>, groups = 2 : i64} : (tensor<2x2x1xf32>, tensor<2x2x1xf32>) -> tensor<2x1x1xf32>
  return %r : tensor<2x1x1xf32>
}

// Of equal elements the first one; two windows may meet at one.
// CHECK{LITERAL}: largest: dense<[0.000000e+00, 3.000000e+00, 0.000000e+00, 4.000000e+00, 0.000000e+00]> : tensor<5xf32>
func.func @largest() -> tensor<5xf32> {
  %x = dl.constant dense<[1.0, 2.0, 2.0, 9.0, 8.0]> : tensor<5xf32>
  %u = dl.constant dense<[1.0, 2.0, 3.0, 1.0]> : tensor<4xf32>
  %r = dl.window_scatter max, %x, %u {window = array<i64: 2>, strides = array<i64: 1>, dilations = array<i64: 1>} : (tensor<5xf32>, tensor<4xf32>) -> tensor<5xf32>
  return %r : tensor<5xf32>
}

// CHECK{LITERAL}: smallest: dense<[[5.000000e+00, 0.000000e+00], [0.000000e+00, 7.000000e+00]]> : tensor<2x2xf32>
func.func @smallest() -> tensor<2x2xf32> {
  %x = dl.constant dense<[[1.0, 2.0], [8.0, 0x7FC00000]]> : tensor<2x2xf32>
  %u = dl.constant dense<[[5.0], [7.0]]> : tensor<2x1xf32>
  %r = dl.window_scatter min, %x, %u {window = array<i64: 2>, strides = array<i64: 1>, dilations = array<i64: 1>} : (tensor<2x2xf32>, tensor<2x1xf32>) -> tensor<2x2xf32>
  return %r : tensor<2x2xf32>
}
