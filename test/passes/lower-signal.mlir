// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-lower -split-input-file %s | FileCheck %s

// Windows are read where they lie, and the transform is the sum that defines it.

// CHECK: #[[$FRAME:.*]] = affine_map<(d0, d1, d2) -> (d0 * 2 + d1, d2)>
// CHECK-LABEL: func.func private @mul_dft_0
// CHECK: %[[WINDOWED:.*]] = linalg.generic
// CHECK: arith.mulf
// CHECK: linalg.generic
// CHECK-SAME: iterator_types = ["parallel", "parallel", "parallel", "reduction"]
// CHECK-SAME: ins(%[[WINDOWED]] :
// CHECK-SAME: dl.fourier = array<i64: 4, 0>
// CHECK: arith.remui
// CHECK: %[[COSINE:.*]] = tensor.extract %{{.*}} : tensor<4x2xf32>
// CHECK: %[[SINE:.*]] = tensor.extract %{{.*}} : tensor<4x2xf32>
// CHECK: %[[CONJUGATE:.*]] = arith.negf %[[SINE]]
// CHECK: arith.select %{{.*}}, %[[COSINE]], %[[CONJUGATE]]
func.func @stft(%x: tensor<?x1xf32, #dl.dims<()[s0] -> (s0, 1)>>, %v: tensor<4x1xf32>, %w: tensor<4x2xf32>) -> tensor<?x3x2xf32, #dl.dims<()[s0] -> (s0 floordiv 2 - 1, 3, 2)>> attributes {dl.symbols = ["N"]} {
  %0 = dl.fused {
    %1 = dl.unfold %x {axis = 0 : i64, size = 4 : i64, step = 2 : i64} : (tensor<?x1xf32, #dl.dims<()[s0] -> (s0, 1)>>) -> tensor<?x4x1xf32, #dl.dims<()[s0] -> (s0 floordiv 2 - 1, 4, 1)>>
    %2 = dl.mul %1, %v : (tensor<?x4x1xf32, #dl.dims<()[s0] -> (s0 floordiv 2 - 1, 4, 1)>>, tensor<4x1xf32>) -> tensor<?x4x1xf32, #dl.dims<()[s0] -> (s0 floordiv 2 - 1, 4, 1)>>
    %3 = dl.dft %2, %w {length = 4 : i64, outputs = 3 : i64} : (tensor<?x4x1xf32, #dl.dims<()[s0] -> (s0 floordiv 2 - 1, 4, 1)>>, tensor<4x2xf32>) -> tensor<?x3x2xf32, #dl.dims<()[s0] -> (s0 floordiv 2 - 1, 3, 2)>>
    dl.yield %3 : tensor<?x3x2xf32, #dl.dims<()[s0] -> (s0 floordiv 2 - 1, 3, 2)>>
  } : tensor<?x3x2xf32, #dl.dims<()[s0] -> (s0 floordiv 2 - 1, 3, 2)>>
  return %0 : tensor<?x3x2xf32, #dl.dims<()[s0] -> (s0 floordiv 2 - 1, 3, 2)>>
}

// -----

// What is cut from a row is not read; the inverse scales each term.

// CHECK-LABEL: func.func private @dft_0
// CHECK: %[[ROWS:.*]] = tensor.extract_slice %arg0[0, 0, 0] [5, 2, 2] [1, 1, 1]
// CHECK: linalg.generic {{.*}} ins(%[[ROWS]], %[[ROWS]] : tensor<5x2x2xf32>, tensor<5x2x2xf32>) {{.*}} {dl.fourier = array<i64: 2, 1>}
// CHECK: arith.constant 5.000000e-01 : f32
func.func @cut(%x: tensor<5x3x2xf32>, %w: tensor<2x2xf32>) -> tensor<5x2x2xf32> {
  %0 = dl.fused {
    %1 = dl.dft %x, %w {length = 2 : i64, outputs = 2 : i64, inverse} : (tensor<5x3x2xf32>, tensor<2x2xf32>) -> tensor<5x2x2xf32>
    dl.yield %1 : tensor<5x2x2xf32>
  } : tensor<5x2x2xf32>
  return %0 : tensor<5x2x2xf32>
}
