// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Weights of blocks of zeros: rows of any number, with what follows; few rows; rows of a
// batch, a weight by columns; one kernel for two weights, of which one is dense.

func.func @main(%x: tensor<?x256xf32, #dl.dims<()[s0] -> (s0, 256)>>, %y: tensor<3x256xf32>, %z: tensor<2x40x512xf32>, %a: tensor<33x128xf32>) -> (tensor<?x192xf32, #dl.dims<()[s0] -> (s0, 192)>>, tensor<3x192xf32>, tensor<2x40x96xf32>, tensor<33x128xf32>) attributes {dl.symbols = ["s0"]} {
  %v = dl.constant dense_resource<blocks_f32_256x192> : tensor<256x192xf32>
  %w = dl.constant dense_resource<blocks_f32_512x96_t> : tensor<96x512xf32>
  %p = dl.constant dense_resource<pairs_f32_128x128> : tensor<128x128xf32>
  %q = dl.constant dense_resource<blocks_f32_128x128> : tensor<128x128xf32>
  %0 = dl.matmul %x, %v : (tensor<?x256xf32, #dl.dims<()[s0] -> (s0, 256)>>, tensor<256x192xf32>) -> tensor<?x192xf32, #dl.dims<()[s0] -> (s0, 192)>>
  %1 = dl.tanh %0 : (tensor<?x192xf32, #dl.dims<()[s0] -> (s0, 192)>>) -> tensor<?x192xf32, #dl.dims<()[s0] -> (s0, 192)>>
  %2 = dl.matmul %y, %v : (tensor<3x256xf32>, tensor<256x192xf32>) -> tensor<3x192xf32>
  %t = dl.transpose %w {permutation = array<i64: 1, 0>} : (tensor<96x512xf32>) -> tensor<512x96xf32>
  %3 = dl.matmul %z, %t : (tensor<2x40x512xf32>, tensor<512x96xf32>) -> tensor<2x40x96xf32>
  %4 = dl.matmul %a, %p : (tensor<33x128xf32>, tensor<128x128xf32>) -> tensor<33x128xf32>
  %5 = dl.matmul %4, %q : (tensor<33x128xf32>, tensor<128x128xf32>) -> tensor<33x128xf32>
  return %1, %2, %3, %5 : tensor<?x192xf32, #dl.dims<()[s0] -> (s0, 192)>>, tensor<3x192xf32>, tensor<2x40x96xf32>, tensor<33x128xf32>
}
