// What the verifiers of ops that rearrange a tensor refuse.

// RUN: dl-opt %s --split-input-file --verify-diagnostics

func.func @reshape(%x: tensor<6xf32>) {
  // expected-error @+1 {{(C1) expected a result of 'f32', found 'f16'}}
  %0 = dl.reshape %x : (tensor<6xf32>) -> tensor<6xf16>
  return
}

// -----

func.func @reshape_2(%x: tensor<6xf32>) {
  // expected-error @+1 {{(C2) expected as many elements as 'tensor<6xf32>' has, found 'tensor<2x4xf32>'}}
  %0 = dl.reshape %x : (tensor<6xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @reshape_3(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0 * 2)>>) {
  // expected-error @+1 {{(C2) expected as many elements as}}
  %0 = dl.reshape %x : (tensor<?xf32, #dl.dims<()[s0] -> (s0 * 2)>>) -> tensor<?xf32, #dl.dims<()[s0] -> (s0 * 2 + 1)>>
  return
}

// -----

func.func @reshape_4(%x: tensor<6xf32>) {
  // expected-error @+1 {{(D1) expected #dl.dims to give dimension 0, found 'tensor<?xf32>'}}
  %0 = dl.reshape %x : (tensor<6xf32>) -> tensor<?xf32>
  return
}

// -----

func.func @transpose(%x: tensor<2x3xf32>) {
  // expected-error @+2 {{(C1) expected a permutation of 2 dimensions, found [0, 0]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.transpose %x {permutation = array<i64: 0, 0>} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @transpose_2(%x: tensor<2x3xf32>) {
  // expected-error @+2 {{(C1) expected a permutation of 2 dimensions, found [0]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.transpose %x {permutation = array<i64: 0>} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @broadcast(%x: tensor<3xf32>) {
  // expected-error @+1 {{(C1) expected a result of 'f32', found 'f16'}}
  %0 = dl.broadcast %x : (tensor<3xf32>) -> tensor<3xf16>
  return
}

// -----

func.func @broadcast_2(%x: tensor<1x3xf32>) {
  // expected-error @+1 {{(C2) expected a result of rank 2 or more, found 'tensor<3xf32>'}}
  %0 = dl.broadcast %x : (tensor<1x3xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @broadcast_3(%x: tensor<3xf32>) {
  // expected-error @+1 {{(C3) expected a result that 'tensor<3xf32>' broadcasts to, found 'tensor<2x4xf32>'}}
  %0 = dl.broadcast %x : (tensor<3xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @slice(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{(C1) expected a result of 'f32', found 'f16'}}
  %0 = dl.slice %x {offsets = affine_map<() -> (0, 0)>, strides = array<i64: 1, 1>} : (tensor<4x8xf32>) -> tensor<4x3xf16>
  return
}

// -----

func.func @slice_2(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{(C2) expected 2 offsets, strides and result dimensions, found 1, 2 and 2}}
  %0 = dl.slice %x {offsets = affine_map<() -> (0)>, strides = array<i64: 1, 1>} : (tensor<4x8xf32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @slice_3(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{(C2) expected 2 offsets, strides and result dimensions, found 2, 1 and 2}}
  %0 = dl.slice %x {offsets = affine_map<() -> (0, 0)>, strides = array<i64: 1>} : (tensor<4x8xf32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @slice_4(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{(C2) expected 2 offsets, strides and result dimensions, found 2, 2 and 1}}
  %0 = dl.slice %x {offsets = affine_map<() -> (0, 0)>, strides = array<i64: 1, 1>} : (tensor<4x8xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @slice_5(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{(C3) expected offsets over symbols alone, found affine_map<(d0) -> (0, d0)>}}
  %0 = dl.slice %x {offsets = affine_map<(d0) -> (0, d0)>, strides = array<i64: 1, 1>} : (tensor<4x8xf32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @slice_6(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{(C4) expected strides that are not zero, found [1, 0]}}
  %0 = dl.slice %x {offsets = affine_map<() -> (0, 0)>, strides = array<i64: 1, 0>} : (tensor<4x8xf32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @slice_7(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{(C5) expected positions within 'tensor<4x8xf32>', found others along dimension 1}}
  %0 = dl.slice %x {offsets = affine_map<() -> (0, 6)>, strides = array<i64: 1, 1>} : (tensor<4x8xf32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @slice_8(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{(C5) expected positions within 'tensor<4x8xf32>', found others along dimension 1}}
  %0 = dl.slice %x {offsets = affine_map<() -> (0, -1)>, strides = array<i64: 1, 1>} : (tensor<4x8xf32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @slice_9(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{(C5) expected positions within 'tensor<4x8xf32>', found others along dimension 0}}
  %0 = dl.slice %x {offsets = affine_map<() -> (1, 0)>, strides = array<i64: -1, 1>} : (tensor<4x8xf32>) -> tensor<3x3xf32>
  return
}

// -----

func.func @slice_10(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{(C5) expected positions within 'tensor<4x8xf32>', found others along dimension 1}}
  %0 = dl.slice %x {offsets = affine_map<()[s0] -> (0, s0 + 8)>, strides = array<i64: 1, 1>} : (tensor<4x8xf32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @pad(%x: tensor<2x3xf32>, %v: tensor<f32>) {
  // expected-error @+1 {{(C1) expected a result of 'f32', found 'f16'}}
  %0 = dl.pad constant, %x, %v {low = affine_map<() -> (0, 1)>} : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x5xf16>
  return
}

// -----

func.func @pad_2(%x: tensor<2x3xf32>, %v: tensor<f16>) {
  // expected-error @+1 {{(C1) expected a scalar of 'f32', found 'tensor<f16>'}}
  %0 = dl.pad constant, %x, %v {low = affine_map<() -> (0, 1)>} : (tensor<2x3xf32>, tensor<f16>) -> tensor<2x5xf32>
  return
}

// -----

func.func @pad_3(%x: tensor<2x3xf32>, %v: tensor<1xf32>) {
  // expected-error @+1 {{(C1) expected a scalar of 'f32', found 'tensor<1xf32>'}}
  %0 = dl.pad constant, %x, %v {low = affine_map<() -> (0, 1)>} : (tensor<2x3xf32>, tensor<1xf32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @pad_4(%x: tensor<2x3xf32>, %v: tensor<f32>) {
  // expected-error @+1 {{(C2) expected 2 low counts and result dimensions, found 1 and 2}}
  %0 = dl.pad constant, %x, %v {low = affine_map<() -> (0)>} : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @pad_5(%x: tensor<2x3xf32>, %v: tensor<f32>) {
  // expected-error @+1 {{(C2) expected 2 low counts and result dimensions, found 2 and 1}}
  %0 = dl.pad constant, %x, %v {low = affine_map<() -> (0, 1)>} : (tensor<2x3xf32>, tensor<f32>) -> tensor<5xf32>
  return
}

// -----

func.func @pad_6(%x: tensor<2x3xf32>, %v: tensor<f32>) {
  // expected-error @+1 {{(C3) expected low counts over symbols alone, found affine_map<(d0) -> (0, d0)>}}
  %0 = dl.pad constant, %x, %v {low = affine_map<(d0) -> (0, d0)>} : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @concat() {
  // expected-error @+2 {{(C1) expected an input}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = "dl.concat"() {axis = 0 : i64} : () -> tensor<4xf32>
  return
}

// -----

func.func @concat_2(%a: tensor<2x3xf32>, %b: tensor<1x3xf32>) {
  // expected-error @+2 {{(C2) expected an axis from 0 to 1, found 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.concat %a, %b {axis = 2 : i64} : (tensor<2x3xf32>, tensor<1x3xf32>) -> tensor<3x3xf32>
  return
}

// -----

func.func @concat_3(%a: tensor<2x3xf32>, %b: tensor<3xf32>) {
  // expected-error @+2 {{(C3) expected inputs of one rank and element type, found 'tensor<2x3xf32>' and 'tensor<3xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.concat %a, %b {axis = 0 : i64} : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<3x3xf32>
  return
}

// -----

func.func @concat_4(%a: tensor<2x3xf32>, %b: tensor<1x3xf16>) {
  // expected-error @+2 {{(C3) expected inputs of one rank and element type, found 'tensor<2x3xf32>' and 'tensor<1x3xf16>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.concat %a, %b {axis = 0 : i64} : (tensor<2x3xf32>, tensor<1x3xf16>) -> tensor<3x3xf32>
  return
}

// -----

func.func @concat_5(%a: tensor<2x3xf32>, %b: tensor<1x4xf32>) {
  // expected-error @+2 {{(C4) expected inputs that agree in dimension 1, found 'tensor<2x3xf32>' and 'tensor<1x4xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.concat %a, %b {axis = 0 : i64} : (tensor<2x3xf32>, tensor<1x4xf32>) -> tensor<3x3xf32>
  return
}
