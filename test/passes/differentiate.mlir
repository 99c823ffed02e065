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

// A gradient that is given: from the result to the inputs, whatever lies between. The
// values themselves are left.

// CHECK-LABEL: func.func @given
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>, %[[Y:.*]]: tensor<4xf32>)
// CHECK: %[[R:.*]] = dl.round %[[X]]
// CHECK: %[[S:.*]] = dl.mul %[[R]], %[[Y]]
// CHECK-NOT: dl.with_gradient
// CHECK: %[[G:.*]] = dl.mul %{{.*}}, %[[R]]
// CHECK: %[[ZERO:.*]] = dl.constant dense<0.000000e+00> : tensor<4xf32>
// CHECK: return %[[S]], %[[G]], %[[ZERO]]
func.func @given(%x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %0 = dl.round %x : (tensor<4xf32>) -> tensor<4xf32>
  %1 = dl.mul %0, %y : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %2 = dl.with_gradient (%1) by (%x) {
  ^bb0(%g: tensor<4xf32>):
    %5 = dl.mul %g, %0 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    dl.yield_gradient %5 : tensor<4xf32>
  } : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %3, %4 = dl.gradient %2 by %x, %y : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  return %2, %3, %4 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// -----

// Without inputs, a value is a constant.

// CHECK-LABEL: func.func @stopped
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>)
// CHECK: %[[T:.*]] = dl.tanh %[[X]]
// CHECK-NOT: dl.with_gradient
// CHECK: return %[[T]]
func.func @stopped(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dl.tanh %x : (tensor<4xf32>) -> tensor<4xf32>
  %1 = dl.with_gradient (%0) by () {
  ^bb0(%g: tensor<4xf32>):
  } : (tensor<4xf32>) -> tensor<4xf32>
  %2 = dl.mul %x, %1 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %3 = dl.gradient %2 by %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %3 : tensor<4xf32>
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
  // expected-error-re @+1 {{'dl.window_reduce' has no gradient; the way to it: {{.*}}:8 <- {{.*}}:8 <- {{.*}}:8 <- the variable}}
  %3 = dl.window_reduce prod, %0 {window = array<i64: 2>, strides = array<i64: 1>, dilations = array<i64: 1>} : (tensor<4xf32>) -> tensor<3xf32>
  %4 = dl.tanh %3 : (tensor<3xf32>) -> tensor<3xf32>
  %5 = dl.gradient %4 by %x : (tensor<3xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %5 : tensor<4xf32>
}

// -----

// Slices of a loop, stacked: each iteration takes its own of the gradient. The loop that
// stores states replaces the other.

// CHECK-LABEL: func.func @slices
// CHECK: %[[L:.*]]:4 = dl.loop
// CHECK-NOT: dl.loop
// CHECK: %[[G:.*]] = dl.sequence_split %{{.*}}, %{{.*}} {axis = 0 : i64, squeeze = true}
// CHECK: dl.loop limit(%[[L]]#2)
// CHECK: dl.sequence_length %[[G]]
// CHECK: dl.sequence_at %[[G]],
// CHECK-NOT: dl.loop
func.func @slices(%x: tensor<2xf32>, %n: tensor<i64>, %c: tensor<i1>) -> tensor<2xf32> attributes {dl.symbols = []} {
  %q = dl.sequence_create() : () -> !dl.sequence<tensor<2xf32>>
  %l:2 = dl.loop limit(%n) while(%c) states(%x, %q) {
  ^bb0(%i: tensor<i64>, %s: tensor<2xf32>, %r: !dl.sequence<tensor<2xf32>>):
    %t = dl.tanh %s : (tensor<2xf32>) -> tensor<2xf32>
    %u = dl.sequence_insert %r, %t : (!dl.sequence<tensor<2xf32>>, tensor<2xf32>) -> !dl.sequence<tensor<2xf32>>
    dl.yield %c, %t, %u : tensor<i1>, tensor<2xf32>, !dl.sequence<tensor<2xf32>>
  } {body_symbols = array<i64>, symbols = array<i64>} : (tensor<i64>, tensor<i1>, tensor<2xf32>, !dl.sequence<tensor<2xf32>>) -> (tensor<2xf32>, !dl.sequence<tensor<2xf32>>)
  %y = dl.sequence_concat %l#1 {axis = 0 : i64, stack = true, symbols = array<i64: 0>} : (!dl.sequence<tensor<2xf32>>) -> tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>>
  %g = dl.gradient %y by %x : (tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>>, tensor<2xf32>) -> tensor<2xf32>
  return %g : tensor<2xf32>
}

// -----

func.func @front(%x: tensor<2xf32>, %n: tensor<i64>, %c: tensor<i1>) -> tensor<2xf32> {
  %q = dl.sequence_create() : () -> !dl.sequence<tensor<2xf32>>
  // expected-error @+1 {{'dl.loop' has no gradient: a state is a sequence that iterations do more with than add one element to its end}}
  %l:2 = dl.loop limit(%n) while(%c) states(%x, %q) {
  ^bb0(%i: tensor<i64>, %s: tensor<2xf32>, %r: !dl.sequence<tensor<2xf32>>):
    %t = dl.tanh %s : (tensor<2xf32>) -> tensor<2xf32>
    %u = dl.sequence_insert %r, %t at %i : (!dl.sequence<tensor<2xf32>>, tensor<2xf32>, tensor<i64>) -> !dl.sequence<tensor<2xf32>>
    dl.yield %c, %t, %u : tensor<i1>, tensor<2xf32>, !dl.sequence<tensor<2xf32>>
  } {body_symbols = array<i64>, symbols = array<i64>} : (tensor<i64>, tensor<i1>, tensor<2xf32>, !dl.sequence<tensor<2xf32>>) -> (tensor<2xf32>, !dl.sequence<tensor<2xf32>>)
  %y = dl.sequence_concat %l#1 {axis = 0 : i64, stack = true, symbols = array<i64: 0>} : (!dl.sequence<tensor<2xf32>>) -> tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>>
  %g = dl.gradient %y by %x : (tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>>, tensor<2xf32>) -> tensor<2xf32>
  return %g : tensor<2xf32>
}

// -----

func.func @filled(%x: tensor<2xf32>, %n: tensor<i64>, %c: tensor<i1>) -> tensor<2xf32> {
  %q = dl.sequence_create(%x) : (tensor<2xf32>) -> !dl.sequence<tensor<2xf32>>
  // expected-error @+1 {{'dl.loop' has no gradient: it adds to a sequence whose elements are trained}}
  %l = dl.loop limit(%n) while(%c) states(%q) {
  ^bb0(%i: tensor<i64>, %r: !dl.sequence<tensor<2xf32>>):
    %u = dl.sequence_insert %r, %x : (!dl.sequence<tensor<2xf32>>, tensor<2xf32>) -> !dl.sequence<tensor<2xf32>>
    dl.yield %c, %u : tensor<i1>, !dl.sequence<tensor<2xf32>>
  } {body_symbols = array<i64>, symbols = array<i64>} : (tensor<i64>, tensor<i1>, !dl.sequence<tensor<2xf32>>) -> !dl.sequence<tensor<2xf32>>
  %y = dl.sequence_concat %l {axis = 0 : i64, stack = true, symbols = array<i64: 0>} : (!dl.sequence<tensor<2xf32>>) -> tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>>
  %g = dl.gradient %y by %x : (tensor<?x2xf32, #dl.dims<()[s0] -> (s0, 2)>>, tensor<2xf32>) -> tensor<2xf32>
  return %g : tensor<2xf32>
}
