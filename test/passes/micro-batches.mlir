// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: not dl-opt %s --split-input-file --dl-build-training="loss=mse micro-batches=2" 2>&1 | FileCheck %s
// RUN: not dl-opt %s --split-input-file --dl-build-training="loss=mse micro-batches=2 data-parallel=true" 2>&1 | FileCheck %s --check-prefix=RANKS

// The step goes through the parts of a batch, each with random numbers of its own.

// CHECK: func.func @evaluate(%{{.*}}: tensor<4x3xf32>
// CHECK: func.func @step(%[[X:.*]]: tensor<8x3xf32>, %{{.*}}: tensor<8x2xf32>, %[[W:.*]]: tensor<3x2xf32>, %[[N:.*]]: tensor<i64>
// CHECK: %[[NUMBERS:.*]] = dl.iota : tensor<2xi64>
// CHECK: %[[PARTS:.*]] = dl.reshape %[[X]] : (tensor<8x3xf32>) -> tensor<2x4x3xf32>
// CHECK: %[[SCAN:.*]]:2 = dl.scan states({{.*}}) inputs(%[[NUMBERS]], %[[PARTS]], %{{.*}}) {
// CHECK: ^bb0(%[[LOSS:.*]]: tensor<f32>, %[[SUM:.*]]: tensor<3x2xf32>, %[[NUMBER:.*]]: tensor<i64>, %[[PART:.*]]: tensor<4x3xf32>, %{{.*}}: tensor<4x2xf32>):
// CHECK: %[[FIRST:.*]] = dl.mul %[[N]], %{{.*}} : (tensor<i64>, tensor<i64>)
// CHECK: %[[OWN:.*]] = dl.add %[[FIRST]], %[[NUMBER]]
// CHECK: dl.matmul %[[PART]], %[[W]]
// CHECK: dl.cast %[[OWN]]
// CHECK: %[[G:.*]] = dl.gradient %{{.*}} by %[[W]]
// CHECK: %[[NEXT:.*]] = dl.add %[[SUM]], %[[G]]
// CHECK: dl.yield %{{.*}}, %[[NEXT]]
// CHECK: dl.mul %[[SCAN]]#1, %{{.*}}
// CHECK: %[[COUNT:.*]] = dl.add %[[N]], %{{.*}}

// Parts of other ranks have other numbers still; sums are reduced once.

// RANKS: func.func @step(%{{.*}}, %[[N:[a-z0-9]*]]: tensor<i64>
// RANKS: %[[RANK:.*]], %[[COUNT:.*]] = dl.process_rank
// RANKS: %[[FIRST:.*]] = dl.mul %[[N]], %[[COUNT]]
// RANKS: %[[OWN:.*]] = dl.add %[[FIRST]], %[[RANK]]
// RANKS: dl.scan
// RANKS: dl.mul %[[OWN]], %{{.*}} : (tensor<i64>, tensor<i64>)
// RANKS-NOT: dl.all_reduce
// RANKS: dl.yield
// RANKS: dl.all_reduce {{.*}} : (tensor<f32>)
// RANKS: dl.all_reduce {{.*}} : (tensor<3x2xf32>)
// RANKS: dl.add %[[N]], %{{.*}}

func.func private @states() -> (tensor<3x2xf32>, tensor<i64>) attributes {dl.states = [{name = "w", role = "parameter"}, {name = "step", role = "counter"}]} {
  %0 = dl.constant dense<0.0> : tensor<3x2xf32>
  %1 = dl.constant dense<0> : tensor<i64>
  return %0, %1 : tensor<3x2xf32>, tensor<i64>
}
func.func @main(%x: tensor<4x3xf32>, %w: tensor<3x2xf32>, %n: tensor<i64>) -> tensor<4x2xf32> attributes {dl.state_arguments = array<i64: 0, 1>, dl.input_names = ["x"], dl.output_names = ["y"]} {
  %0 = dl.matmul %x, %w : (tensor<4x3xf32>, tensor<3x2xf32>) -> tensor<4x2xf32>
  %1 = dl.cast %n : (tensor<i64>) -> tensor<f32>
  %2 = dl.mul %0, %1 : (tensor<4x2xf32>, tensor<f32>) -> tensor<4x2xf32>
  return %2 : tensor<4x2xf32>
}

// -----

// Of a batch without a number, the parts' size is found when the step runs.

// CHECK: affine_map<()[s0, s1] -> (s1, s0 * 2)>
// CHECK: func.func @step(%{{.*}}: tensor<?x3xf32, #dl.dims<()[s0, s1] -> (s1, 3)>>
// CHECK-SAME: dl.checks = [{message = "the batch is no multiple of 2 micro-batches", relation = "eq", sizes = #map}]
// CHECK-SAME: dl.symbols = ["N.part", "N"]
// CHECK: %[[PART:.*]] = dl.sizes
// CHECK-SAME: s1 floordiv 2
// CHECK: dl.bind %[[PART]]
// CHECK: dl.reshape %{{.*}} -> tensor<2x?x3xf32, #dl.dims<()[s0] -> (2, s0, 3)>>

func.func private @states() -> tensor<3xf32> attributes {dl.states = [{name = "w", role = "parameter"}]} {
  %0 = dl.constant dense<0.0> : tensor<3xf32>
  return %0 : tensor<3xf32>
}
func.func @main(%x: tensor<?x3xf32, #dl.dims<()[s0] -> (s0, 3)>>, %w: tensor<3xf32>) -> tensor<?x3xf32, #dl.dims<()[s0] -> (s0, 3)>> attributes {dl.state_arguments = array<i64: 0>, dl.input_names = ["x"], dl.output_names = ["y"], dl.symbols = ["N"]} {
  %0 = dl.mul %x, %w : (tensor<?x3xf32, #dl.dims<()[s0] -> (s0, 3)>>, tensor<3xf32>) -> tensor<?x3xf32, #dl.dims<()[s0] -> (s0, 3)>>
  return %0 : tensor<?x3xf32, #dl.dims<()[s0] -> (s0, 3)>>
}

// -----

// CHECK: error: the step cannot go through micro-batches: input 'pairs' has the batch in another dimension than the first

func.func private @states() -> tensor<3xf32> attributes {dl.states = [{name = "w", role = "parameter"}]} {
  %0 = dl.constant dense<0.0> : tensor<3xf32>
  return %0 : tensor<3xf32>
}
func.func @main(%x: tensor<?x3xf32, #dl.dims<()[s0] -> (s0, 3)>>, %p: tensor<3x?xf32, #dl.dims<()[s0] -> (3, s0)>>, %w: tensor<3xf32>) -> tensor<?x3xf32, #dl.dims<()[s0] -> (s0, 3)>> attributes {dl.state_arguments = array<i64: 0>, dl.input_names = ["x", "pairs"], dl.output_names = ["y"], dl.symbols = ["N"]} {
  %0 = dl.mul %x, %w : (tensor<?x3xf32, #dl.dims<()[s0] -> (s0, 3)>>, tensor<3xf32>) -> tensor<?x3xf32, #dl.dims<()[s0] -> (s0, 3)>>
  return %0 : tensor<?x3xf32, #dl.dims<()[s0] -> (s0, 3)>>
}
