// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt %s -cpu-generate-kernels -split-input-file | FileCheck %s

// Squares are read and written along memory, and transposed by shuffles; those at the
// edges with masks.

// CHECK-LABEL: func.func private @turn
// CHECK-SAME: dl.generator = "transpose"
// CHECK: scf.if
// CHECK: vector.load {{.*}} vector<16xf32>
// CHECK: vector.shuffle {{.*}} [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23]
// CHECK-NOT: vector.gather
// CHECK: vector.store
// CHECK: } else {
// CHECK: vector.maskedload
// CHECK: vector.maskedstore
func.func private @turn(%x: tensor<3x40x50xf32>, %out: tensor<3x50x40xf32>) -> tensor<3x50x40xf32> attributes {dl.kernel} {
  %r = linalg.transpose ins(%x : tensor<3x40x50xf32>) outs(%out : tensor<3x50x40xf32>) permutation = [0, 2, 1]
  return %r : tensor<3x50x40xf32>
}

// -----

// Narrow elements are widened for the shuffles.

// CHECK-LABEL: func.func private @bytes
// CHECK: arith.extui {{.*}} vector<16xi8> to vector<16xi32>
// CHECK: vector.shuffle {{.*}} vector<16xi32>
// CHECK: arith.trunci
func.func private @bytes(%x: tensor<40x50xi8>, %out: tensor<50x40xi8>) -> tensor<50x40xi8> attributes {dl.kernel} {
  %r = linalg.transpose ins(%x : tensor<40x50xi8>) outs(%out : tensor<50x40xi8>) permutation = [1, 0]
  return %r : tensor<50x40xi8>
}

// -----

// Few columns are gathered.

// CHECK-LABEL: func.func private @few
// CHECK-NOT: vector.shuffle
// CHECK: vector.gather
func.func private @few(%x: tensor<400x3xf32>, %out: tensor<3x400xf32>) -> tensor<3x400xf32> attributes {dl.kernel} {
  %r = linalg.transpose ins(%x : tensor<400x3xf32>) outs(%out : tensor<3x400xf32>) permutation = [1, 0]
  return %r : tensor<3x400xf32>
}
