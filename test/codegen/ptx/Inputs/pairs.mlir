// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Weights that keep two of four: columns that fill no tile, half of a piece at the end, what
// follows a product; a weight by columns; rows of a batch; tiles of both sizes.

func.func @main(%x: tensor<?x96xf32, #dl.dims<()[s0] -> (s0, 96)>>, %y: tensor<2x40x256xf32>, %z: tensor<1500x64xf32>) -> (tensor<?x200xf32, #dl.dims<()[s0] -> (s0, 200)>>, tensor<2x40x136xf32>, tensor<1500x1400xf32>) attributes {dl.symbols = ["s0"]} {
  %a = dl.constant dense_resource<pairs_f32_96x200> : tensor<96x200xf32>
  %b = dl.constant dense_resource<pairs_f32_256x136_t> : tensor<136x256xf32>
  %c = dl.constant dense_resource<pairs_f32_64x1400> : tensor<64x1400xf32>
  %0 = dl.matmul %x, %a : (tensor<?x96xf32, #dl.dims<()[s0] -> (s0, 96)>>, tensor<96x200xf32>) -> tensor<?x200xf32, #dl.dims<()[s0] -> (s0, 200)>>
  %1 = dl.tanh %0 : (tensor<?x200xf32, #dl.dims<()[s0] -> (s0, 200)>>) -> tensor<?x200xf32, #dl.dims<()[s0] -> (s0, 200)>>
  %t = dl.transpose %b {permutation = array<i64: 1, 0>} : (tensor<136x256xf32>) -> tensor<256x136xf32>
  %2 = dl.matmul %y, %t : (tensor<2x40x256xf32>, tensor<256x136xf32>) -> tensor<2x40x136xf32>
  %3 = dl.matmul %z, %c : (tensor<1500x64xf32>, tensor<64x1400xf32>) -> tensor<1500x1400xf32>
  return %1, %2, %3 : tensor<?x200xf32, #dl.dims<()[s0] -> (s0, 200)>>, tensor<2x40x136xf32>, tensor<1500x1400xf32>
}
