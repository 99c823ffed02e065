// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Trees, as they are lowered in test/passes/lower-tree.mlir.

// RUN: dl-opt --dl-lower -split-input-file %source/test/passes/lower-tree.mlir | dl-opt -cpu-generate-kernels -split-input-file | FileCheck %s

// Many rows are the lanes of four vectors, which take each tree in turn: its root is
// read once, other nodes are gathered. Sums are f64. A few rows have trees as lanes,
// here three, which are added up across lanes.

// CHECK-LABEL: func.func private @tree_ensemble_0
// CHECK-SAME: dl.generator = "tree"
// CHECK: scf.if
// CHECK: scf.if
// CHECK: scf.for {{.*}} -> (vector<16xf64>, vector<16xf64>, vector<16xf64>, vector<16xf64>)
// CHECK: memref.load {{.*}} memref<?xi32>
// CHECK: vector.gather {{.*}} memref<?xf32>, vector<16xi32>, vector<16xi1>, vector<16xf32>
// CHECK: arith.cmpf ole
// CHECK: vector.maskedstore
// CHECK: vector.maskedstore
// CHECK: } else {
// CHECK: scf.for {{.*}} -> (vector<16xf64>)
// CHECK: } else {
// CHECK: arith.minsi {{.*}} vector<16xi32>
// CHECK: vector.gather {{.*}} memref<?xi32>
// CHECK: vector.reduction <add>, {{.*}} : vector<16xf64> into f64
// CHECK: memref.store

// Linked trees walk in a loop, from node to node; three rows are enough for lanes.

// CHECK-LABEL: func.func private @tree_ensemble_0
// CHECK-SAME: dl.generator = "tree"
// CHECK: scf.for {{.*}} -> (vector<16xf64>, vector<16xf64>, {{.*}})
// CHECK: scf.for {{.*}} -> (vector<16xi32>, vector<16xi32>, vector<16xi32>, vector<16xi32>)
// CHECK: arith.cmpf uno, {{.*}} vector<16xf64>
// CHECK: vector.gather {{.*}} memref<?xi32>
// CHECK: arith.maximumf {{.*}} vector<16xf64>
