// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// ONNX's Attention with a mask that is given: a row that sees no key is zero.

func.func @main(%arg0: tensor<2x8x128x64xf16>, %arg1: tensor<2x2x128x64xf16>, %arg2: tensor<2x2x128x64xf16>, %arg3: tensor<128x128xf16>) -> tensor<2x8x128x64xf16> {
  %0 = dl.constant dense<3.535160e-01> : tensor<1xf16>
  %1 = dl.reshape %arg1 : (tensor<2x2x128x64xf16>) -> tensor<2x2x1x128x64xf16>
  %2 = dl.reshape %arg2 : (tensor<2x2x128x64xf16>) -> tensor<2x2x1x128x64xf16>
  %3 = dl.broadcast %1 : (tensor<2x2x1x128x64xf16>) -> tensor<2x2x4x128x64xf16>
  %4 = dl.broadcast %2 : (tensor<2x2x1x128x64xf16>) -> tensor<2x2x4x128x64xf16>
  %5 = dl.reshape %3 : (tensor<2x2x4x128x64xf16>) -> tensor<2x8x128x64xf16>
  %6 = dl.reshape %4 : (tensor<2x2x4x128x64xf16>) -> tensor<2x8x128x64xf16>
  %7 = dl.transpose %5 {permutation = array<i64: 0, 1, 3, 2>} : (tensor<2x8x128x64xf16>) -> tensor<2x8x64x128xf16>
  %8 = dl.mul %arg0, %0 : (tensor<2x8x128x64xf16>, tensor<1xf16>) -> tensor<2x8x128x64xf16>
  %9 = dl.mul %7, %0 : (tensor<2x8x64x128xf16>, tensor<1xf16>) -> tensor<2x8x64x128xf16>
  %10 = dl.matmul %8, %9 : (tensor<2x8x128x64xf16>, tensor<2x8x64x128xf16>) -> tensor<2x8x128x128xf16>
  %11 = dl.add %10, %arg3 : (tensor<2x8x128x128xf16>, tensor<128x128xf16>) -> tensor<2x8x128x128xf16>
  %12 = dl.softmax %11 {axis = 3 : i64} : (tensor<2x8x128x128xf16>) -> tensor<2x8x128x128xf16>
  %13 = dl.reduce  max, %arg3 {axes = array<i64: 1>, keepdims = true} : (tensor<128x128xf16>) -> tensor<128x1xf16>
  %14 = dl.constant dense<0xFC00> : tensor<1xf16>
  %15 = dl.compare  eq, %13, %14 : (tensor<128x1xf16>, tensor<1xf16>) -> tensor<128x1xi1>
  %16 = dl.constant dense<0.000000e+00> : tensor<1xf16>
  %17 = dl.select %15, %16, %12 : (tensor<128x1xi1>, tensor<1xf16>, tensor<2x8x128x128xf16>) -> tensor<2x8x128x128xf16>
  %18 = dl.matmul %17, %6 : (tensor<2x8x128x128xf16>, tensor<2x8x128x64xf16>) -> tensor<2x8x128x64xf16>
  return %18 : tensor<2x8x128x64xf16>
}
