// RUN: dl-opt --run-reference %s -o /dev/null | FileCheck %s

// CHECK{LITERAL}: matmul: dense<[[9, 12, 15], [19, 26, 33]]> : tensor<2x3xi32>
func.func @matmul() -> tensor<2x3xi32> {
  %a = dl.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi32>
  %b = dl.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>
  %r = dl.matmul %a, %b : (tensor<2x2xi32>, tensor<2x3xi32>) -> tensor<2x3xi32>
  return %r : tensor<2x3xi32>
}

// CHECK{LITERAL}: matmul_batch: dense<[[[[3.000000e+00]], [[6.000000e+00]]], [[[5.000000e+00]], [[1.000000e+01]]]]> : tensor<2x2x1x1xf32>
func.func @matmul_batch() -> tensor<2x2x1x1xf32> {
  %a = dl.constant dense<[[[[1.0, 1.0]]], [[[1.0, 3.0]]]]> : tensor<2x1x1x2xf32>
  %b = dl.constant dense<[[[2.0], [1.0]], [[4.0], [2.0]]]> : tensor<2x2x1xf32>
  %r = dl.matmul %a, %b : (tensor<2x1x1x2xf32>, tensor<2x2x1xf32>) -> tensor<2x2x1x1xf32>
  return %r : tensor<2x2x1x1xf32>
}

// 257 is no bf16, but a sum of products of bf16; without `wide` it is rounded.
// CHECK{LITERAL}: matmul_wide: dense<2.570000e+02> : tensor<1x1xf32>
// CHECK{LITERAL}: matmul_wide: dense<2.560000e+02> : tensor<1x1xbf16>
func.func @matmul_wide() -> (tensor<1x1xf32>, tensor<1x1xbf16>) {
  %a = dl.constant dense<[[1.0, 16.0]]> : tensor<1x2xbf16>
  %b = dl.constant dense<[[1.0], [16.0]]> : tensor<2x1xbf16>
  %r = dl.matmul %a, %b {wide} : (tensor<1x2xbf16>, tensor<2x1xbf16>) -> tensor<1x1xf32>
  %s = dl.matmul %a, %b : (tensor<1x2xbf16>, tensor<2x1xbf16>) -> tensor<1x1xbf16>
  return %r, %s : tensor<1x1xf32>, tensor<1x1xbf16>
}

// CHECK{LITERAL}: conv_wide: dense<2.570000e+02> : tensor<1x1x1xf32>
func.func @conv_wide() -> tensor<1x1x1xf32> {
  %x = dl.constant dense<[[[1.0, 16.0]]]> : tensor<1x1x2xbf16>
  %w = dl.constant dense<[[[1.0, 16.0]]]> : tensor<1x1x2xbf16>
  %r = dl.conv %x, %w {wide, strides = array<i64: 1>, pads_low = array<i64: 0>, pads_high = array<i64: 0>, dilations = array<i64: 1>} : (tensor<1x1x2xbf16>, tensor<1x1x2xbf16>) -> tensor<1x1x1xf32>
  return %r : tensor<1x1x1xf32>
}

// 255 is a ui8, -128 an i8; their products' sums are i32.
// CHECK{LITERAL}: bytes: dense<[[-32892], [-254]]> : tensor<2x1xi32>
// CHECK{LITERAL}: bytes: dense<-32130> : tensor<1x1x1xi32>
func.func @bytes() -> (tensor<2x1xi32>, tensor<1x1x1xi32>) {
  %a = dl.constant dense<[[255, 2], [1, 1]]> : tensor<2x2xui8>
  %b = dl.constant dense<[[-128], [-126]]> : tensor<2x1xi8>
  %x = dl.constant dense<[[[255, 2]]]> : tensor<1x1x2xui8>
  %v = dl.constant dense<[[[-126, 0]]]> : tensor<1x1x2xi8>
  %r = dl.matmul %a, %b {wide} : (tensor<2x2xui8>, tensor<2x1xi8>) -> tensor<2x1xi32>
  %s = dl.conv %x, %v {wide, strides = array<i64: 1>, pads_low = array<i64: 0>, pads_high = array<i64: 0>, dilations = array<i64: 1>} : (tensor<1x1x2xui8>, tensor<1x1x2xi8>) -> tensor<1x1x1xi32>
  return %r, %s : tensor<2x1xi32>, tensor<1x1x1xi32>
}

