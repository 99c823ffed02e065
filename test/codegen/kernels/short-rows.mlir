// RUN: dl-opt %s --stop-after=lower --cpu-generate-kernels | FileCheck %s

// Rows of the innermost reduced dimension that are shorter than a vector: four of
// them are added side by side, each to sums of its own.

// CHECK: func.func private @reduce
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}) -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>)
// CHECK: scf.for {{.*}} -> (vector<16xf32>)
// CHECK: vector.reduction <add>
func.func @main(%x: tensor<2x50x4x8xf32>) -> tensor<2x4xf32> {
  %0 = dl.reduce sum, %x {axes = array<i64: 1, 3>} : (tensor<2x50x4x8xf32>) -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}
