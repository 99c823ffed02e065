// What the verifiers of elementwise ops refuse.

// RUN: dl-opt %s --split-input-file --verify-diagnostics

func.func @exp(%x: tensor<4xi32>) {
  // expected-error @+1 {{operand #0 must be ranked tensor of floating-point values}}
  %0 = dl.exp %x : (tensor<4xi32>) -> tensor<4xi32>
  return
}

// -----

func.func @abs(%x: tensor<4xi1>) {
  // expected-error @+1 {{operand #0 must be ranked tensor of float or integer wider than bool values}}
  %0 = dl.abs %x : (tensor<4xi1>) -> tensor<4xi1>
  return
}

// -----

func.func @not(%x: tensor<4xf32>) {
  // expected-error @+1 {{operand #0 must be ranked tensor of signless integer or unsigned integer values}}
  %0 = dl.not %x : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @exp_2(%x: tensor<?xf32>) {
  // expected-error @+2 {{(D1) expected #dl.dims to give dimension 0, found 'tensor<?xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.exp %x : (tensor<?xf32>) -> tensor<?xf32>
  return
}

// -----

func.func @is_nan(%x: tensor<?xf32>) {
  // expected-error @+2 {{(D1) expected #dl.dims to give dimension 0, found 'tensor<?xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.is_nan %x : (tensor<?xf32>) -> tensor<?xi1>
  return
}

// -----

func.func @is_nan_2(%x: tensor<4xf32>) {
  // expected-error @+1 {{result #0 must be ranked tensor of 1-bit signless integer values}}
  %0 = dl.is_nan %x : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @exp_3(%x: tensor<4xf32>) {
  // expected-error @+2 {{inferred type(s) 'tensor<4xf32>' are incompatible with return type(s) of operation 'tensor<3xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.exp %x : (tensor<4xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @cast(%x: tensor<4xf32>) {
  // expected-error @+1 {{(C1) expected the operand's shape, 'tensor<4xf32>', found 'tensor<3xi32>'}}
  %0 = dl.cast %x : (tensor<4xf32>) -> tensor<3xi32>
  return
}

// -----

func.func @cast_to_power_of_two(%x: tensor<4xf32>) {
  // expected-error @+1 {{(C2) nothing is rounded to 'f8E8M0FNU'}}
  %0 = dl.cast %x : (tensor<4xf32>) -> tensor<4xf8E8M0FNU>
  return
}

// -----

func.func @bitcast_shape(%x: tensor<4xf32>) {
  // expected-error @+1 {{(C1) expected the operand's shape, 'tensor<4xf32>', found 'tensor<2xi32>'}}
  %0 = dl.bitcast %x : (tensor<4xf32>) -> tensor<2xi32>
  return
}

// -----

func.func @bitcast_width(%x: tensor<4xf32>) {
  // expected-error @+1 {{(C2) expected types of as many bits, found 'f32' and 'i64'}}
  %0 = dl.bitcast %x : (tensor<4xf32>) -> tensor<4xi64>
  return
}

// -----

func.func @add(%x: tensor<4xf32>, %y: tensor<4xf16>) {
  // expected-error @+2 {{(C1) expected one element type, found 'f32' and 'f16'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.add %x, %y : (tensor<4xf32>, tensor<4xf16>) -> tensor<4xf32>
  return
}

// -----

func.func @mul(%x: tensor<2x4xf32>, %y: tensor<3xf32>) {
  // expected-error @+2 {{(C2) expected shapes that broadcast, found 'tensor<2x4xf32>', 'tensor<3xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.mul %x, %y : (tensor<2x4xf32>, tensor<3xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @add_2(%x: tensor<4xf32>, %y: tensor<?xf32>) {
  // expected-error @+2 {{(D1) expected #dl.dims to give dimension 0, found 'tensor<?xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.add %x, %y : (tensor<4xf32>, tensor<?xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @mod(%x: tensor<4xi32>, %y: tensor<4xi64>) {
  // expected-error @+2 {{(C1) expected one element type, found 'i32' and 'i64'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.mod %x, %y : (tensor<4xi32>, tensor<4xi64>) -> tensor<4xi32>
  return
}

// -----

func.func @max(%x: tensor<4xi1>) {
  // expected-error @+1 {{operand #0 must be ranked tensor of float or integer wider than bool values}}
  %0 = dl.max %x, %x : (tensor<4xi1>, tensor<4xi1>) -> tensor<4xi1>
  return
}

// -----

func.func @and(%x: tensor<4xf32>) {
  // expected-error @+1 {{operand #0 must be ranked tensor of signless integer or unsigned integer values}}
  %0 = dl.and %x, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @compare(%x: tensor<4xf32>, %y: tensor<4xf16>) {
  // expected-error @+2 {{(C1) expected one element type, found 'f32' and 'f16'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.compare lt, %x, %y : (tensor<4xf32>, tensor<4xf16>) -> tensor<4xi1>
  return
}

// -----

func.func @compare_2(%x: tensor<4xf32>, %y: tensor<3xf32>) {
  // expected-error @+2 {{(C2) expected shapes that broadcast, found 'tensor<4xf32>', 'tensor<3xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.compare lt, %x, %y : (tensor<4xf32>, tensor<3xf32>) -> tensor<4xi1>
  return
}

// -----

func.func @select(%c: tensor<4xi32>, %x: tensor<4xf32>) {
  // expected-error @+1 {{operand #0 must be ranked tensor of 1-bit signless integer values}}
  %0 = dl.select %c, %x, %x : (tensor<4xi32>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @select_2(%c: tensor<4xi1>, %x: tensor<4xf32>, %y: tensor<4xf16>) {
  // expected-error @+2 {{(C1) expected one element type, found 'f32' and 'f16'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.select %c, %x, %y : (tensor<4xi1>, tensor<4xf32>, tensor<4xf16>) -> tensor<4xf32>
  return
}

// -----

func.func @select_3(%c: tensor<3xi1>, %x: tensor<4xf32>) {
  // expected-error @+2 {{(C2) expected shapes that broadcast, found 'tensor<3xi1>', 'tensor<4xf32>', 'tensor<4xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.select %c, %x, %x : (tensor<3xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return
}
