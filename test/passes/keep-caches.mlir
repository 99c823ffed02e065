// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --split-input-file --dl-keep-caches=length=64 %s | FileCheck %s

// An output that is an input with a row behind becomes a state, whose rows the position
// counts.

// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[Q:.*]]: tensor<1x2x1x4xf32>, %[[P:.*]]: tensor<i64>, %[[K:.*]]: tensor<1x2x64x4xf32>) -> (tensor<1x2x1x1xf32>, tensor<i64>, tensor<1x2x64x4xf32>)
// CHECK-SAME: dl.checks = [{{.*}}message = "the cache 'k' is full: it has 64 rows", relation = "le"
// CHECK-SAME: dl.input_names = ["q"], dl.output_names = ["y"], dl.state_arguments = array<i64: 0, 1>, dl.state_results = array<i64: 0, 1>
// CHECK: %[[N:.*]] = dl.reshape %[[P]] : (tensor<i64>) -> tensor<1xi64>
// CHECK: dl.bind %[[N]] {{.*}}symbols = array<i64: 0>
// CHECK: %[[S:.*]] = dl.insert %[[K]], %[[Q]] {{.}}axis = 2 : i64, offset = #{{.*}}}
// CHECK: %[[C:.*]] = dl.slice %[[S]] {{.*}} -> tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>
// CHECK: dl.reduce sum, %[[C]]
// CHECK: %[[NEXT:.*]] = dl.sizes <()[s0] -> (s0 + 1)>
// CHECK: return %{{.*}}, %{{.*}}, %[[S]]
// CHECK: func.func private @states() -> (tensor<i64>, tensor<1x2x64x4xf32>)
// CHECK-SAME: [{{.}}name = "position", role = "position"}, {{.}}name = "k", role = "cache"}]

func.func @main(%q: tensor<1x2x1x4xf32>, %k: tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0, 4)>>) -> (tensor<1x2x1x1xf32>, tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>) attributes {dl.input_names = ["q", "k"], dl.output_names = ["y", "k2"], dl.symbols = ["P"]} {
  %0 = dl.concat %k, %q {axis = 2 : i64} : (tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0, 4)>>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>
  %1 = dl.reduce sum, %0 {axes = array<i64: 2, 3>, keepdims = true} : (tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>) -> tensor<1x2x1x1xf32>
  return %1, %0 : tensor<1x2x1x1xf32>, tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>
}

// -----

// Parts of one input are states of their own.

// CHECK-LABEL: func.func @main(
// CHECK-SAME: %{{.*}}: tensor<1x2x1x4xf32>, %{{.*}}: tensor<i64>, %[[A:.*]]: tensor<1x2x64x4xf32>, %[[B:.*]]: tensor<1x2x64x4xf32>)
// CHECK-DAG: dl.insert %[[A]]
// CHECK-DAG: dl.insert %[[B]]
// CHECK: {{.}}name = "past.0", role = "cache"}, {{.}}name = "past.1", role = "cache"}

func.func @main(%q: tensor<1x2x1x4xf32>, %p: tensor<2x2x?x4xf32, #dl.dims<()[s0] -> (2, 2, s0, 4)>>) -> (tensor<1x2x1x4xf32>, tensor<2x2x?x4xf32, #dl.dims<()[s0] -> (2, 2, s0 + 1, 4)>>) attributes {dl.input_names = ["q", "past"], dl.output_names = ["y", "present"], dl.symbols = ["P"]} {
  %0 = dl.slice %p {offsets = affine_map<() -> (0, 0, 0, 0)>, strides = array<i64: 1, 1, 1, 1>} : (tensor<2x2x?x4xf32, #dl.dims<()[s0] -> (2, 2, s0, 4)>>) -> tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0, 4)>>
  %1 = dl.slice %p {offsets = affine_map<() -> (1, 0, 0, 0)>, strides = array<i64: 1, 1, 1, 1>} : (tensor<2x2x?x4xf32, #dl.dims<()[s0] -> (2, 2, s0, 4)>>) -> tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0, 4)>>
  %2 = dl.concat %0, %q {axis = 2 : i64} : (tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0, 4)>>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>
  %3 = dl.concat %1, %q {axis = 2 : i64} : (tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0, 4)>>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>
  %4 = dl.concat %2, %3 {axis = 0 : i64} : (tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>, tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>) -> tensor<2x2x?x4xf32, #dl.dims<()[s0] -> (2, 2, s0 + 1, 4)>>
  return %q, %4 : tensor<1x2x1x4xf32>, tensor<2x2x?x4xf32, #dl.dims<()[s0] -> (2, 2, s0 + 1, 4)>>
}

// -----

// An input that comes back with elements replaced is a state as it is.

// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[K:.*]]: tensor<1x2x1x4xf32>, %[[AT:.*]]: tensor<1x2x1x4xi64>, %[[C:.*]]: tensor<1x2x8x4xf32>) -> (tensor<1x2x4xf32>, tensor<1x2x8x4xf32>)
// CHECK-SAME: dl.state_arguments = array<i64: 0>, dl.state_results = array<i64: 0>
// CHECK: %[[N:.*]] = dl.scatter_elements set, %[[C]], %[[AT]], %[[K]]
// CHECK: return %{{.*}}, %[[N]]
// CHECK: {{.}}name = "c", role = "cache"}

func.func @main(%k: tensor<1x2x1x4xf32>, %c: tensor<1x2x8x4xf32>, %at: tensor<1x2x1x4xi64>) -> (tensor<1x2x4xf32>, tensor<1x2x8x4xf32>) attributes {dl.input_names = ["k", "c", "at"], dl.output_names = ["y", "c2"]} {
  %0 = dl.scatter_elements set, %c, %at, %k {axis = 2 : i64} : (tensor<1x2x8x4xf32>, tensor<1x2x1x4xi64>, tensor<1x2x1x4xf32>) -> tensor<1x2x8x4xf32>
  %1 = dl.reduce sum, %0 {axes = array<i64: 2>} : (tensor<1x2x8x4xf32>) -> tensor<1x2x4xf32>
  return %1, %0 : tensor<1x2x4xf32>, tensor<1x2x8x4xf32>
}
