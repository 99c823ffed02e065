// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt %s --dl-differentiate --split-input-file --verify-diagnostics | FileCheck %s

// Both operands of a product; what comes on two ways is added.

// CHECK-LABEL: func.func @product
// CHECK-SAME: (%[[X:.*]]: tensor<4x3xf32>, %[[W:.*]]: tensor<3x5xf32>)
// CHECK: %[[R:.*]] = dl.matmul %[[X]], %[[W]]
// CHECK: %[[D:.*]] = dl.add %[[R]], %[[R]]
// CHECK: %[[T:.*]] = dl.transpose %[[W]]
// CHECK: %[[GX:.*]] = dl.matmul %[[D]], %[[T]]
// CHECK: %[[U:.*]] = dl.transpose %[[X]]
// CHECK: %[[GW:.*]] = dl.matmul %[[U]], %[[D]]
// CHECK: return %[[GX]], %[[GW]]
func.func @product(%x: tensor<4x3xf32>, %w: tensor<3x5xf32>) -> (tensor<4x3xf32>, tensor<3x5xf32>) {
  %0 = dl.matmul %x, %w : (tensor<4x3xf32>, tensor<3x5xf32>) -> tensor<4x5xf32>
  %1 = dl.mul %0, %0 : (tensor<4x5xf32>, tensor<4x5xf32>) -> tensor<4x5xf32>
  %2, %3 = dl.gradient %1 by %x, %w : (tensor<4x5xf32>, tensor<4x3xf32>, tensor<3x5xf32>) -> (tensor<4x3xf32>, tensor<3x5xf32>)
  return %2, %3 : tensor<4x3xf32>, tensor<3x5xf32>
}

// -----

// The gradient of what was broadcast is a sum, over a dimension of any size.

// CHECK-LABEL: func.func @bias
// CHECK: dl.reduce sum, {{.*}} {axes = array<i64: 0>{{.*}}} : (tensor<?x5xf32, #dl.dims<()[s0] -> (s0, 5)>>) -> tensor<5xf32>
func.func @bias(%x: tensor<?x5xf32, #dl.dims<()[s0] -> (s0, 5)>>, %b: tensor<5xf32>) -> tensor<5xf32> attributes {dl.symbols = ["n"]} {
  %0 = dl.add %x, %b : (tensor<?x5xf32, #dl.dims<()[s0] -> (s0, 5)>>, tensor<5xf32>) -> tensor<?x5xf32, #dl.dims<()[s0] -> (s0, 5)>>
  %1 = dl.tanh %0 : (tensor<?x5xf32, #dl.dims<()[s0] -> (s0, 5)>>) -> tensor<?x5xf32, #dl.dims<()[s0] -> (s0, 5)>>
  %2 = dl.gradient %1 by %b : (tensor<?x5xf32, #dl.dims<()[s0] -> (s0, 5)>>, tensor<5xf32>) -> tensor<5xf32>
  return %2 : tensor<5xf32>
}

// -----

// What the value does not depend on, or only through a step, has zeros.

// CHECK-LABEL: func.func @apart
// CHECK: %[[ZERO:.*]] = dl.constant dense<0.000000e+00> : tensor<4xf32>
// CHECK: return %[[ZERO]]
func.func @apart(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dl.floor %x : (tensor<4xf32>) -> tensor<4xf32>
  %1 = dl.exp %0 : (tensor<4xf32>) -> tensor<4xf32>
  %2 = dl.gradient %1 by %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %2 : tensor<4xf32>
}

// -----

// A gradient of a gradient.

// CHECK-LABEL: func.func @second
// CHECK-NOT: dl.gradient
// CHECK: return
func.func @second(%x: tensor<f32>) -> tensor<f32> {
  %0 = dl.sin %x : (tensor<f32>) -> tensor<f32>
  %1 = dl.gradient %0 by %x : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %2 = dl.gradient %1 by %x : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %2 : tensor<f32>
}

// -----

// The way from the value to the variable is told.

func.func @refused(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dl.exp %x : (tensor<4xf32>) -> tensor<4xf32>
  %1 = dl.constant dense<1> : tensor<2xi64>
  %2 = dl.constant dense<2.0> : tensor<2xf32>
  // expected-error-re @+1 {{'dl.scatter_elements' has no gradient; the way to it: {{.*}}:8 <- {{.*}}:8 <- {{.*}}:8 <- the variable}}
  %3 = dl.scatter_elements max, %0, %1, %2 {axis = 0 : i64} : (tensor<4xf32>, tensor<2xi64>, tensor<2xf32>) -> tensor<4xf32>
  %4 = dl.tanh %3 : (tensor<4xf32>) -> tensor<4xf32>
  %5 = dl.gradient %4 by %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %5 : tensor<4xf32>
}
