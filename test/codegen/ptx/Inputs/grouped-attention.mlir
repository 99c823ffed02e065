// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// ONNX's Attention, as the importer has it: heads of keys that four heads of queries share,
// with keys and values of earlier runs before them; rows see keys up to their own.

func.func @main(%arg0: tensor<2x128x512xf16>, %arg1: tensor<2x128x128xf16>, %arg2: tensor<2x128x128xf16>, %arg3: tensor<2x2x64x64xf16>, %arg4: tensor<2x2x64x64xf16>) -> (tensor<2x128x512xf16>, tensor<2x2x192x64xf16>, tensor<2x2x192x64xf16>) {
  %0 = dl.reshape %arg0 : (tensor<2x128x512xf16>) -> tensor<2x128x8x64xf16>
  %1 = dl.reshape %arg1 : (tensor<2x128x128xf16>) -> tensor<2x128x2x64xf16>
  %2 = dl.reshape %arg2 : (tensor<2x128x128xf16>) -> tensor<2x128x2x64xf16>
  %3 = dl.transpose %0 {permutation = array<i64: 0, 2, 1, 3>} : (tensor<2x128x8x64xf16>) -> tensor<2x8x128x64xf16>
  %4 = dl.transpose %1 {permutation = array<i64: 0, 2, 1, 3>} : (tensor<2x128x2x64xf16>) -> tensor<2x2x128x64xf16>
  %5 = dl.transpose %2 {permutation = array<i64: 0, 2, 1, 3>} : (tensor<2x128x2x64xf16>) -> tensor<2x2x128x64xf16>
  %6 = dl.constant dense<3.535160e-01> : tensor<1xf16>
  %7 = dl.concat %arg3, %4 {axis = 2 : i64} : (tensor<2x2x64x64xf16>, tensor<2x2x128x64xf16>) -> tensor<2x2x192x64xf16>
  %8 = dl.constant dense<64> : tensor<1xi64>
  %9 = dl.concat %arg4, %5 {axis = 2 : i64} : (tensor<2x2x64x64xf16>, tensor<2x2x128x64xf16>) -> tensor<2x2x192x64xf16>
  %10 = dl.constant dense<0xFF800000> : tensor<1xf32>
  %11 = dl.constant dense<0.000000e+00> : tensor<1xf32>
  %12 = dl.constant dense<0.000000e+00> : tensor<128x192xf32>
  %13 = dl.iota : tensor<128xi64>
  %14 = dl.reshape %13 : (tensor<128xi64>) -> tensor<128x1xi64>
  %15 = dl.iota : tensor<192xi64>
  %16 = dl.reshape %15 : (tensor<192xi64>) -> tensor<1x192xi64>
  %17 = dl.add %14, %8 : (tensor<128x1xi64>, tensor<1xi64>) -> tensor<128x1xi64>
  %18 = dl.compare  lt, %17, %16 : (tensor<128x1xi64>, tensor<1x192xi64>) -> tensor<128x192xi1>
  %19 = dl.select %18, %10, %11 : (tensor<128x192xi1>, tensor<1xf32>, tensor<1xf32>) -> tensor<128x192xf32>
  %20 = dl.add %19, %12 : (tensor<128x192xf32>, tensor<128x192xf32>) -> tensor<128x192xf32>
  %21 = dl.cast %20 : (tensor<128x192xf32>) -> tensor<128x192xf16>
  %22 = dl.reshape %7 : (tensor<2x2x192x64xf16>) -> tensor<2x2x1x192x64xf16>
  %23 = dl.reshape %9 : (tensor<2x2x192x64xf16>) -> tensor<2x2x1x192x64xf16>
  %24 = dl.broadcast %22 : (tensor<2x2x1x192x64xf16>) -> tensor<2x2x4x192x64xf16>
  %25 = dl.broadcast %23 : (tensor<2x2x1x192x64xf16>) -> tensor<2x2x4x192x64xf16>
  %26 = dl.reshape %24 : (tensor<2x2x4x192x64xf16>) -> tensor<2x8x192x64xf16>
  %27 = dl.reshape %25 : (tensor<2x2x4x192x64xf16>) -> tensor<2x8x192x64xf16>
  %28 = dl.transpose %26 {permutation = array<i64: 0, 1, 3, 2>} : (tensor<2x8x192x64xf16>) -> tensor<2x8x64x192xf16>
  %29 = dl.mul %3, %6 : (tensor<2x8x128x64xf16>, tensor<1xf16>) -> tensor<2x8x128x64xf16>
  %30 = dl.mul %28, %6 : (tensor<2x8x64x192xf16>, tensor<1xf16>) -> tensor<2x8x64x192xf16>
  %31 = dl.matmul %29, %30 : (tensor<2x8x128x64xf16>, tensor<2x8x64x192xf16>) -> tensor<2x8x128x192xf16>
  %32 = dl.add %31, %21 : (tensor<2x8x128x192xf16>, tensor<128x192xf16>) -> tensor<2x8x128x192xf16>
  %33 = dl.softmax %32 {axis = 3 : i64} : (tensor<2x8x128x192xf16>) -> tensor<2x8x128x192xf16>
  %34 = dl.reduce  max, %21 {axes = array<i64: 1>, keepdims = true} : (tensor<128x192xf16>) -> tensor<128x1xf16>
  %35 = dl.constant dense<0xFC00> : tensor<1xf16>
  %36 = dl.compare  eq, %34, %35 : (tensor<128x1xf16>, tensor<1xf16>) -> tensor<128x1xi1>
  %37 = dl.constant dense<0.000000e+00> : tensor<1xf16>
  %38 = dl.select %36, %37, %33 : (tensor<128x1xi1>, tensor<1xf16>, tensor<2x8x128x192xf16>) -> tensor<2x8x128x192xf16>
  %39 = dl.matmul %38, %27 : (tensor<2x8x128x192xf16>, tensor<2x8x192x64xf16>) -> tensor<2x8x128x64xf16>
  %40 = dl.transpose %39 {permutation = array<i64: 0, 2, 1, 3>} : (tensor<2x8x128x64xf16>) -> tensor<2x128x8x64xf16>
  %41 = dl.reshape %40 : (tensor<2x128x8x64xf16>) -> tensor<2x128x512xf16>
  return %41, %7, %9 : tensor<2x128x512xf16>, tensor<2x2x192x64xf16>, tensor<2x2x192x64xf16>
}
