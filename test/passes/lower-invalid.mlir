// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-lower -split-input-file -verify-diagnostics %s

func.func @join(%x: tensor<2x6xf32>) -> tensor<12xf32> {
  %0 = dl.fused {
    // expected-error @below {{has no kernel form: it joins dimensions}}
    %1 = dl.reshape %x : (tensor<2x6xf32>) -> tensor<12xf32>
    dl.yield %1 : tensor<12xf32>
  } : tensor<12xf32>
  return %0 : tensor<12xf32>
}

// -----

func.func @transposed(%x: tensor<1x4x8xf32>, %w: tensor<4x6x2xf32>) -> tensor<1x6x16xf32> {
  %0 = dl.fused {
    // expected-error @below {{has no kernel form}}
    %1 = dl.conv_transpose %x, %w {strides = array<i64: 2>, pads_low = array<i64: 0>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<1x4x8xf32>, tensor<4x6x2xf32>) -> tensor<1x6x16xf32>
    dl.yield %1 : tensor<1x6x16xf32>
  } : tensor<1x6x16xf32>
  return %0 : tensor<1x6x16xf32>
}

// -----

func.func @mixed(%x: tensor<9xf32>) -> tensor<3xf32> {
  %0 = dl.fused {
    // expected-error @below {{stands in a group with other ops}}
    %v, %i = dl.topk %x {axis = 0 : i64} : (tensor<9xf32>) -> (tensor<3xf32>, tensor<3xi64>)
    %1 = dl.exp %v : (tensor<3xf32>) -> tensor<3xf32>
    dl.yield %1 : tensor<3xf32>
  } : tensor<3xf32>
  return %0 : tensor<3xf32>
}
