// RUN: dl-opt %s --stop-after=lower --cpu-generate-kernels | FileCheck %s

// A single head has tiles of its rows: 64 in blocks of 6, two blocks each.

// CHECK: #[[TILES:.*]] = affine_map<({{.*}}) -> (6)>
// CHECK: func.func private @matmul_softmax
// CHECK-SAME: dl.tiles = #[[TILES]]
func.func @main(%q: tensor<1x64x32xf32>, %k: tensor<1x32x64xf32>, %v: tensor<1x64x32xf32>) -> tensor<1x64x32xf32> {
  %0 = dl.matmul %q, %k : (tensor<1x64x32xf32>, tensor<1x32x64xf32>) -> tensor<1x64x64xf32>
  %1 = dl.softmax %0 {axis = 2 : i64} : (tensor<1x64x64xf32>) -> tensor<1x64x64xf32>
  %2 = dl.matmul %1, %v : (tensor<1x64x64xf32>, tensor<1x64x32xf32>) -> tensor<1x64x32xf32>
  return %2 : tensor<1x64x32xf32>
}
