// What the verifier of trees refuses.

// RUN: dl-opt %s --split-input-file --verify-diagnostics

func.func @rank(%x: tensor<5xf32>, %t: tensor<2xf32>, %f: tensor<2xi32>, %l: tensor<4x1xf32>, %b: tensor<1xf32>) {
  // expected-error @+2 {{(C1) expected rows of a known number of features, found 'tensor<5xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.tree_ensemble sum, %x, %t, %f, %l, %b {trees = 2 : i64, depth = 1 : i64} : (tensor<5xf32>, tensor<2xf32>, tensor<2xi32>, tensor<4x1xf32>, tensor<1xf32>) -> tensor<5x1xf32>
  return
}

// -----

func.func @kind(%x: tensor<5x3xf32>, %t: tensor<2xf32>, %f: tensor<2xi32>, %l: tensor<4x1xf32>, %b: tensor<1xf32>) {
  // expected-error @+2 {{(C2) expected sum, max or min, found prod}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.tree_ensemble prod, %x, %t, %f, %l, %b {trees = 2 : i64, depth = 1 : i64} : (tensor<5x3xf32>, tensor<2xf32>, tensor<2xi32>, tensor<4x1xf32>, tensor<1xf32>) -> tensor<5x1xf32>
  return
}

// -----

func.func @trees(%x: tensor<5x3xf32>, %t: tensor<2xf32>, %f: tensor<2xi32>, %l: tensor<4x1xf32>, %b: tensor<1xf32>) {
  // expected-error @+2 {{(C3) expected at least 1 tree of a depth from 0 to 30, found 0 of depth 1}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.tree_ensemble sum, %x, %t, %f, %l, %b {trees = 0 : i64, depth = 1 : i64} : (tensor<5x3xf32>, tensor<2xf32>, tensor<2xi32>, tensor<4x1xf32>, tensor<1xf32>) -> tensor<5x1xf32>
  return
}

// -----

func.func @many_trees(%x: tensor<5x3xf32>, %t: tensor<2xf32>, %f: tensor<2xi32>, %l: tensor<4x1xf32>, %b: tensor<1xf32>) {
  // expected-error @+2 {{(C3) expected at least 1 tree of a depth from 0 to 30, found 4611686018427387904 of depth 30}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.tree_ensemble sum, %x, %t, %f, %l, %b {trees = 4611686018427387904 : i64, depth = 30 : i64} : (tensor<5x3xf32>, tensor<2xf32>, tensor<2xi32>, tensor<4x1xf32>, tensor<1xf32>) -> tensor<5x1xf32>
  return
}

// -----

func.func @depth(%x: tensor<5x3xf32>, %t: tensor<2xf32>, %f: tensor<2xi32>, %l: tensor<4x1xf32>, %b: tensor<1xf32>) {
  // expected-error @+2 {{(C3) expected at least 1 tree of a depth from 0 to 30, found 2 of depth 31}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.tree_ensemble sum, %x, %t, %f, %l, %b {trees = 2 : i64, depth = 31 : i64} : (tensor<5x3xf32>, tensor<2xf32>, tensor<2xi32>, tensor<4x1xf32>, tensor<1xf32>) -> tensor<5x1xf32>
  return
}

// -----

func.func @linked_depth(%x: tensor<5x3xf32>, %t: tensor<2xf32>, %f: tensor<2xi32>, %l: tensor<2x1xf32>, %b: tensor<1xf32>, %c: tensor<2xi32>) {
  // expected-error @+2 {{(C3) expected at least 1 tree of a depth from 0, found 2 of depth -1}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.tree_ensemble sum, %x, %t, %f, %l, %b children %c {trees = 2 : i64, depth = -1 : i64} : (tensor<5x3xf32>, tensor<2xf32>, tensor<2xi32>, tensor<2x1xf32>, tensor<1xf32>, tensor<2xi32>) -> tensor<5x1xf32>
  return
}

// -----

func.func @nodes(%x: tensor<5x3xf32>, %t: tensor<3xf32>, %f: tensor<3xi32>, %l: tensor<4x1xf32>, %b: tensor<1xf32>) {
  // expected-error @+2 {{(C4) expected 2 nodes, found 'tensor<3xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.tree_ensemble sum, %x, %t, %f, %l, %b {trees = 2 : i64, depth = 1 : i64} : (tensor<5x3xf32>, tensor<3xf32>, tensor<3xi32>, tensor<4x1xf32>, tensor<1xf32>) -> tensor<5x1xf32>
  return
}

// -----

