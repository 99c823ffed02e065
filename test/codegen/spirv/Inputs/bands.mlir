// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Weights of which all columns have the same rows, so that panels are 64 columns wide: of many rows
// and of few, and of a transposed matrix; a weight whose rows are not made of groups of four stays
// dense.

func.func @main(%x: tensor<?x256xf32, #dl.dims<()[s0] -> (s0, 256)>>, %y: tensor<2x256xf32>, %z: tensor<256x50xf32>, %a: tensor<33x258xf32>) -> (tensor<?x192xf32, #dl.dims<()[s0] -> (s0, 192)>>, tensor<2x192xf32>, tensor<50x192xf32>, tensor<33x64xf32>) attributes {dl.symbols = ["s0"]} {
  %v = dl.constant dense_resource<bands_f32_256x192> : tensor<256x192xf32>
  %w = dl.constant dense_resource<blocks_f32_258x64> : tensor<258x64xf32>
  %0 = dl.matmul %x, %v : (tensor<?x256xf32, #dl.dims<()[s0] -> (s0, 256)>>, tensor<256x192xf32>) -> tensor<?x192xf32, #dl.dims<()[s0] -> (s0, 192)>>
  %1 = dl.matmul %y, %v : (tensor<2x256xf32>, tensor<256x192xf32>) -> tensor<2x192xf32>
  %t = dl.transpose %z {permutation = array<i64: 1, 0>} : (tensor<256x50xf32>) -> tensor<50x256xf32>
  %2 = dl.matmul %t, %v : (tensor<50x256xf32>, tensor<256x192xf32>) -> tensor<50x192xf32>
  %3 = dl.matmul %a, %w : (tensor<33x258xf32>, tensor<258x64xf32>) -> tensor<33x64xf32>
  return %0, %1, %2, %3 : tensor<?x192xf32, #dl.dims<()[s0] -> (s0, 192)>>, tensor<2x192xf32>, tensor<50x192xf32>, tensor<33x64xf32>
}
