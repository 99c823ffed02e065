// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt %s --dl-lower "-cpu-generate-kernels" -split-input-file | FileCheck %s
// RUN: dl-opt %s --dl-lower "-cpu-generate-kernels=lanes=8 registers=16" -split-input-file | FileCheck %s --check-prefix=NARROW

// Panels of 16 columns: a kept row is a vector, which elements of 12 rows multiply. As many slots as count.

// CHECK-LABEL: func.func private @sparse_matmul_max_0
// CHECK-SAME: dl.generator = "sparse_matmul"
// CHECK: memref.load {{.*}} memref<?xi32>
// CHECK: scf.for {{.*}} -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, {{.*}})
// CHECK: vector.load {{.*}} vector<16xf32>
// CHECK: memref.load {{.*}} memref<?xi16>
// CHECK-COUNT-12: vector.fma
// CHECK: arith.maximumf {{.*}} vector<16xf32>

// NARROW-LABEL: func.func private @sparse_matmul_max_0
// NARROW-COUNT-12: vector.fma {{.*}} vector<8xf32>
func.func @wide(%x: tensor<24x64xf32>, %v: tensor<3x12x16xf32>, %p: tensor<3x12xui16>, %n: tensor<3xi32>) -> tensor<24x48xf32> {
  %z = dl.constant dense<0.0> : tensor<f32>
  %0 = dl.fused {
    %1 = dl.sparse_matmul %x, %v, %p, %n : (tensor<24x64xf32>, tensor<3x12x16xf32>, tensor<3x12xui16>, tensor<3xi32>) -> tensor<24x48xf32>
    %2 = dl.max %1, %z : (tensor<24x48xf32>, tensor<f32>) -> tensor<24x48xf32>
    dl.yield %2 : tensor<24x48xf32>
  } : tensor<24x48xf32>
  return %0 : tensor<24x48xf32>
}

// -----

// With many rows, lanes are rows here, too: eight of the columns at a time, of two vectors of rows.

// CHECK-LABEL: func.func private @sparse_matmul_0
// CHECK: vector.shuffle
// CHECK: scf.for {{.*}} step %{{.*}} {
// CHECK: memref.load {{.*}} memref<?xi32>
// CHECK: scf.for
// CHECK-COUNT-16: vector.fma
// CHECK-NOT: vector.fma
// CHECK: return

// NARROW-LABEL: func.func private @sparse_matmul_0
// NARROW-COUNT-8: vector.fma {{.*}} vector<8xf32>
// NARROW-NOT: vector.fma
// NARROW: return
func.func @many(%x: tensor<64x64xf32>, %v: tensor<3x12x16xf32>, %p: tensor<3x12xui16>, %n: tensor<3xi32>) -> tensor<64x48xf32> {
  %0 = dl.fused {
    %1 = dl.sparse_matmul %x, %v, %p, %n : (tensor<64x64xf32>, tensor<3x12x16xf32>, tensor<3x12xui16>, tensor<3xi32>) -> tensor<64x48xf32>
    dl.yield %1 : tensor<64x48xf32>
  } : tensor<64x48xf32>
  return %0 : tensor<64x48xf32>
}

// -----

// Single columns: lanes are rows, of what is copied transposed; two slots at once. Blocks of results are transposed back.

// CHECK-LABEL: func.func private @sparse_matmul_0
// CHECK-SAME: dl.generator = "sparse_matmul"
// CHECK: vector.shuffle
// CHECK: scf.for {{.*}} -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>)
// CHECK-COUNT-8: vector.fma
// CHECK: vector.shuffle
// CHECK: vector.maskedstore

// NARROW-LABEL: func.func private @sparse_matmul_0
// NARROW: scf.for {{.*}} -> (vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>)
func.func @narrow(%x: tensor<?x64xf32, #dl.dims<()[s0] -> (s0, 64)>>, %v: tensor<40x12x1xf32>, %p: tensor<40x12xui16>, %n: tensor<40xi32>) -> tensor<?x40xf32, #dl.dims<()[s0] -> (s0, 40)>> attributes {dl.symbols = ["N"]} {
  %0 = dl.fused {
    %1 = dl.sparse_matmul %x, %v, %p, %n : (tensor<?x64xf32, #dl.dims<()[s0] -> (s0, 64)>>, tensor<40x12x1xf32>, tensor<40x12xui16>, tensor<40xi32>) -> tensor<?x40xf32, #dl.dims<()[s0] -> (s0, 40)>>
    dl.yield %1 : tensor<?x40xf32, #dl.dims<()[s0] -> (s0, 40)>>
  } : tensor<?x40xf32, #dl.dims<()[s0] -> (s0, 40)>>
  return %0 : tensor<?x40xf32, #dl.dims<()[s0] -> (s0, 40)>>
}