// Weights [[1, 0, 3], [-1, 2, -2]], of four bits with a zero point of 8, by 0.5 and 2; the last block has one of two.
// CHECK{LITERAL}: block_matmul: dense<[[2.000000e+01, -6.000000e+00]]> : tensor<1x2xf32>
func.func @block_matmul() -> tensor<1x2xf32> {
  %x = dl.constant dense<[[4.0, 2.0, 3.0]]> : tensor<1x3xf32>
  %w = dl.constant dense<[[[0x89], [0x0B]], [[0xA7], [0x06]]]> : tensor<2x2x1xui8>
  %s = dl.constant dense<[[0.5, 2.0], [2.0, 1.0]]> : tensor<2x2xf32>
  %z = dl.constant dense<8> : tensor<ui8>
  %r = dl.block_matmul %x, %w, %s, %z {bits = 4 : i64} : (tensor<1x3xf32>, tensor<2x2x1xui8>, tensor<2x2xf32>, tensor<ui8>) -> tensor<1x2xf32>
  return %r : tensor<1x2xf32>
}

// The same with scales of f16.
// CHECK{LITERAL}: block_matmul_halves: dense<[[2.000000e+01, -6.000000e+00]]> : tensor<1x2xf32>
func.func @block_matmul_halves() -> tensor<1x2xf32> {
  %x = dl.constant dense<[[4.0, 2.0, 3.0]]> : tensor<1x3xf32>
  %w = dl.constant dense<[[[0x89], [0x0B]], [[0xA7], [0x06]]]> : tensor<2x2x1xui8>
  %s = dl.constant dense<[[0.5, 2.0], [2.0, 1.0]]> : tensor<2x2xf16>
  %z = dl.constant dense<8> : tensor<ui8>
  %r = dl.block_matmul %x, %w, %s, %z {bits = 4 : i64} : (tensor<1x3xf32>, tensor<2x2x1xui8>, tensor<2x2xf16>, tensor<ui8>) -> tensor<1x2xf32>
  return %r : tensor<1x2xf32>
}

// The matrix [[1, 2, 0, 0], [0, 0, 0, 5], [3, 4, 0, 0]] in panels of two columns; the second one has one row.
// CHECK{LITERAL}: sparse_matmul: dense<[[1.000000e+01, 1.400000e+01, 0.000000e+00, 1.000000e+01]]> : tensor<1x4xf32>
func.func @sparse_matmul() -> tensor<1x4xf32> {
  %x = dl.constant dense<[[1.0, 2.0, 3.0]]> : tensor<1x3xf32>
  %v = dl.constant dense<[[[1.0, 2.0], [3.0, 4.0]], [[0.0, 5.0], [0.0, 0.0]]]> : tensor<2x2x2xf32>
  %p = dl.constant dense<[[0, 2], [1, 0]]> : tensor<2x2xui16>
  %n = dl.constant dense<[2, 1]> : tensor<2xi32>
  %r = dl.sparse_matmul %x, %v, %p, %n : (tensor<1x3xf32>, tensor<2x2x2xf32>, tensor<2x2xui16>, tensor<2xi32>) -> tensor<1x4xf32>
  return %r : tensor<1x4xf32>
}

