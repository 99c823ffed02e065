// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt %s --dl-build-training="loss=mse optimizer=sgd rate=0.1 momentum=0.9" | FileCheck %s
// RUN: dl-opt %s --dl-build-training="loss=mse optimizer=adamw train-only=^w" | FileCheck %s --check-prefix=ADAMW
// RUN: dl-opt %s --dl-build-training="loss=mse data-parallel=true clip-norm=1" | FileCheck %s --check-prefix=RANKS
// RUN: dl-opt %s --dl-build-training="loss=mse loss-scale=1024 dynamic-loss-scale=true" | FileCheck %s --check-prefix=SCALE
// RUN: dl-opt %s --dl-build-training="loss=output:y" | FileCheck %s --check-prefix=OUTPUT
// RUN: not dl-opt %s --dl-build-training="loss=output:z" 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: not dl-opt %s --dl-build-training="loss=mse train-only=nothing" 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not dl-opt %s --dl-build-training="loss=worst" 2>&1 | FileCheck %s --check-prefix=LOSS
// RUN: not dl-opt %s --dl-build-training="optimizer=best" 2>&1 | FileCheck %s --check-prefix=OPTIMIZER

// CHECK: func.func @predict
// CHECK-SAME: dl.state_arguments = array<i64: 0, 1>
// CHECK: func.func @evaluate(%{{.*}}: tensor<2x3xf32>, %{{.*}}: tensor<2x3xf32>, %{{.*}}: tensor<3xf32>, %{{.*}}: tensor<3xf32>) -> (tensor<f32>, tensor<2x3xf32>)
// CHECK-SAME: dl.output_names = ["loss", "y"]

// The step updates what it has read: parameters, their momentum, the counter.

// CHECK: func.func @step(%{{.*}}: tensor<2x3xf32>, %[[LABEL:.*]]: tensor<2x3xf32>, %[[W:.*]]: tensor<3xf32>, %[[B:.*]]: tensor<3xf32>, %[[N:.*]]: tensor<i64>, %{{.*}}: tensor<f32>, %{{.*}}: tensor<3xf32>, %{{.*}}: tensor<3xf32>) -> (tensor<f32>, tensor<i64>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>)
// CHECK-SAME: dl.input_names = ["x", "label"]
// CHECK-SAME: dl.output_names = ["loss"]
// CHECK-SAME: dl.state_arguments = array<i64: 0, 1, 2, 3, 4, 5>
// CHECK-SAME: dl.state_results = array<i64: 2, 0, 4, 1, 5>
// CHECK: dl.gradient %{{.*}} by %[[W]], %[[B]]

// CHECK: func.func private @states
// CHECK-SAME: {name = "w", role = "parameter"}
// CHECK-SAME: {name = "b", role = "parameter"}
// CHECK-SAME: {name = "step", role = "counter"}
// CHECK-SAME: {name = "learning_rate", role = "setting"}
// CHECK-SAME: {name = "w.momentum", parameter = 0 : i64, role = "slot"}
// CHECK-SAME: {name = "b.momentum", parameter = 1 : i64, role = "slot"}
// CHECK: dl.constant dense<1.000000e-01> : tensor<f32>

// A parameter that is not trained is a constant.

// ADAMW: func.func private @states
// ADAMW-SAME: [{name = "w", role = "parameter"}, {name = "step", role = "counter"}, {name = "learning_rate", role = "setting"}, {name = "w.mean", parameter = 0 : i64, role = "slot"}, {name = "w.square", parameter = 0 : i64, role = "slot"}]

// What is differentiated is the loss times the scale; gradients are divided by it, and all
// of them must be finite.

