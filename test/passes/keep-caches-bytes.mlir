// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --split-input-file "--dl-keep-caches=length=64 quantizes" %s | FileCheck %s --check-prefix=BYTES

// As bytes, with a scale for each head and row.

// BYTES-LABEL: func.func @main(
// BYTES-SAME: %[[Q:.*]]: tensor<1x2x1x4xf32>, %{{.*}}: tensor<i64>, %[[K:.*]]: tensor<1x2x64x4xi8>, %[[S:.*]]: tensor<1x2x64x1xf32>)
// BYTES: %[[A:.*]] = dl.abs %[[Q]]
// BYTES: %[[M:.*]] = dl.reduce max, %[[A]] {{.}}axes = array<i64: 3>, keepdims = true}
// BYTES: %[[R:.*]] = dl.div %[[Q]]
// BYTES: %[[B:.*]] = dl.cast {{.*}} -> tensor<1x2x1x4xi8>
// BYTES: dl.insert %[[K]], %[[B]]
// BYTES: dl.insert %[[S]], %{{.*}} : (tensor<1x2x64x1xf32>, tensor<1x2x1x1xf32>)
// BYTES: {{.}}name = "k", role = "cache"}, {{.}}name = "k.scale", role = "cache"}

func.func @main(%q: tensor<1x2x1x4xf32>, %k: tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0, 4)>>) -> (tensor<1x2x1x1xf32>, tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>) attributes {dl.input_names = ["q", "k"], dl.output_names = ["y", "k2"], dl.symbols = ["P"]} {
  %0 = dl.concat %k, %q {axis = 2 : i64} : (tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0, 4)>>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>
  %1 = dl.reduce sum, %0 {axes = array<i64: 2, 3>, keepdims = true} : (tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>) -> tensor<1x2x1x1xf32>
  return %1, %0 : tensor<1x2x1x1xf32>, tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>
}

// -----

// Scales of keys go to the scores, of values to the weights: products have bytes.

// BYTES-LABEL: func.func @main(
// BYTES: %[[KEYS:.*]] = dl.transpose %{{.*}} : (tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>) -> tensor<1x2x4x?xf32
// BYTES: %[[SCORES:.*]] = dl.matmul %{{.*}}, %[[KEYS]]
// BYTES: %[[SCALED:.*]] = dl.mul %[[SCORES]], %{{.*}}
// BYTES: %[[SOFTMAX:.*]] = dl.softmax %[[SCALED]]
// BYTES: %[[WEIGHTS:.*]] = dl.mul %[[SOFTMAX]], %{{.*}}
// BYTES: %[[MIX:.*]] = dl.matmul %[[WEIGHTS]], %{{.*}}
// BYTES: return %[[MIX]]

