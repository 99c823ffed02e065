// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-lower -split-input-file %s | FileCheck %s

// Slices, splits of dimensions, borders.

// CHECK: tensor.extract_slice %arg0[%arg1, 0] [3, 8] [1, 1]
// CHECK: tensor.expand_shape {{.*}} {{\[\[}}0], [1, 2]] output_shape [3, 2, 4]
// CHECK: tensor.pad {{.*}} low[0, 0, 1] high[0, 0, 2]
func.func @move(%x: tensor<?x8xf32, #dl.dims<()[s0] -> (s0 + 3, 8)>>) -> tensor<3x2x7xf32> attributes {dl.symbols = ["n"]} {
  %z = dl.constant dense<0.0> : tensor<f32>
  %0 = dl.fused {
    %1 = dl.slice %x {offsets = affine_map<()[s0] -> (s0, 0)>, strides = array<i64: 1, 1>} : (tensor<?x8xf32, #dl.dims<()[s0] -> (s0 + 3, 8)>>) -> tensor<3x8xf32>
    %2 = dl.reshape %1 : (tensor<3x8xf32>) -> tensor<3x2x4xf32>
    %3 = dl.pad constant, %2, %z {low = affine_map<() -> (0, 0, 1)>} : (tensor<3x2x4xf32>, tensor<f32>) -> tensor<3x2x7xf32>
    dl.yield %3 : tensor<3x2x7xf32>
  } : tensor<3x2x7xf32>
  return %0 : tensor<3x2x7xf32>
}

// -----

// A negative count cuts; a negative stride reads backwards.

// CHECK: #[[BACK:.*]] = affine_map<(d0) -> (d0 * -2 + 7)>
// CHECK: linalg.generic {indexing_maps = [#[[BACK]]
// CHECK: tensor.extract_slice {{.*}}[1] [3] [1]
// CHECK: tensor.pad {{.*}} low[0] high[1]
func.func @cut(%x: tensor<8xf32>) -> tensor<4xf32> {
  %z = dl.constant dense<0.0> : tensor<f32>
  %0 = dl.fused {
    %1 = dl.slice %x {offsets = affine_map<() -> (7)>, strides = array<i64: -2>} : (tensor<8xf32>) -> tensor<4xf32>
    %2 = dl.pad constant, %1, %z {low = affine_map<() -> (-1)>} : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    dl.yield %2 : tensor<4xf32>
  } : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// CHECK: %[[POS:.*]] = arith.minsi
// CHECK: tensor.extract %arg0
func.func @reflect(%x: tensor<8xf32>) -> tensor<12xf32> {
  %z = dl.constant dense<0.0> : tensor<f32>
  %0 = dl.fused {
    %1 = dl.pad reflect, %x, %z {low = affine_map<() -> (2)>} : (tensor<8xf32>, tensor<f32>) -> tensor<12xf32>
    dl.yield %1 : tensor<12xf32>
  } : tensor<12xf32>
  return %0 : tensor<12xf32>
}

// -----

// Pieces go into the destination one after the other.

// CHECK: %[[A:.*]] = tensor.insert_slice %arg0 into %arg2[0, 0] [2, 3] [1, 1]
// CHECK: %[[B:.*]] = tensor.insert_slice %arg1 into %[[A]][2, 0] [1, 3] [1, 1]
// CHECK: return %[[B]]
func.func @concat(%a: tensor<2x3xf32>, %b: tensor<1x3xf32>) -> tensor<3x3xf32> {
  %0 = dl.fused {
    %1 = dl.concat %a, %b {axis = 0 : i64} : (tensor<2x3xf32>, tensor<1x3xf32>) -> tensor<3x3xf32>
    dl.yield %1 : tensor<3x3xf32>
  } : tensor<3x3xf32>
  return %0 : tensor<3x3xf32>
}

// -----

// Nothing, taken from behind the end.

// CHECK: tensor.extract_slice %arg0[0] [0] [1]
func.func @nothing(%x: tensor<8xf32>) -> tensor<0xf32> {
  %0 = dl.fused {
    %1 = dl.slice %x {offsets = affine_map<() -> (8)>, strides = array<i64: 1>} : (tensor<8xf32>) -> tensor<0xf32>
    %2 = dl.exp %1 : (tensor<0xf32>) -> tensor<0xf32>
    dl.yield %2 : tensor<0xf32>
  } : tensor<0xf32>
  return %0 : tensor<0xf32>
}

// -----

// One position of a dimension is an index map.

// CHECK: #[[AT:.*]] = affine_map<(d0, d1) -> (2, d1)>
// CHECK-NOT: tensor.extract_slice
// CHECK: linalg.generic {indexing_maps = [#[[AT]]{{.*}} ins(%arg0
func.func @position(%x: tensor<4x8xf32>) -> tensor<1x8xf32> {
  %0 = dl.fused {
    %1 = dl.slice %x {offsets = affine_map<() -> (2, 0)>, strides = array<i64: 1, 1>} : (tensor<4x8xf32>) -> tensor<1x8xf32>
    %2 = dl.exp %1 : (tensor<1x8xf32>) -> tensor<1x8xf32>
    dl.yield %2 : tensor<1x8xf32>
  } : tensor<1x8xf32>
  return %0 : tensor<1x8xf32>
}

// -----

// Along other dimensions than the one that runs backwards, what a convolution's filter
// takes is cut out first, so that the window has its size.

// CHECK-DAG: #[[BACK:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (-d4 + 1, d5, 0, d3)>
// CHECK: tensor.extract_slice %arg0[0, 0, 0, 0] [2, 1, 1, 4] [1, 1, 1, 1]
// CHECK: linalg.generic {indexing_maps = [#{{[a-z0-9]*}}, #[[BACK]],
func.func @backward(%x: tensor<1x5x5x4xf32>, %w: tensor<2x2x1x4xf32>) -> tensor<1x4x5x4xf32> attributes {dl.symbols = []} {
  %0 = dl.fused {
    %1 = dl.slice %w {offsets = affine_map<() -> (1, 0, 0, 0)>, strides = array<i64: -1, 1, 1, 1>} : (tensor<2x2x1x4xf32>) -> tensor<2x1x1x4xf32>
    %2 = dl.conv %x, %1 {channels_last = true, dilations = array<i64: 1, 1>, groups = 4 : i64, pads_high = array<i64: 0, 0>, pads_low = array<i64: 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x5x5x4xf32>, tensor<2x1x1x4xf32>) -> tensor<1x4x5x4xf32>
    dl.yield %2 : tensor<1x4x5x4xf32>
  } : tensor<1x4x5x4xf32>
  return %0 : tensor<1x4x5x4xf32>
}

// -----

// What is repeated is read by a division.

// CHECK: affine_map<(d0, d1, d2) -> (d0 floordiv 4, 0, d1, d2)>
// CHECK-LABEL: func.func @repeated
// CHECK-NOT: tensor.collapse_shape
func.func @repeated(%k: tensor<2x1x6x5xf32>, %x: tensor<8x6x5xf32>) -> tensor<8x6x5xf32> {
  %0 = dl.fused {
    %b = dl.broadcast %k : (tensor<2x1x6x5xf32>) -> tensor<2x4x6x5xf32>
    %r = dl.reshape %b : (tensor<2x4x6x5xf32>) -> tensor<8x6x5xf32>
    %m = dl.add %r, %x : (tensor<8x6x5xf32>, tensor<8x6x5xf32>) -> tensor<8x6x5xf32>
    dl.yield %m : tensor<8x6x5xf32>
  } : tensor<8x6x5xf32>
  return %0 : tensor<8x6x5xf32>
}
