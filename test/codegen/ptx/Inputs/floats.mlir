// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Weights of 8-bit floats: one row and four, by columns and by rows, columns that fill no
// vector of 16; rows of any number; what follows the product.

func.func @main(%x: tensor<1x256xf32>, %y: tensor<4x256xf32>, %z: tensor<?x256xf32, #dl.dims<()[s0] -> (s0, 256)>>) -> (tensor<1x192xf32>, tensor<1x136xf32>, tensor<4x136xf32>, tensor<?x200xf32, #dl.dims<()[s0] -> (s0, 200)>>) attributes {dl.symbols = ["s0"]} {
  %a = dl.constant dense_resource<floats_f32_256x192> : tensor<256x192xf32>
  %b = dl.constant dense_resource<floats_f32_256x136_t> : tensor<136x256xf32>
  %c = dl.constant dense_resource<floats_f32_256x200> : tensor<256x200xf32>
  %d = dl.constant dense_resource<floats_f32_256x136> : tensor<256x136xf32>
  %t = dl.transpose %b {permutation = array<i64: 1, 0>} : (tensor<136x256xf32>) -> tensor<256x136xf32>
  %0 = dl.matmul %x, %a : (tensor<1x256xf32>, tensor<256x192xf32>) -> tensor<1x192xf32>
  %1 = dl.tanh %0 : (tensor<1x192xf32>) -> tensor<1x192xf32>
  %2 = dl.matmul %x, %t : (tensor<1x256xf32>, tensor<256x136xf32>) -> tensor<1x136xf32>
  %3 = dl.matmul %y, %d : (tensor<4x256xf32>, tensor<256x136xf32>) -> tensor<4x136xf32>
  %4 = dl.matmul %z, %c : (tensor<?x256xf32, #dl.dims<()[s0] -> (s0, 256)>>, tensor<256x200xf32>) -> tensor<?x200xf32, #dl.dims<()[s0] -> (s0, 200)>>
  return %1, %2, %3, %4 : tensor<1x192xf32>, tensor<1x136xf32>, tensor<4x136xf32>, tensor<?x200xf32, #dl.dims<()[s0] -> (s0, 200)>>
}
