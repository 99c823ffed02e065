// What the verifiers of reductions refuse.

// RUN: dl-opt %s --split-input-file --verify-diagnostics

func.func @reduce(%x: tensor<2x3xf32>) {
  // expected-error @+2 {{(C1) expected ascending axes below 2, found [1, 0]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.reduce sum, %x {axes = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<f32>
  return
}

// -----

func.func @reduce_2(%x: tensor<2x3xf32>) {
  // expected-error @+2 {{(C1) expected ascending axes below 2, found [0, 0]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.reduce sum, %x {axes = array<i64: 0, 0>} : (tensor<2x3xf32>) -> tensor<f32>
  return
}

// -----

func.func @reduce_3(%x: tensor<2x3xf32>) {
  // expected-error @+2 {{(C1) expected ascending axes below 2, found [2]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.reduce sum, %x {axes = array<i64: 2>} : (tensor<2x3xf32>) -> tensor<f32>
  return
}

// -----

func.func @reduce_4(%x: tensor<2x3xf32>) {
  // expected-error @+2 {{(C1) expected ascending axes below 2, found [-1]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.reduce sum, %x {axes = array<i64: -1>} : (tensor<2x3xf32>) -> tensor<f32>
  return
}

// -----

func.func @reduce_5(%x: tensor<2x3xi1>) {
  // expected-error @+1 {{operand #0 must be ranked tensor of float or integer wider than bool values}}
  %0 = dl.reduce max, %x {axes = array<i64: 0>} : (tensor<2x3xi1>) -> tensor<3xi1>
  return
}

// -----

func.func @softmax(%x: tensor<2x3xf32>) {
  // expected-error @+2 {{(C1) expected an axis from 0 to 1, found 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.softmax %x {axis = 2 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @softmax_2(%x: tensor<2x3xi32>) {
  // expected-error @+1 {{operand #0 must be ranked tensor of floating-point values}}
  %0 = dl.softmax %x {axis = 1 : i64} : (tensor<2x3xi32>) -> tensor<2x3xi32>
  return
}

// -----

func.func @arg_reduce(%x: tensor<2x3xf32>) {
  // expected-error @+2 {{(C1) expected max or min, found sum}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.arg_reduce sum, %x {axis = 1 : i64} : (tensor<2x3xf32>) -> tensor<2xi64>
  return
}

// -----

func.func @arg_reduce_2(%x: tensor<2x3xf32>) {
  // expected-error @+2 {{(C2) expected an axis from 0 to 1, found -1}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.arg_reduce max, %x {axis = -1 : i64} : (tensor<2x3xf32>) -> tensor<2xi64>
  return
}

// -----

func.func @arg_reduce_3(%x: tensor<2x0xf32>) {
  // expected-error @+2 {{(C3) expected at least one element along dimension 1, found 'tensor<2x0xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.arg_reduce max, %x {axis = 1 : i64} : (tensor<2x0xf32>) -> tensor<2xi64>
  return
}

// -----

func.func @cumsum(%x: tensor<2x3xf32>) {
  // expected-error @+2 {{(C1) expected an axis from 0 to 1, found 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.cumsum %x {axis = 2 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @topk(%x: tensor<2x9xf32>) {
  // expected-error @+1 {{(C1) expected an axis from 0 to 1, found 2}}
  %0, %1 = dl.topk %x {axis = 2 : i64} : (tensor<2x9xf32>) -> (tensor<2x3xf32>, tensor<2x3xi64>)
  return
}

// -----

func.func @topk_2(%x: tensor<2x9xf32>) {
  // expected-error @+1 {{(C2) expected results of 'f32' and i64, found 'f16' and 'i64'}}
  %0, %1 = dl.topk %x {axis = 1 : i64} : (tensor<2x9xf32>) -> (tensor<2x3xf16>, tensor<2x3xi64>)
  return
}

// -----

func.func @topk_3(%x: tensor<2x9xf32>) {
  // expected-error @+1 {{(C2) expected results of 'f32' and i64, found 'f32' and 'i32'}}
  %0, %1 = dl.topk %x {axis = 1 : i64} : (tensor<2x9xf32>) -> (tensor<2x3xf32>, tensor<2x3xi32>)
  return
}

// -----

func.func @topk_4(%x: tensor<2x9xf32>) {
  // expected-error @+1 {{(C3) expected two results of the shape of 'tensor<2x9xf32>' with at most that many elements along dimension 1, found 'tensor<2x10xf32>' and 'tensor<2x10xi64>'}}
  %0, %1 = dl.topk %x {axis = 1 : i64} : (tensor<2x9xf32>) -> (tensor<2x10xf32>, tensor<2x10xi64>)
  return
}

