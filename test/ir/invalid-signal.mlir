// What the verifiers of windows and transforms refuse.

// RUN: dl-opt %s --split-input-file --verify-diagnostics

func.func @axis(%x: tensor<9xf32>) {
  // expected-error @+2 {{(C1) expected an axis from 0 to 0, found 1}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.unfold %x {axis = 1 : i64, size = 4 : i64, step = 2 : i64} : (tensor<9xf32>) -> tensor<3x4xf32>
  return
}

// -----

func.func @step(%x: tensor<9xf32>) {
  // expected-error @+2 {{(C2) expected a positive size and step, found 4 and 0}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.unfold %x {axis = 0 : i64, size = 4 : i64, step = 0 : i64} : (tensor<9xf32>) -> tensor<3x4xf32>
  return
}

// -----

func.func @window(%x: tensor<9xf32>) {
  // expected-error @+2 {{(C3) expected a window of at most 9, found one that spans 10}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.unfold %x {axis = 0 : i64, size = 10 : i64, step = 1 : i64} : (tensor<9xf32>) -> tensor<1x10xf32>
  return
}

// -----

func.func @parts(%x: tensor<5x4x3xf32>, %w: tensor<4x2xf32>) {
  // expected-error @+2 {{(C1) expected rows of a known number of elements of 1 or 2 parts, found 'tensor<5x4x3xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.dft %x, %w {length = 4 : i64, outputs = 3 : i64} : (tensor<5x4x3xf32>, tensor<4x2xf32>) -> tensor<5x3x2xf32>
  return
}

// -----

func.func @length(%x: tensor<5x4x1xf32>, %w: tensor<4x2xf32>) {
  // expected-error @+2 {{(C2) expected a positive length, found 0}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.dft %x, %w {length = 0 : i64, outputs = 3 : i64} : (tensor<5x4x1xf32>, tensor<4x2xf32>) -> tensor<5x3x2xf32>
  return
}

// -----

func.func @outputs(%x: tensor<5x4x1xf32>, %w: tensor<4x2xf32>) {
  // expected-error @+2 {{(C3) expected 1 to 4 outputs, found 5}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.dft %x, %w {length = 4 : i64, outputs = 5 : i64} : (tensor<5x4x1xf32>, tensor<4x2xf32>) -> tensor<5x5x2xf32>
  return
}

// -----

func.func @roots(%x: tensor<5x4x1xf32>, %w: tensor<3x2xf32>) {
  // expected-error @+2 {{(C4) expected 4 roots of 2 parts, found 'tensor<3x2xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.dft %x, %w {length = 4 : i64, outputs = 3 : i64} : (tensor<5x4x1xf32>, tensor<3x2xf32>) -> tensor<5x3x2xf32>
  return
}

// -----

func.func @types(%x: tensor<5x4x1xf32>, %w: tensor<4x2xf64>) {
  // expected-error @+2 {{(C5) expected one element type, f32 or f64, found 'tensor<5x4x1xf32>' and 'tensor<4x2xf64>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.dft %x, %w {length = 4 : i64, outputs = 3 : i64} : (tensor<5x4x1xf32>, tensor<4x2xf64>) -> tensor<5x3x2xf32>
  return
}
