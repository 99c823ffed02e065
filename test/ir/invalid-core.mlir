// What the verifiers of attributes, constants and structure refuse.

// RUN: dl-opt %s --split-input-file --verify-diagnostics

// expected-error @+1 {{#dl.dims has 2 dimensions, the tensor 1}}
func.func @dims_rank(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0, 4)>>)

// -----

// expected-error @+1 {{dimension 0 of the tensor disagrees with #dl.dims}}
func.func @dims_size(%x: tensor<4xf32, #dl.dims<()[s0] -> (s0)>>)

// -----

// expected-error @+1 {{dimension 1 of the tensor disagrees with #dl.dims}}
func.func @dims_constant(%x: tensor<?x?xf32, #dl.dims<()[s0] -> (s0, 4)>>)

// -----

// expected-error @+1 {{expected a map over symbols alone}}
func.func @dims_map(%x: tensor<?xf32, #dl.dims<(d0) -> (d0)>>)

// -----

func.func @sizes() {
  // expected-error @+1 {{(C1) expected a static result of 2 elements, found 'tensor<3xi64>'}}
  %0 = dl.sizes <()[s0] -> (s0, 1)> : tensor<3xi64>
  return
}

// -----

func.func @sizes_2() {
  // expected-error @+1 {{result #0 must be ranked tensor of}}
  %0 = dl.sizes <()[s0] -> (s0)> : tensor<1xf32>
  return
}

// -----

func.func @iota() {
  // expected-error @+1 {{(C1) expected an axis from 0 to 0, found 1}}
  %0 = dl.iota {axis = 1 : i64} : tensor<4xi64>
  return
}

// -----

func.func @iota_2() {
  // expected-error @+1 {{(D1) expected #dl.dims to give dimension 0, found 'tensor<?xi64>'}}
  %0 = dl.iota : tensor<?xi64>
  return
}

// -----

func.func @constant() {
  // expected-error @+1 {{failed to verify that all of {value, result} have same type}}
  %0 = "dl.constant"() {value = dense<1.0> : tensor<2xf32>} : () -> tensor<3xf32>
  return
}

// -----

func.func @scan(%h: tensor<4xf32>) {
  // expected-error @+1 {{(C1) expected an input}}
  %0 = dl.scan states(%h) inputs() {
  ^bb0(%s: tensor<4xf32>):
    dl.yield %s : tensor<4xf32>
  } : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @scan_2(%h: tensor<4xf32>, %x: tensor<f32>) {
  // expected-error @+1 {{(C1) expected inputs that agree in dimension 0, found 'tensor<f32>'}}
  %0:1 = dl.scan states(%h) inputs(%x) {
  ^bb0(%s: tensor<4xf32>, %e: tensor<f32>):
    dl.yield %s : tensor<4xf32>
  } : (tensor<4xf32>, tensor<f32>) -> (tensor<4xf32>)
  return
}

// -----

func.func @scan_3(%h: tensor<4xf32>, %x: tensor<9x3xf32>) {
  // expected-error @+1 {{(C2) expected a body that takes 'tensor<4xf32>', 'tensor<3xf32>', found 'tensor<4xf32>', 'tensor<4xf32>'}}
  %0:1 = dl.scan states(%h) inputs(%x) {
  ^bb0(%s: tensor<4xf32>, %e: tensor<4xf32>):
    dl.yield %s : tensor<4xf32>
  } : (tensor<4xf32>, tensor<9x3xf32>) -> (tensor<4xf32>)
  return
}

// -----

func.func @scan_4(%h: tensor<4xf32>, %x: tensor<9x3xf32>) {
  // expected-error @+1 {{(C3) expected a body that yields 'tensor<4xf32>', found 'tensor<3xf32>'}}
  %0:1 = dl.scan states(%h) inputs(%x) {
  ^bb0(%s: tensor<4xf32>, %e: tensor<3xf32>):
    dl.yield %e : tensor<3xf32>
  } : (tensor<4xf32>, tensor<9x3xf32>) -> (tensor<4xf32>)
  return
}

// -----

func.func @scan_5(%h: tensor<4xf32>, %x: tensor<9x3xf32>) {
  // expected-error @+1 {{(C4) expected results that begin with the states' types, found 'tensor<5xf32>'}}
  %0:1 = dl.scan states(%h) inputs(%x) {
  ^bb0(%s: tensor<4xf32>, %e: tensor<3xf32>):
    dl.yield %s : tensor<4xf32>
  } : (tensor<4xf32>, tensor<9x3xf32>) -> (tensor<5xf32>)
  return
}

// -----

func.func @scan_6(%h: tensor<4xf32>, %x: tensor<9x3xf32>) {
  // expected-error @+1 {{(C4) expected stacked results that agree with the inputs in dimension 0, found 'tensor<8x3xf32>'}}
  %0:2 = dl.scan states(%h) inputs(%x) {
  ^bb0(%s: tensor<4xf32>, %e: tensor<3xf32>):
    dl.yield %s, %e : tensor<4xf32>, tensor<3xf32>
  } : (tensor<4xf32>, tensor<9x3xf32>) -> (tensor<4xf32>, tensor<8x3xf32>)
  return
}

// -----

func.func @fused(%x: tensor<4xf32>) {
  // expected-error @+1 {{(C1) expected to yield 'tensor<5xf32>', found 'tensor<4xf32>'}}
  %0 = dl.fused {
    dl.yield %x : tensor<4xf32>
  } : tensor<5xf32>
  return
}

// -----

func.func @dispatch(%x: tensor<4xf32>) {
  // expected-error @+1 {{(C1) expected a function named @missing}}
  %0 = dl.dispatch @missing(%x) sizes affine_map<() -> ()> : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func private @kernel(tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
func.func @dispatch_2(%x: tensor<4xf32>) {
  // expected-error @+1 {{(C2) expected a kernel of type '(tensor<4xf32>, index, tensor<4xf32>) -> tensor<4xf32>', found '(tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>'}}
  %0 = dl.dispatch @kernel(%x) sizes affine_map<()[s0] -> (s0)> : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @bind(%x: tensor<2xi64>) {
  // expected-error @+1 {{(C1) expected a static operand of 1 i64, found 'tensor<2xi64>'}}
  dl.bind %x {symbols = array<i64: 0>, message = ""} : tensor<2xi64>
  return
}

// -----

func.func @bind_2(%x: tensor<1xi32>) {
  // expected-error @+1 {{(C1) expected a static operand of 1 i64, found 'tensor<1xi32>'}}
  dl.bind %x {symbols = array<i64: 0>, message = ""} : tensor<1xi32>
  return
}

// -----

func.func @bind_3(%x: tensor<2xi64>) {
  // expected-error @+1 {{(C2) expected symbols that differ, found [1, 1]}}
  dl.bind %x {symbols = array<i64: 1, 1>, message = ""} : tensor<2xi64>
  return
}

// -----

func.func @bind_4(%x: tensor<1xi64>) {
  // expected-error @+1 {{(C2) expected symbols that differ, found [-1]}}
  dl.bind %x {symbols = array<i64: -1>, message = ""} : tensor<1xi64>
  return
}
