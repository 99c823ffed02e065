// Result types are inferred over symbols: where the text's type contradicts the
// inferred one, the message shows what was inferred.

// RUN: dl-opt %s --split-input-file --verify-diagnostics

!n4 = tensor<?x4xf32, #dl.dims<()[s0] -> (s0, 4)>>
func.func @broadcast(%x: !n4, %y: tensor<4xf32>) attributes {dl.symbols = ["n"]} {
  // expected-error @+2 {{inferred type(s) 'tensor<?x4xf32, #dl.dims<()[s0] -> (s0, 4)>>' are incompatible with return type(s) of operation 'tensor<4xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.add %x, %y : (!n4, tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

// A constant is preferred to a symbol: both must be equal when the model runs.
func.func @broadcast_constant(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0)>>, %y: tensor<4xf32>) attributes {dl.symbols = ["n"]} {
  // expected-error @+2 {{inferred type(s) 'tensor<4xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.add %x, %y : (tensor<?xf32, #dl.dims<()[s0] -> (s0)>>, tensor<4xf32>) -> tensor<3xf32>
  return
}

// -----

// A less precise type in the text does not contradict.
func.func @less_precise(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0)>>, %y: tensor<4xf32>) attributes {dl.symbols = ["n"]} {
  %0 = dl.add %x, %y : (tensor<?xf32, #dl.dims<()[s0] -> (s0)>>, tensor<4xf32>) -> tensor<?xf32, #dl.dims<()[s0] -> (s0)>>
  return
}

// -----

!n = tensor<?x3xf32, #dl.dims<()[s0] -> (s0, 3)>>
!m = tensor<?x3xf32, #dl.dims<()[s0, s1] -> (s1 * 2, 3)>>
func.func @concat(%x: !n, %y: !m) attributes {dl.symbols = ["n", "m"]} {
  // expected-error @+2 {{inferred type(s) 'tensor<?x3xf32, #dl.dims<()[s0, s1] -> (s0 + s1 * 2, 3)>>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.concat %x, %y {axis = 0 : i64} : (!n, !m) -> tensor<3xf32>
  return
}

// -----

!x = tensor<?x3x?x8xf32, #dl.dims<()[s0, s1] -> (s0, 3, s1, 8)>>
func.func @conv(%x: !x, %w: tensor<5x3x3x3xf32>) attributes {dl.symbols = ["n", "h"]} {
  // expected-error @+2 {{inferred type(s) 'tensor<?x5x?x4xf32, #dl.dims<()[s0, s1] -> (s0, 5, (s1 + 1) floordiv 2, 4)>>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.conv %x, %w {strides = array<i64: 2, 2>, pads_low = array<i64: 1, 1>, pads_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (!x, tensor<5x3x3x3xf32>) -> tensor<3xf32>
  return
}

// -----

!x = tensor<?x?xf32, #dl.dims<()[s0, s1] -> (s0, s1)>>
func.func @window(%x: !x) attributes {dl.symbols = ["n", "m"]} {
  // expected-error @+2 {{inferred type(s) 'tensor<?x?xf32, #dl.dims<()[s0, s1] -> (s0, s1 - 4)>>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.window_reduce max, %x {window = array<i64: 3>, strides = array<i64: 1>, dilations = array<i64: 2>} : (!x) -> tensor<3xf32>
  return
}

// -----

!a = tensor<?x2x?xf32, #dl.dims<()[s0, s1] -> (s0, 2, s1)>>
!b = tensor<?x5xf32, #dl.dims<()[s0, s1] -> (s1, 5)>>
func.func @matmul(%a: !a, %b: !b) attributes {dl.symbols = ["n", "k"]} {
  // expected-error @+2 {{inferred type(s) 'tensor<?x2x5xf32, #dl.dims<()[s0] -> (s0, 2, 5)>>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.matmul %a, %b : (!a, !b) -> tensor<3xf32>
  return
}

// -----

!x = tensor<?x?x4xf32, #dl.dims<()[s0, s1] -> (s0, s1, 4)>>
func.func @reduce(%x: !x) attributes {dl.symbols = ["n", "m"]} {
  // expected-error @+2 {{inferred type(s) 'tensor<?x4xf32, #dl.dims<()[s0, s1] -> (s1, 4)>>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.reduce sum, %x {axes = array<i64: 0>} : (!x) -> tensor<3xf32>
  return
}

// -----

!x = tensor<?x?x4xf32, #dl.dims<()[s0, s1] -> (s0, s1, 4)>>
func.func @arg_reduce(%x: !x) attributes {dl.symbols = ["n", "m"]} {
  // expected-error @+2 {{inferred type(s) 'tensor<?x1x4xi64, #dl.dims<()[s0] -> (s0, 1, 4)>>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.arg_reduce max, %x {axis = 1 : i64, keepdims = true} : (!x) -> tensor<3xi64>
  return
}

// -----

!x = tensor<?x?x4xf32, #dl.dims<()[s0, s1] -> (s0, s1, 4)>>
func.func @transpose(%x: !x) attributes {dl.symbols = ["n", "m"]} {
  // expected-error @+2 {{inferred type(s) 'tensor<4x?x?xf32, #dl.dims<()[s0, s1] -> (4, s0, s1)>>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.transpose %x {permutation = array<i64: 2, 0, 1>} : (!x) -> tensor<3xf32>
  return
}

// -----

!i = tensor<?x2xi64, #dl.dims<()[s0, s1] -> (s1, 2)>>
func.func @gather(%x: tensor<9x4xf32>, %i: !i) attributes {dl.symbols = ["n", "m"]} {
  // expected-error @+2 {{inferred type(s) 'tensor<9x?x2xf32, #dl.dims<()[s0, s1] -> (9, s1, 2)>>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.gather %x, %i {axis = 1 : i64} : (tensor<9x4xf32>, !i) -> tensor<3xf32>
  return
}

// -----

!i = tensor<?x2xi64, #dl.dims<()[s0, s1] -> (s1, 2)>>
func.func @gather_nd(%x: tensor<9x4x7xf32>, %i: !i) attributes {dl.symbols = ["n", "m"]} {
  // expected-error @+2 {{inferred type(s) 'tensor<?x7xf32, #dl.dims<()[s0, s1] -> (s1, 7)>>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.gather_nd %x, %i : (tensor<9x4x7xf32>, !i) -> tensor<3xf32>
  return
}

// -----

!x = tensor<?xf32, #dl.dims<()[s0] -> (s0)>>
func.func @compare(%x: !x) attributes {dl.symbols = ["n"]} {
  // expected-error @+2 {{inferred type(s) 'tensor<?xi1, #dl.dims<()[s0] -> (s0)>>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.compare lt, %x, %x : (!x, !x) -> tensor<3x3xi1>
  return
}

// -----

// Expressions that differ by a constant contradict each other.
!x = tensor<?xf32, #dl.dims<()[s0] -> (s0)>>
!y = tensor<?xf32, #dl.dims<()[s0] -> (s0 + 1)>>
func.func @contradiction(%x: !x) attributes {dl.symbols = ["n"]} {
  // expected-error @+2 {{inferred type(s) 'tensor<?xf32, #dl.dims<()[s0] -> (s0)>>' are incompatible}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.exp %x : (!x) -> !y
  return
}
