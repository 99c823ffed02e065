// RUN: dl-opt %s -dl-split-reductions -split-input-file | FileCheck %s

// The statistics of a batch: each image by itself, then all of them.

// CHECK-LABEL: func.func @statistics
// CHECK: %[[EACH:.*]] = dl.reduce sum, %arg0 {axes = array<i64: 1, 2>} : (tensor<16x32x32x64xf32>) -> tensor<16x64xf32>
// CHECK: %[[ALL:.*]] = dl.reduce sum, %[[EACH]] {axes = array<i64: 0>} : (tensor<16x64xf32>) -> tensor<64xf32>
// CHECK: %[[KEPT:.*]] = dl.reduce max, %arg1 {axes = array<i64: 2>, keepdims = true} : (tensor<1x8x256x128xf32>) -> tensor<1x8x1x128xf32>
// CHECK: %[[MAX:.*]] = dl.reduce max, %[[KEPT]] {axes = array<i64: 1>, keepdims = true} : (tensor<1x8x1x128xf32>) -> tensor<1x1x1x128xf32>
// CHECK: return %[[ALL]], %[[MAX]]
func.func @statistics(%x: tensor<16x32x32x64xf32>, %y: tensor<1x8x256x128xf32>) -> (tensor<64xf32>, tensor<1x1x1x128xf32>) {
  %0 = dl.reduce sum, %x {axes = array<i64: 0, 1, 2>} : (tensor<16x32x32x64xf32>) -> tensor<64xf32>
  %1 = dl.reduce max, %y {axes = array<i64: 1, 2>, keepdims = true} : (tensor<1x8x256x128xf32>) -> tensor<1x1x1x128xf32>
  return %0, %1 : tensor<64xf32>, tensor<1x1x1x128xf32>
}

// -----

// Few elements, rows that are summed up along memory, many columns, a batch of which the
// sizes are not known, a dimension before the axis, and narrow floats stay as they are.

// CHECK-LABEL: func.func @others
// CHECK-COUNT-6: dl.reduce
// CHECK-NOT: dl.reduce
func.func @others(%few: tensor<16x4x4x64xf32>, %rows: tensor<16x128x128xf32>, %wide: tensor<16x16x2048xf32>, %any: tensor<?x64x64x64xf32, #dl.dims<()[s0] -> (s0, 64, 64, 64)>>, %before: tensor<4x16x64x64xf32>, %narrow: tensor<16x32x32x64xf16>)
    -> (tensor<64xf32>, tensor<128xf32>, tensor<2048xf32>, tensor<64xf32>, tensor<4x64xf32>, tensor<64xf16>) attributes {dl.symbols = ["N"]} {
  %0 = dl.reduce sum, %few {axes = array<i64: 0, 1, 2>} : (tensor<16x4x4x64xf32>) -> tensor<64xf32>
  %1 = dl.reduce sum, %rows {axes = array<i64: 0, 2>} : (tensor<16x128x128xf32>) -> tensor<128xf32>
  %2 = dl.reduce sum, %wide {axes = array<i64: 0, 1>} : (tensor<16x16x2048xf32>) -> tensor<2048xf32>
  %3 = dl.reduce sum, %any {axes = array<i64: 0, 1, 2>} : (tensor<?x64x64x64xf32, #dl.dims<()[s0] -> (s0, 64, 64, 64)>>) -> tensor<64xf32>
  %4 = dl.reduce sum, %before {axes = array<i64: 1, 2>} : (tensor<4x16x64x64xf32>) -> tensor<4x64xf32>
  %5 = dl.reduce sum, %narrow {axes = array<i64: 0, 1, 2>} : (tensor<16x32x32x64xf16>) -> tensor<64xf16>
  return %0, %1, %2, %3, %4, %5 : tensor<64xf32>, tensor<128xf32>, tensor<2048xf32>, tensor<64xf32>, tensor<4x64xf32>, tensor<64xf16>
}