// -----

func.func @topk_5(%x: tensor<2x9xf32>) {
  // expected-error @+1 {{(C3) expected two results of the shape of 'tensor<2x9xf32>'}}
  %0, %1 = dl.topk %x {axis = 1 : i64} : (tensor<2x9xf32>) -> (tensor<2x3xf32>, tensor<2x4xi64>)
  return
}

// -----

func.func @topk_6(%x: tensor<2x9xf32>) {
  // expected-error @+1 {{(C3) expected two results of the shape of 'tensor<2x9xf32>'}}
  %0, %1 = dl.topk %x {axis = 1 : i64} : (tensor<2x9xf32>) -> (tensor<3x3xf32>, tensor<3x3xi64>)
  return
}

// -----

func.func @window_reduce(%x: tensor<2x5xf32>) {
  // expected-error @+2 {{(C1) expected a window of at most 2 dimensions, found [1, 1, 1]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.window_reduce max, %x {window = array<i64: 1, 1, 1>, strides = array<i64: 1, 1, 1>, dilations = array<i64: 1, 1, 1>} : (tensor<2x5xf32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @window_reduce_2(%x: tensor<2x5xf32>) {
  // expected-error @+2 {{(C2) expected window to be 1 values of at least 1, found [0]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.window_reduce max, %x {window = array<i64: 0>, strides = array<i64: 1>, dilations = array<i64: 1>} : (tensor<2x5xf32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @window_reduce_3(%x: tensor<2x5xf32>) {
  // expected-error @+2 {{(C2) expected strides to be 1 values of at least 1, found [1, 1]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.window_reduce max, %x {window = array<i64: 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1>} : (tensor<2x5xf32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @window_reduce_4(%x: tensor<2x5xf32>) {
  // expected-error @+2 {{(C2) expected dilations to be 1 values of at least 1, found [0]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.window_reduce max, %x {window = array<i64: 2>, strides = array<i64: 1>, dilations = array<i64: 0>} : (tensor<2x5xf32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @window_reduce_5(%x: tensor<2x5xf32>) {
  // expected-error @+2 {{(C3) expected a window of at most 5, found one that spans 7}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.window_reduce max, %x {window = array<i64: 3>, strides = array<i64: 1>, dilations = array<i64: 3>} : (tensor<2x5xf32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @row_order(%x: tensor<5xf32>) {
  // expected-error @+1 {{(C1) expected an operand of rank 2, found 'tensor<5xf32>'}}
  %0 = dl.row_order %x : (tensor<5xf32>) -> tensor<5xi64>
  return
}

// -----

func.func @row_order_2(%x: tensor<5x2xf32>) {
  // expected-error @+1 {{(C2) expected an i64 for each row of 'tensor<5x2xf32>', found 'tensor<4xi64>'}}
  %0 = dl.row_order %x : (tensor<5x2xf32>) -> tensor<4xi64>
  return
}

// -----

func.func @suppress(%b: tensor<1x6x4xf32>, %c: tensor<1x2x5xf32>, %m: tensor<i64>, %t: tensor<f32>) {
  // expected-error @+1 {{(C1) expected boxes [b, n, 4] and scores [b, c, n] of one type}}
  %s, %n = dl.suppress %b, %c, %m, %t, %t : (tensor<1x6x4xf32>, tensor<1x2x5xf32>, tensor<i64>, tensor<f32>, tensor<f32>) -> (tensor<12x3xi64>, tensor<1xi64>)
  return
}

// -----

func.func @suppress_2(%b: tensor<1x6x4xf32>, %c: tensor<1x2x6xf32>, %m: tensor<1xi64>, %t: tensor<f32>) {
  // expected-error @+1 {{(C2) expected scalars of i64, f32 and f32}}
  %s, %n = dl.suppress %b, %c, %m, %t, %t : (tensor<1x6x4xf32>, tensor<1x2x6xf32>, tensor<1xi64>, tensor<f32>, tensor<f32>) -> (tensor<12x3xi64>, tensor<1xi64>)
  return
}

// -----

func.func @suppress_3(%b: tensor<1x6x4xf32>, %c: tensor<1x2x6xf32>, %m: tensor<i64>, %t: tensor<f32>) {
  // expected-error @+1 {{(C3) expected results [m, 3] and [1] of i64}}
  %s, %n = dl.suppress %b, %c, %m, %t, %t : (tensor<1x6x4xf32>, tensor<1x2x6xf32>, tensor<i64>, tensor<f32>, tensor<f32>) -> (tensor<12x4xi64>, tensor<1xi64>)
  return
}