// CHECK{LITERAL}: conv: dense<[[[[4, 6, 4], [7, 10, 7], [7, 8, 4]]]]> : tensor<1x1x3x3xi32>
// CHECK{LITERAL}: conv: dense<7> : tensor<1x1x1x1xi32>
func.func @conv() -> (tensor<1x1x3x3xi32>, tensor<1x1x1x1xi32>) {
  %x = dl.constant dense<[[[[1, 2, 3], [2, 3, 4], [3, 4, 4]]]]> : tensor<1x1x3x3xi32>
  %w = dl.constant dense<[[[[1, 1], [1, 0]]]]> : tensor<1x1x2x2xi32>
  %z = dl.constant dense<[[[[1, 2, 1], [1, 3, 3], [3, 4, 4]]]]> : tensor<1x1x3x3xi32>
  %a = dl.conv %z, %w {strides = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x1x3x3xi32>, tensor<1x1x2x2xi32>) -> tensor<1x1x3x3xi32>
  %b = dl.conv %x, %w {strides = array<i64: 2, 2>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>, dilations = array<i64: 2, 2>, groups = 1 : i64} : (tensor<1x1x3x3xi32>, tensor<1x1x2x2xi32>) -> tensor<1x1x1x1xi32>
  return %a, %b : tensor<1x1x3x3xi32>, tensor<1x1x1x1xi32>
}

// Padding before, a stride, and groups: group g of the result reads group g.
// CHECK{LITERAL}: conv_groups: dense<[[[1, 5], [-1, -5], [20, 38], [60, 114]]]> : tensor<1x4x2xi32>
func.func @conv_groups() -> tensor<1x4x2xi32> {
  %x = dl.constant dense<[[[1, 2, 3], [10, 9, 10]]]> : tensor<1x2x3xi32>
  %w = dl.constant dense<[[[1, 1]], [[-1, -1]], [[2, 2]], [[6, 6]]]> : tensor<4x1x2xi32>
  %r = dl.conv %x, %w {strides = array<i64: 2>, pads_low = array<i64: 1>, pads_high = array<i64: 0>, dilations = array<i64: 1>, groups = 2 : i64} : (tensor<1x2x3xi32>, tensor<4x1x2xi32>) -> tensor<1x4x2xi32>
  return %r : tensor<1x4x2xi32>
}

// CHECK{LITERAL}: conv_transpose: dense<[[[1, 10, 2, 20]]]> : tensor<1x1x4xi32>
// CHECK{LITERAL}: conv_transpose: dense<[[[10, 2]]]> : tensor<1x1x2xi32>
// CHECK{LITERAL}: conv_transpose: dense<[[[1, 12, 20]]]> : tensor<1x1x3xi32>
func.func @conv_transpose() -> (tensor<1x1x4xi32>, tensor<1x1x2xi32>, tensor<1x1x3xi32>) {
  %x = dl.constant dense<[[[1, 2]]]> : tensor<1x1x2xi32>
  %w = dl.constant dense<[[[1, 10]]]> : tensor<1x1x2xi32>
  %a = dl.conv_transpose %x, %w {strides = array<i64: 2>, pads_low = array<i64: 0>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<1x1x2xi32>, tensor<1x1x2xi32>) -> tensor<1x1x4xi32>
  %b = dl.conv_transpose %x, %w {strides = array<i64: 2>, pads_low = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<1x1x2xi32>, tensor<1x1x2xi32>) -> tensor<1x1x2xi32>
  %c = dl.conv_transpose %x, %w {strides = array<i64: 1>, pads_low = array<i64: 0>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<1x1x2xi32>, tensor<1x1x2xi32>) -> tensor<1x1x3xi32>
  return %a, %b, %c : tensor<1x1x4xi32>, tensor<1x1x2xi32>, tensor<1x1x3xi32>
}

// CHECK{LITERAL}: conv_transpose_groups: dense<[[[1], [2], [30], [40]]]> : tensor<1x4x1xi32>
func.func @conv_transpose_groups() -> tensor<1x4x1xi32> {
  %x = dl.constant dense<[[[1], [10]]]> : tensor<1x2x1xi32>
  %w = dl.constant dense<[[[1], [2]], [[3], [4]]]> : tensor<2x2x1xi32>
  %r = dl.conv_transpose %x, %w {strides = array<i64: 1>, pads_low = array<i64: 0>, dilations = array<i64: 1>, groups = 2 : i64} : (tensor<1x2x1xi32>, tensor<2x2x1xi32>) -> tensor<1x4x1xi32>
  return %r : tensor<1x4x1xi32>
}