func.func @roots(%x: tensor<5x3xf32>, %t: tensor<1xf32>, %f: tensor<1xi32>, %l: tensor<1x1xf32>, %b: tensor<1xf32>, %c: tensor<1xi32>) {
  // expected-error @+2 {{(C4) expected at least 2 nodes, found 'tensor<1xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.tree_ensemble sum, %x, %t, %f, %l, %b children %c {trees = 2 : i64, depth = 1 : i64} : (tensor<5x3xf32>, tensor<1xf32>, tensor<1xi32>, tensor<1x1xf32>, tensor<1xf32>, tensor<1xi32>) -> tensor<5x1xf32>
  return
}

// -----

func.func @numbers(%x: tensor<5x3xf32>, %t: tensor<2xf32>, %f: tensor<2xi64>, %l: tensor<4x1xf32>, %b: tensor<1xf32>) {
  // expected-error @+2 {{(C5) expected i32 numbers of 2 nodes, found 'tensor<2xi64>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.tree_ensemble sum, %x, %t, %f, %l, %b {trees = 2 : i64, depth = 1 : i64} : (tensor<5x3xf32>, tensor<2xf32>, tensor<2xi64>, tensor<4x1xf32>, tensor<1xf32>) -> tensor<5x1xf32>
  return
}

// -----

func.func @children(%x: tensor<5x3xf32>, %t: tensor<2xf32>, %f: tensor<2xi32>, %l: tensor<2x1xf32>, %b: tensor<1xf32>, %c: tensor<3xi32>) {
  // expected-error @+2 {{(C5) expected i32 numbers of 2 nodes, found 'tensor<3xi32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.tree_ensemble sum, %x, %t, %f, %l, %b children %c {trees = 2 : i64, depth = 1 : i64} : (tensor<5x3xf32>, tensor<2xf32>, tensor<2xi32>, tensor<2x1xf32>, tensor<1xf32>, tensor<3xi32>) -> tensor<5x1xf32>
  return
}

// -----

func.func @leaves(%x: tensor<5x3xf32>, %t: tensor<2xf32>, %f: tensor<2xi32>, %l: tensor<3x1xf32>, %b: tensor<1xf32>) {
  // expected-error @+2 {{(C6) expected 4 leaves, found 'tensor<3x1xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.tree_ensemble sum, %x, %t, %f, %l, %b {trees = 2 : i64, depth = 1 : i64} : (tensor<5x3xf32>, tensor<2xf32>, tensor<2xi32>, tensor<3x1xf32>, tensor<1xf32>) -> tensor<5x1xf32>
  return
}

// -----

func.func @linked_leaves(%x: tensor<5x3xf32>, %t: tensor<2xf32>, %f: tensor<2xi32>, %l: tensor<4x1xf32>, %b: tensor<1xf32>, %c: tensor<2xi32>) {
  // expected-error @+2 {{(C6) expected 2 leaves, found 'tensor<4x1xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.tree_ensemble sum, %x, %t, %f, %l, %b children %c {trees = 2 : i64, depth = 1 : i64} : (tensor<5x3xf32>, tensor<2xf32>, tensor<2xi32>, tensor<4x1xf32>, tensor<1xf32>, tensor<2xi32>) -> tensor<5x1xf32>
  return
}

// -----

func.func @base(%x: tensor<5x3xf32>, %t: tensor<2xf32>, %f: tensor<2xi32>, %l: tensor<4x1xf32>, %b: tensor<2xf32>) {
  // expected-error @+2 {{(C7) expected 1 values to start from, found 'tensor<2xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.tree_ensemble sum, %x, %t, %f, %l, %b {trees = 2 : i64, depth = 1 : i64} : (tensor<5x3xf32>, tensor<2xf32>, tensor<2xi32>, tensor<4x1xf32>, tensor<2xf32>) -> tensor<5x1xf32>
  return
}

// -----

func.func @types(%x: tensor<5x3xf32>, %t: tensor<2xf32>, %f: tensor<2xi32>, %l: tensor<4x1xf32>, %b: tensor<1xf64>) {
  // expected-error @+2 {{(C8) expected one element type, f32 or f64, found 'tensor<5x3xf32>' and 'tensor<1xf64>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.tree_ensemble sum, %x, %t, %f, %l, %b {trees = 2 : i64, depth = 1 : i64} : (tensor<5x3xf32>, tensor<2xf32>, tensor<2xi32>, tensor<4x1xf32>, tensor<1xf64>) -> tensor<5x1xf32>
  return
}

// -----

func.func @halves(%x: tensor<5x3xf16>, %t: tensor<2xf16>, %f: tensor<2xi32>, %l: tensor<4x1xf16>, %b: tensor<1xf16>) {
  // expected-error @+2 {{(C8) expected one element type, f32 or f64, found 'tensor<5x3xf16>' and 'tensor<2xf16>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.tree_ensemble sum, %x, %t, %f, %l, %b {trees = 2 : i64, depth = 1 : i64} : (tensor<5x3xf16>, tensor<2xf16>, tensor<2xi32>, tensor<4x1xf16>, tensor<1xf16>) -> tensor<5x1xf32>
  return
}
