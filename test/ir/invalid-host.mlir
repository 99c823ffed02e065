// What the verifiers of ops on strings and images refuse, and where strings are not
// taken.

// RUN: dl-opt %s --split-input-file --verify-diagnostics

func.func @concat(%x: tensor<2x!dl.string>, %y: tensor<3x!dl.string>) {
  // expected-error @+2 {{(C2) expected shapes that broadcast}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.string_concat %x, %y : (tensor<2x!dl.string>, tensor<3x!dl.string>) -> tensor<3x!dl.string>
  return
}

// -----

func.func @split(%x: tensor<2x!dl.string>) {
  // expected-error @+1 {{(C1) expected the shape of 'tensor<2x!dl.string>' and a dimension more, found 'tensor<3x2x!dl.string>'}}
  %0 = dl.string_split %x : (tensor<2x!dl.string>) -> tensor<3x2x!dl.string>
  return
}

// -----

func.func @number(%x: tensor<2x!dl.string>) {
  // expected-error @+1 {{(C1) expected the shape of 'tensor<2x!dl.string>', found 'tensor<3xf32>'}}
  %0 = dl.string_to_number %x : (tensor<2x!dl.string>) -> tensor<3xf32>
  return
}

// -----

func.func @file(%x: tensor<2x2xui8>) {
  // expected-error @+1 {{(C1) expected bytes, a tensor of rank 1 of ui8, found 'tensor<2x2xui8>'}}
  %0 = dl.image_size %x : (tensor<2x2xui8>) -> tensor<2xi64>
  return
}

// -----

func.func @size(%x: tensor<2xui8>) {
  // expected-error @+1 {{(C2) expected two i64, found 'tensor<3xi64>'}}
  %0 = dl.image_size %x : (tensor<2xui8>) -> tensor<3xi64>
  return
}

// -----

func.func @signed(%x: tensor<2xi8>) {
  // expected-error @+1 {{(C1) expected bytes, a tensor of rank 1 of ui8, found 'tensor<2xi8>'}}
  %0 = dl.decode_image rgb, %x : (tensor<2xi8>) -> tensor<4x4x3xui8>
  return
}

// -----

func.func @channels(%x: tensor<2xui8>) {
  // expected-error @+1 {{(C2) expected a tensor of rank 3 of ui8, with 1 channels, found 'tensor<4x4x3xui8>'}}
  %0 = dl.decode_image grayscale, %x : (tensor<2xui8>) -> tensor<4x4x3xui8>
  return
}

// -----

func.func @compare(%x: tensor<2x!dl.string>) {
  // expected-error @+1 {{(C3) expected eq or ne of strings, found lt}}
  %0 = dl.compare lt, %x, %x : (tensor<2x!dl.string>, tensor<2x!dl.string>) -> tensor<2xi1>
  return
}

// -----

func.func @cast(%x: tensor<2x!dl.string>) {
  // expected-error @+1 {{(C3) expected numbers, found '!dl.string' and 'f32'}}
  %0 = dl.cast %x : (tensor<2x!dl.string>) -> tensor<2xf32>
  return
}

// -----

func.func @scatter(%x: tensor<2x!dl.string>, %i: tensor<1xi64>, %u: tensor<1x!dl.string>) {
  // expected-error @+2 {{(C5) expected set, found add of 'tensor<2x!dl.string>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.scatter_elements add, %x, %i, %u {axis = 0 : i64} : (tensor<2x!dl.string>, tensor<1xi64>, tensor<1x!dl.string>) -> tensor<2x!dl.string>
  return
}

// -----

func.func @scatter_nd(%x: tensor<2x!dl.string>, %i: tensor<1x1xi64>, %u: tensor<1x!dl.string>) {
  // expected-error @+2 {{(C4) expected set, found max of 'tensor<2x!dl.string>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.scatter_nd max, %x, %i, %u : (tensor<2x!dl.string>, tensor<1x1xi64>, tensor<1x!dl.string>) -> tensor<2x!dl.string>
  return
}

// -----

func.func @add(%x: tensor<2x!dl.string>) {
  // expected-error @+1 {{operand #0 must be ranked tensor of float or integer wider than bool values}}
  %0 = dl.add %x, %x : (tensor<2x!dl.string>, tensor<2x!dl.string>) -> tensor<2x!dl.string>
  return
}