// Channels last: the same convolution as with them first, permuted.

// CHECK{LITERAL}: conv_last: dense<[[[[1, 12], [3, 14]], [[5, 16], [7, 18]]]]> : tensor<1x2x2x2xi32>
func.func @conv_last() -> tensor<1x2x2x2xi32> {
  %x = dl.constant dense<[[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]]> : tensor<1x2x2x2xi32>
  %w = dl.constant dense<[[[[1, 0], [0, 1]]]]> : tensor<1x1x2x2xi32>
  %b = dl.constant dense<[0, 10]> : tensor<2xi32>
  %a = dl.conv %x, %w {channels_last = true, strides = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x2x2x2xi32>, tensor<1x1x2x2xi32>) -> tensor<1x2x2x2xi32>
  %r = dl.add %a, %b : (tensor<1x2x2x2xi32>, tensor<2xi32>) -> tensor<1x2x2x2xi32>
  return %r : tensor<1x2x2x2xi32>
}

// With a border, a stride and groups.

// CHECK{LITERAL}: conv_last_groups: dense<[[[1, 20], [8, 70]]]> : tensor<1x2x2xi32>
func.func @conv_last_groups() -> tensor<1x2x2xi32> {
  %x = dl.constant dense<[[[1, 2], [3, 4], [5, 3]]]> : tensor<1x3x2xi32>
  %w = dl.constant dense<[[[1, 10]], [[1, 10]]]> : tensor<2x1x2xi32>
  %r = dl.conv %x, %w {channels_last = true, strides = array<i64: 2>, pads_low = array<i64: 1>, pads_high = array<i64: 0>, dilations = array<i64: 1>, groups = 2 : i64} : (tensor<1x3x2xi32>, tensor<2x1x2xi32>) -> tensor<1x2x2xi32>
  return %r : tensor<1x2x2xi32>
}

// A filter of one tap in the corner, g[0][0] = 48: 48 times the product of the first
// column of G with itself.

// CHECK: winograd_filter: dense<{{\[\[\[\[}}3.000000e+00{{\]\]}}, {{\[\[}}-2.000000e+00{{\]\]}}, {{\[\[}}-2.000000e+00{{\]\]}}, {{\[\[}}5.000000e-01{{\]\]}}, {{\[\[}}5.000000e-01{{\]\]}}, {{\[\[}}0.000000e+00{{\]\]\]}}
func.func @winograd_filter() -> tensor<6x6x1x1xf32> {
  %w = dl.constant dense<[[[[48.0]], [[0.0]], [[0.0]]], [[[0.0]], [[0.0]], [[0.0]]], [[[0.0]], [[0.0]], [[0.0]]]]> : tensor<3x3x1x1xf32>
  %r = dl.winograd_filter %w : (tensor<3x3x1x1xf32>) -> tensor<6x6x1x1xf32>
  return %r : tensor<6x6x1x1xf32>
}

// One row of taps with stride 2: the phases are taps 0 and 2, and tap 1, as filters of
// two taps.

// CHECK{LITERAL}: winograd_phases: dense<[[[[9.000000e+00], [1.800000e+01], [0.000000e+00], [0.000000e+00]], [[-6.000000e+00], [-1.200000e+01], [0.000000e+00], [0.000000e+00]]]]> : tensor<1x2x4x1xf32>
func.func @winograd_phases() -> tensor<1x2x4x1xf32> {
  %w = dl.constant dense<[[[[144.0]], [[288.0]], [[0.0]]]]> : tensor<1x3x1x1xf32>
  %r = dl.winograd_filter %w {stride = 2 : i64} : (tensor<1x3x1x1xf32>) -> tensor<6x6x4x1xf32>
  %s = dl.slice %r {offsets = affine_map<() -> (0, 0, 0, 0)>, strides = array<i64: 1, 1, 1, 1>} : (tensor<6x6x4x1xf32>) -> tensor<1x2x4x1xf32>
  return %s : tensor<1x2x4x1xf32>
}
