// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-fuse --dl-lower --cpu-generate-kernels -split-input-file %s | FileCheck %s

// Lanes are rows. A real row of 20 is one of 10 pairs: a step of 2, then one of 5.
// Products are rounded before they are added.

// CHECK-DAG: #[[$FLOPS:.*]] = affine_map<(d0, d1) -> (d0 * 216)>
// CHECK-DAG: #[[$TILES:.*]] = affine_map<(d0, d1) -> ((d1 + 15) floordiv 16)>
// CHECK-LABEL: func.func private @dft_0
// CHECK-SAME: dl.flops = #[[$FLOPS]], dl.generator = "fourier"
// CHECK-SAME: dl.tiles = #[[$TILES]]
// CHECK: vector.shuffle
// CHECK: scf.for %{{.*}} = %c0 to %c5 step %c1
// CHECK: %[[DIFFERENCE:.*]] = arith.subf %{{.*}} : vector<16xf32>
// CHECK: %[[PRODUCT:.*]] = arith.mulf %[[DIFFERENCE]], %{{.*}} : vector<16xf32>
// CHECK: llvm.call_intrinsic "llvm.arithmetic.fence"(%[[PRODUCT]])
// CHECK: scf.for %{{.*}} = %c0 to %c2 step %c1
// CHECK: %[[COSINE:.*]] = arith.constant dense<3.090170e-01> : vector<16xf32>
// CHECK: arith.mulf %{{.*}}, %[[COSINE]] : vector<16xf32>
// CHECK: scf.for %{{.*}} = %c0 to %c11 step %c1
// CHECK: vector.shuffle
// CHECK: vector.maskedstore
func.func @real(%x: tensor<?x20x1xf32, #dl.dims<()[s0] -> (s0, 20, 1)>>, %w: tensor<20x2xf32>) -> tensor<?x11x2xf32, #dl.dims<()[s0] -> (s0, 11, 2)>> attributes {dl.symbols = ["N"]} {
  %0 = dl.dft %x, %w {length = 20 : i64, outputs = 11 : i64} : (tensor<?x20x1xf32, #dl.dims<()[s0] -> (s0, 20, 1)>>, tensor<20x2xf32>) -> tensor<?x11x2xf32, #dl.dims<()[s0] -> (s0, 11, 2)>>
  return %0 : tensor<?x11x2xf32, #dl.dims<()[s0] -> (s0, 11, 2)>>
}

// -----

// A large prime is a loop within a loop; what is missing of a row is zero.

// CHECK-LABEL: func.func private @dft_0
// CHECK-SAME: dl.generator = "fourier"
// CHECK: scf.for {{.*}} iter_args(
// CHECK: scf.for {{.*}} iter_args(
// CHECK: arith.cmpi slt
// CHECK: arith.select
func.func @prime(%x: tensor<3x10x2xf32>, %w: tensor<17x2xf32>) -> tensor<3x17x2xf32> {
  %0 = dl.dft %x, %w {length = 17 : i64, outputs = 17 : i64, inverse} : (tensor<3x10x2xf32>, tensor<17x2xf32>) -> tensor<3x17x2xf32>
  return %0 : tensor<3x17x2xf32>
}