func.func @main(%q: tensor<1x2x1x4xf32>, %k: tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0, 4)>>, %v: tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0, 4)>>) -> (tensor<1x2x1x4xf32>, tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>, tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>) attributes {dl.input_names = ["q", "k", "v"], dl.output_names = ["y", "k2", "v2"], dl.symbols = ["P"]} {
  %0 = dl.concat %k, %q {axis = 2 : i64} : (tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0, 4)>>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>
  %1 = dl.concat %v, %q {axis = 2 : i64} : (tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0, 4)>>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>
  %2 = dl.transpose %0 {permutation = array<i64: 0, 1, 3, 2>} : (tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>) -> tensor<1x2x4x?xf32, #dl.dims<()[s0] -> (1, 2, 4, s0 + 1)>>
  %3 = dl.matmul %q, %2 : (tensor<1x2x1x4xf32>, tensor<1x2x4x?xf32, #dl.dims<()[s0] -> (1, 2, 4, s0 + 1)>>) -> tensor<1x2x1x?xf32, #dl.dims<()[s0] -> (1, 2, 1, s0 + 1)>>
  %4 = dl.softmax %3 {axis = 3 : i64} : (tensor<1x2x1x?xf32, #dl.dims<()[s0] -> (1, 2, 1, s0 + 1)>>) -> tensor<1x2x1x?xf32, #dl.dims<()[s0] -> (1, 2, 1, s0 + 1)>>
  %5 = dl.matmul %4, %1 : (tensor<1x2x1x?xf32, #dl.dims<()[s0] -> (1, 2, 1, s0 + 1)>>, tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>) -> tensor<1x2x1x4xf32>
  return %5, %0, %1 : tensor<1x2x1x4xf32>, tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>, tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>
}

// -----

// Rows that a model replaces: bytes and scales are replaced at the same positions.

// BYTES-LABEL: func.func @main(
// BYTES-SAME: %[[ROW:.*]]: tensor<1x2x1x4xf32>, %[[AT:.*]]: tensor<1xi64>, %[[C:.*]]: tensor<1x2x8x4xi8>, %[[S:.*]]: tensor<1x2x8x1xf32>)
// BYTES: %[[INDICES:.*]] = dl.broadcast
// BYTES: %[[SCALE:.*]] = dl.mul {{.*}} -> tensor<1x2x1x1xf32>
// BYTES: %[[B:.*]] = dl.scatter_elements set, %[[C]], %[[INDICES]], %{{.*}} {axis = 2 : i64} : (tensor<1x2x8x4xi8>
// BYTES: %[[FIRST:.*]] = dl.slice %[[INDICES]]
// BYTES: %[[N:.*]] = dl.scatter_elements set, %[[S]], %[[FIRST]], %[[SCALE]] {axis = 2 : i64} : (tensor<1x2x8x1xf32>
// BYTES: return %{{.*}}, %[[B]], %[[N]]

func.func @main(%k: tensor<1x2x1x4xf32>, %at: tensor<1xi64>, %c: tensor<1x2x8x4xf32>) -> (tensor<1x2x4xf32>, tensor<1x2x8x4xf32>) attributes {dl.input_names = ["k", "at", "c"], dl.output_names = ["y", "c2"]} {
  %i = dl.broadcast %at : (tensor<1xi64>) -> tensor<1x2x1x4xi64>
  %0 = dl.scatter_elements set, %c, %i, %k {axis = 2 : i64} : (tensor<1x2x8x4xf32>, tensor<1x2x1x4xi64>, tensor<1x2x1x4xf32>) -> tensor<1x2x8x4xf32>
  %1 = dl.reduce sum, %0 {axes = array<i64: 2>} : (tensor<1x2x8x4xf32>) -> tensor<1x2x4xf32>
  return %1, %0 : tensor<1x2x4xf32>, tensor<1x2x8x4xf32>
}

// -----

// Slices of a tensor, by their numbers.

// BYTES-LABEL: func.func @main(
// BYTES-SAME: %[[ROW:.*]]: tensor<3x2x4xf32>, %[[AT:.*]]: tensor<3x1xi64>, %[[C:.*]]: tensor<8x2x4xi8>, %[[S:.*]]: tensor<8x2x1xf32>)
// BYTES: dl.scatter_nd set, %[[C]], %[[AT]], %{{.*}} : (tensor<8x2x4xi8>, tensor<3x1xi64>, tensor<3x2x4xi8>)
// BYTES: dl.scatter_nd set, %[[S]], %[[AT]], %{{.*}} : (tensor<8x2x1xf32>, tensor<3x1xi64>, tensor<3x2x1xf32>)

func.func @main(%k: tensor<3x2x4xf32>, %at: tensor<3x1xi64>, %c: tensor<8x2x4xf32>) -> (tensor<2x4xf32>, tensor<8x2x4xf32>) attributes {dl.input_names = ["k", "at", "c"], dl.output_names = ["y", "c2"]} {
  %0 = dl.scatter_nd set, %c, %at, %k : (tensor<8x2x4xf32>, tensor<3x1xi64>, tensor<3x2x4xf32>) -> tensor<8x2x4xf32>
  %1 = dl.reduce sum, %0 {axes = array<i64: 0>} : (tensor<8x2x4xf32>) -> tensor<2x4xf32>
  return %1, %0 : tensor<2x4xf32>, tensor<8x2x4xf32>
}