// SCALE: func.func @step
// SCALE: %[[SCALED:.*]] = dl.mul %[[L:.*]], %[[FACTOR:.*]] : (tensor<f32>, tensor<f32>)
// SCALE: %[[G:.*]]:2 = dl.gradient %[[SCALED]] by
// SCALE: dl.div %{{.*}}, %[[FACTOR]]
// SCALE: %[[W:.*]] = dl.mul %[[G]]#0,
// SCALE: dl.abs %[[W]]
// SCALE: dl.reduce max,
// SCALE: %[[FINITE:.*]] = dl.compare lt
// SCALE: dl.constant dense<5.000000e-01>
// SCALE: %[[HALF:.*]] = dl.mul %[[FACTOR]],
// SCALE: %[[LEAST:.*]] = dl.max %[[HALF]],
// SCALE: dl.select %[[FINITE]], %{{.*}}, %[[LEAST]]
// SCALE: return %[[L]],
// SCALE: func.func private @states
// SCALE-SAME: {name = "loss_scale", role = "setting"}
// SCALE-SAME: {name = "loss_scale.steps", role = "setting"}

// Several ranks take the means of the loss, of which the gradients are those of each, and
// of the gradients, of which the norm is taken.

// RANKS: func.func @evaluate
// RANKS-NOT: dl.all_reduce
// RANKS: func.func @step
// RANKS: %[[MEAN:.*]] = dl.all_reduce %[[VALUE:.*]] : (tensor<f32>) -> tensor<f32>
// RANKS: dl.abs %[[MEAN]]
// RANKS: %[[G:.*]]:2 = dl.gradient %[[VALUE]] by
// RANKS: %[[W:.*]] = dl.all_reduce %[[G]]#0 : (tensor<3xf32>) -> tensor<3xf32>
// RANKS: dl.all_reduce %[[G]]#1 : (tensor<3xf32>) -> tensor<3xf32>
// RANKS: dl.mul %[[W]], %[[W]]
// RANKS: return %[[MEAN]],

// An output is the loss, here the mean of its elements: there are no labels. A function
// of no other output keeps it.

// OUTPUT: func.func @predict(%{{.*}}: tensor<2x3xf32>, %{{.*}}: tensor<3xf32>, %{{.*}}: tensor<3xf32>) -> tensor<2x3xf32>
// OUTPUT: func.func @evaluate(%{{.*}}: tensor<2x3xf32>, %{{.*}}: tensor<3xf32>, %{{.*}}: tensor<3xf32>) -> tensor<f32>
// OUTPUT-SAME: dl.input_names = ["x"], dl.output_names = ["loss"]
// OUTPUT: func.func @step(%{{.*}}: tensor<2x3xf32>, %[[W:.*]]: tensor<3xf32>, %[[B:.*]]: tensor<3xf32>, %{{.*}}: tensor<i64>, %{{.*}}: tensor<f32>)
// OUTPUT: %[[SUM:.*]] = dl.reduce sum,
// OUTPUT: %[[VALUE:.*]] = dl.div %[[SUM]],
// OUTPUT: dl.gradient %[[VALUE]] by %[[W]], %[[B]]
// MISSING: error: there is no output 'z' to train; there is 'y'

// NONE: error: no parameter that is to be trained is on a differentiable path to the loss
// LOSS: error: unknown loss 'worst'
// OPTIMIZER: error: unknown optimizer 'best'

func.func private @states() -> (tensor<3xf32>, tensor<3xf32>) attributes {dl.states = [{name = "w", role = "parameter"}, {name = "b", role = "parameter"}]} {
  %0 = dl.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %1 = dl.constant dense<0.0> : tensor<3xf32>
  return %0, %1 : tensor<3xf32>, tensor<3xf32>
}
func.func @main(%x: tensor<2x3xf32>, %w: tensor<3xf32>, %b: tensor<3xf32>) -> tensor<2x3xf32> attributes {dl.input_names = ["x"], dl.output_names = ["y"], dl.state_arguments = array<i64: 0, 1>} {
  %0 = dl.mul %x, %w : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %1 = dl.add %0, %b : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  return %1 : tensor<2x3xf32>
}
