// What the verifiers of ops that choose by index refuse.

// RUN: dl-opt %s --split-input-file --verify-diagnostics

func.func @gather(%x: tensor<9x4xf32>, %i: tensor<2xi64>) {
  // expected-error @+2 {{(C1) expected an axis from 0 to 1, found 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.gather %x, %i {axis = 2 : i64} : (tensor<9x4xf32>, tensor<2xi64>) -> tensor<1xf32>
  return
}

// -----

func.func @gather_2(%x: tensor<9x4xf32>, %i: tensor<2xf32>) {
  // expected-error @+1 {{operand #1 must be ranked tensor of signless integer or unsigned integer values}}
  %0 = dl.gather %x, %i {axis = 0 : i64} : (tensor<9x4xf32>, tensor<2xf32>) -> tensor<1xf32>
  return
}

// -----

func.func @gather_elements(%x: tensor<2x9xf32>, %i: tensor<2x3xi64>) {
  // expected-error @+2 {{(C1) expected an axis from 0 to 1, found -1}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.gather_elements %x, %i {axis = -1 : i64} : (tensor<2x9xf32>, tensor<2x3xi64>) -> tensor<1xf32>
  return
}

// -----

func.func @gather_elements_2(%x: tensor<2x9xf32>, %i: tensor<3xi64>) {
  // expected-error @+2 {{(C2) expected indices of rank 2, found 'tensor<3xi64>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.gather_elements %x, %i {axis = 1 : i64} : (tensor<2x9xf32>, tensor<3xi64>) -> tensor<1xf32>
  return
}

// -----

func.func @gather_elements_3(%x: tensor<2x9xf32>, %i: tensor<3x3xi64>) {
  // expected-error @+2 {{(C3) expected indices no larger than the operand in dimension 0, found 'tensor<3x3xi64>' and 'tensor<2x9xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.gather_elements %x, %i {axis = 1 : i64} : (tensor<2x9xf32>, tensor<3x3xi64>) -> tensor<1xf32>
  return
}

// -----

func.func @gather_nd(%x: tensor<9x4xf32>, %i: tensor<i64>) {
  // expected-error @+2 {{(C1) expected indices with a static last dimension, found 'tensor<i64>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.gather_nd %x, %i  : (tensor<9x4xf32>, tensor<i64>) -> tensor<1xf32>
  return
}

// -----

func.func @gather_nd_2(%x: tensor<9x4xf32>, %i: tensor<?xi64, #dl.dims<()[s0] -> (s0)>>) {
  // expected-error @+2 {{(C1) expected indices with a static last dimension, found 'tensor<?xi64}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.gather_nd %x, %i  : (tensor<9x4xf32>, tensor<?xi64, #dl.dims<()[s0] -> (s0)>>) -> tensor<1xf32>
  return
}

// -----

func.func @gather_nd_3(%x: tensor<9x4xf32>, %i: tensor<5x1xi64>) {
  // expected-error @+2 {{(C2) expected batch_dims from 0 to 1, found 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.gather_nd %x, %i {batch_dims = 2 : i64} : (tensor<9x4xf32>, tensor<5x1xi64>) -> tensor<1xf32>
  return
}

// -----

func.func @gather_nd_4(%x: tensor<9x4xf32>, %i: tensor<5x3xi64>) {
  // expected-error @+2 {{(C3) expected at most 2 batch and indexed dimensions, found 0 and 3}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.gather_nd %x, %i  : (tensor<9x4xf32>, tensor<5x3xi64>) -> tensor<1xf32>
  return
}

// -----

func.func @gather_nd_5(%x: tensor<9x4xf32>, %i: tensor<5x1xi64>) {
  // expected-error @+2 {{(C4) expected leading dimensions that agree, found 'tensor<9x4xf32>' and 'tensor<5x1xi64>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.gather_nd %x, %i {batch_dims = 1 : i64} : (tensor<9x4xf32>, tensor<5x1xi64>) -> tensor<1xf32>
  return
}

// -----

func.func @scatter_elements(%x: tensor<9x4xf32>, %i: tensor<2x4xi64>, %u: tensor<2x4xf32>) {
  // expected-error @+2 {{(C1) expected an axis from 0 to 1, found 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.scatter_elements add, %x, %i, %u {axis = 2 : i64} : (tensor<9x4xf32>, tensor<2x4xi64>, tensor<2x4xf32>) -> tensor<9x4xf32>
  return
}

// -----

func.func @scatter_elements_2(%x: tensor<9x4xf32>, %i: tensor<2x4xi64>, %u: tensor<2x4xf16>) {
  // expected-error @+2 {{(C2) expected updates of 'f32', found 'f16'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.scatter_elements add, %x, %i, %u {axis = 0 : i64} : (tensor<9x4xf32>, tensor<2x4xi64>, tensor<2x4xf16>) -> tensor<9x4xf32>
  return
}

// -----

func.func @scatter_elements_3(%x: tensor<9x4xf32>, %i: tensor<2xi64>, %u: tensor<2xf32>) {
  // expected-error @+2 {{(C3) expected indices of rank 2, found 'tensor<2xi64>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.scatter_elements add, %x, %i, %u {axis = 0 : i64} : (tensor<9x4xf32>, tensor<2xi64>, tensor<2xf32>) -> tensor<9x4xf32>
  return
}

// -----

func.func @scatter_elements_4(%x: tensor<9x4xf32>, %i: tensor<2x4xi64>, %u: tensor<3x4xf32>) {
  // expected-error @+2 {{(C4) expected updates of the indices' shape, found 'tensor<3x4xf32>' and 'tensor<2x4xi64>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.scatter_elements add, %x, %i, %u {axis = 0 : i64} : (tensor<9x4xf32>, tensor<2x4xi64>, tensor<3x4xf32>) -> tensor<9x4xf32>
  return
}

// -----

func.func @scatter_nd(%x: tensor<9x4xf32>, %i: tensor<5x3xi64>, %u: tensor<5xf32>) {
  // expected-error @+2 {{(C1) expected indices with a static last dimension of at most 2, found 'tensor<5x3xi64>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.scatter_nd add, %x, %i, %u : (tensor<9x4xf32>, tensor<5x3xi64>, tensor<5xf32>) -> tensor<9x4xf32>
  return
}

// -----

func.func @scatter_nd_2(%x: tensor<9x4xf32>, %i: tensor<5x1xi64>, %u: tensor<5x4xf16>) {
  // expected-error @+2 {{(C2) expected updates of 'f32', found 'f16'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.scatter_nd add, %x, %i, %u : (tensor<9x4xf32>, tensor<5x1xi64>, tensor<5x4xf16>) -> tensor<9x4xf32>
  return
}

// -----

func.func @scatter_nd_3(%x: tensor<9x4xf32>, %i: tensor<5x1xi64>, %u: tensor<5x3xf32>) {
  // expected-error @+2 {{(C3) expected updates of 'tensor<5x4xf32>', found 'tensor<5x3xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.scatter_nd add, %x, %i, %u : (tensor<9x4xf32>, tensor<5x1xi64>, tensor<5x3xf32>) -> tensor<9x4xf32>
  return
}
