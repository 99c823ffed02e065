// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-lower -split-input-file %s | FileCheck %s

// Level by level: position p of one becomes 2 * p + step of the next. Sums are f64.

// CHECK-LABEL: func.func private @tree_ensemble_0
// CHECK: linalg.generic
// CHECK-SAME: iterator_types = ["parallel", "parallel", "reduction"]
// CHECK-SAME: dl.trees = array<i64: 3, 2, 0, 0>
// CHECK: %[[TREE:.*]] = linalg.index 2
// CHECK: %[[ROOT:.*]] = arith.index_cast %[[TREE]] : index to i32
// CHECK: %[[NODE:.*]] = arith.index_cast %{{.*}} : i32 to index
// CHECK: tensor.extract %arg2[%[[NODE]]] : tensor<9xi32>
// CHECK: tensor.extract %arg1[%{{.*}}] : tensor<9xf32>
// CHECK: %[[X:.*]] = tensor.extract %arg0[%{{.*}}, %{{.*}}] : tensor<?x4xf32>
// CHECK: arith.cmpf ole, %[[X]]
// CHECK: %[[DOUBLE:.*]] = arith.addi %[[ROOT]], %[[ROOT]]
// CHECK: arith.addi %[[DOUBLE]]
// CHECK: tensor.extract %arg3
// CHECK: arith.extf %{{.*}} : f32 to f64
// CHECK: arith.addf {{.*}} : f64
// CHECK: linalg.generic
// CHECK: arith.truncf %{{.*}} : f64 to f32
func.func @perfect(%x: tensor<?x4xf32, #dl.dims<()[s0] -> (s0, 4)>>, %t: tensor<9xf32>, %f: tensor<9xi32>, %l: tensor<12x1xf32>, %b: tensor<1xf32>) -> tensor<?x1xf32, #dl.dims<()[s0] -> (s0, 1)>> attributes {dl.symbols = ["N"]} {
  %0 = dl.fused {
    %1 = dl.tree_ensemble sum, %x, %t, %f, %l, %b {trees = 3 : i64, depth = 2 : i64} : (tensor<?x4xf32, #dl.dims<()[s0] -> (s0, 4)>>, tensor<9xf32>, tensor<9xi32>, tensor<12x1xf32>, tensor<1xf32>) -> tensor<?x1xf32, #dl.dims<()[s0] -> (s0, 1)>>
    dl.yield %1 : tensor<?x1xf32, #dl.dims<()[s0] -> (s0, 1)>>
  } : tensor<?x1xf32, #dl.dims<()[s0] -> (s0, 1)>>
  return %0 : tensor<?x1xf32, #dl.dims<()[s0] -> (s0, 1)>>
}

// -----

// Linked trees go from node to node in a loop; negative features take NaN.

// CHECK-LABEL: func.func private @tree_ensemble_0
// CHECK: dl.trees = array<i64: 1, 5, 1, 1>
// CHECK: %[[LEAF:.*]] = scf.for {{.*}} iter_args(%[[AT:.*]] = %{{.*}}) -> (i32)
// CHECK: %[[FEATURE:.*]] = tensor.extract {{.*}} : tensor<5xi32>
// CHECK: %[[TAKES:.*]] = arith.cmpi slt, %[[FEATURE]]
// CHECK: arith.xori %[[FEATURE]]
// CHECK: %[[MISSING:.*]] = arith.cmpf uno
// CHECK: arith.andi %[[TAKES]], %[[MISSING]]
// CHECK: %[[CHILD:.*]] = tensor.extract {{.*}} : tensor<5xi32>
// CHECK: arith.addi %[[CHILD]]
// CHECK: scf.yield
// CHECK: arith.index_cast %[[LEAF]]
// CHECK: arith.maximumf {{.*}} : f64
func.func @linked(%x: tensor<3x2xf64>, %t: tensor<5xf64>, %f: tensor<5xi32>, %l: tensor<5x2xf64>, %b: tensor<2xf64>, %c: tensor<5xi32>) -> tensor<3x2xf64> {
  %0 = dl.fused {
    %1 = dl.tree_ensemble max, %x, %t, %f, %l, %b children %c {trees = 1 : i64, depth = 5 : i64, missing} : (tensor<3x2xf64>, tensor<5xf64>, tensor<5xi32>, tensor<5x2xf64>, tensor<2xf64>, tensor<5xi32>) -> tensor<3x2xf64>
    dl.yield %1 : tensor<3x2xf64>
  } : tensor<3x2xf64>
  return %0 : tensor<3x2xf64>
}
