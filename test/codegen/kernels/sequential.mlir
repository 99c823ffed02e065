// RUN: dl-opt %s --stop-after=lower --cpu-generate-kernels -split-input-file | FileCheck %s

// A scatter runs in order over its updates; its tiles are ranges of columns, so that
// threads never meet and the order of sums is fixed.

// CHECK: #[[TILES:.*]] = affine_map<() -> (8)>
// CHECK: func.func private @scatter_nd
// CHECK-SAME: dl.tiles = #[[TILES]]
// CHECK: scf.if
// CHECK: arith.addf {{.*}} : vector<16xf32>
// CHECK: vector.store
func.func @main(%x: tensor<100x512xf32>, %i: tensor<70x1xi64>, %u: tensor<70x512xf32>) -> tensor<100x512xf32> {
  %0 = dl.scatter_nd add, %x, %i, %u : (tensor<100x512xf32>, tensor<70x1xi64>, tensor<70x512xf32>) -> tensor<100x512xf32>
  return %0 : tensor<100x512xf32>
}

// -----

// A running sum along the last dimension depends on its columns: one tile.

// CHECK: #[[TILES:.*]] = affine_map<() -> (1)>
// CHECK: func.func private @cumsum
// CHECK-SAME: dl.tiles = #[[TILES]]
func.func @main(%x: tensor<4x512xf32>) -> tensor<4x512xf32> {
  %0 = dl.cumsum %x {axis = 1 : i64} : (tensor<4x512xf32>) -> tensor<4x512xf32>
  return %0 : tensor<4x512xf32>
}
