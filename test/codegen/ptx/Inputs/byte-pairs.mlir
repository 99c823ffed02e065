// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Weights of bytes that keep two of four, with and without a sign of the other operand.

func.func @main(%x: tensor<70x192xui8>, %y: tensor<33x64xi8>, %z: tensor<1500x64xi8>) -> (tensor<70x200xi32>, tensor<33x72xi32>, tensor<1500x1400xi32>) {
  %a = dl.constant dense_resource<pairs_i8_192x200> : tensor<192x200xi8>
  %b = dl.constant dense_resource<pairs_i8_64x72> : tensor<64x72xi8>
  %c = dl.constant dense_resource<pairs_i8_64x1400> : tensor<64x1400xi8>
  %0 = dl.matmul %x, %a {wide} : (tensor<70x192xui8>, tensor<192x200xi8>) -> tensor<70x200xi32>
  %1 = dl.matmul %y, %b {wide} : (tensor<33x64xi8>, tensor<64x72xi8>) -> tensor<33x72xi32>
  %2 = dl.matmul %z, %c {wide} : (tensor<1500x64xi8>, tensor<64x1400xi8>) -> tensor<1500x1400xi32>
  return %0, %1, %2 : tensor<70x200xi32>, tensor<33x72xi32>, tensor<1500x1400xi32>
}
