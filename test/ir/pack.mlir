// RUN: dl-opt %s -split-input-file -verify-diagnostics | FileCheck %s

// CHECK-LABEL: func @pack
func.func @pack(%x: tensor<3x40xf32>) -> (tensor<2x3x32xf32>, tensor<1x3x4x16xf32>) {
  // CHECK: dl.pack %{{.*}} {inner_dims = array<i64: 1>, inner_tiles = array<i64: 32>, outer_perm = array<i64: 1, 0>} : (tensor<3x40xf32>) -> tensor<2x3x32xf32>
  %0 = dl.pack %x {inner_dims = array<i64: 1>, inner_tiles = array<i64: 32>, outer_perm = array<i64: 1, 0>} : (tensor<3x40xf32>) -> tensor<2x3x32xf32>
  %1 = dl.pack %x {inner_dims = array<i64: 0, 1>, inner_tiles = array<i64: 4, 16>, outer_perm = array<i64>} : (tensor<3x40xf32>) -> tensor<1x3x4x16xf32>
  return %0, %1 : tensor<2x3x32xf32>, tensor<1x3x4x16xf32>
}

// -----

func.func @dynamic(%x: tensor<?x4xf32, #dl.dims<()[s0] -> (s0, 4)>>) {
  // expected-error @below {{'dl.pack' op expected a static operand, found 'tensor<?x4xf32}}
  %0 = dl.pack %x {inner_dims = array<i64: 1>, inner_tiles = array<i64: 2>, outer_perm = array<i64>} : (tensor<?x4xf32, #dl.dims<()[s0] -> (s0, 4)>>) -> tensor<1x2x2xf32>
  return
}

// -----

func.func @permutation(%x: tensor<3x4xf32>) {
  // expected-error @below {{(P1) expected outer_perm to permute 2 dimensions, found [1, 1]}}
  %0 = dl.pack %x {inner_dims = array<i64: 1>, inner_tiles = array<i64: 2>, outer_perm = array<i64: 1, 1>} : (tensor<3x4xf32>) -> tensor<2x3x2xf32>
  return
}

// -----

func.func @dims(%x: tensor<3x4xf32>) {
  // expected-error @below {{(P2) expected inner_dims to be different dimensions of the operand, found [1, 1]}}
  %0 = dl.pack %x {inner_dims = array<i64: 1, 1>, inner_tiles = array<i64: 2, 2>, outer_perm = array<i64>} : (tensor<3x4xf32>) -> tensor<3x1x2x2xf32>
  return
}

// -----

func.func @tiles(%x: tensor<3x4xf32>) {
  // expected-error @below {{(P3) expected 1 positive tiles, found [0]}}
  %0 = dl.pack %x {inner_dims = array<i64: 1>, inner_tiles = array<i64: 0>, outer_perm = array<i64>} : (tensor<3x4xf32>) -> tensor<3x2x2xf32>
  return
}

// -----

func.func @result(%x: tensor<3x5xf32>) {
  // expected-error @below {{(P4) expected the result type 'tensor<3x3x2xf32>', found 'tensor<3x2x2xf32>'}}
  %0 = dl.pack %x {inner_dims = array<i64: 1>, inner_tiles = array<i64: 2>, outer_perm = array<i64>} : (tensor<3x5xf32>) -> tensor<3x2x2xf32>
  return
}

// -----

// CHECK-LABEL: func @winograd
func.func @winograd(%x: tensor<3x3x2x5xf32>) -> tensor<6x6x2x5xf32> {
  // CHECK: dl.winograd_filter %{{.*}} : (tensor<3x3x2x5xf32>) -> tensor<6x6x2x5xf32>
  %0 = dl.winograd_filter %x : (tensor<3x3x2x5xf32>) -> tensor<6x6x2x5xf32>
  return %0 : tensor<6x6x2x5xf32>
}

// -----

// CHECK-LABEL: func @winograd_phases
func.func @winograd_phases(%x: tensor<5x6x2x5xf32>) -> tensor<6x6x8x5xf32> {
  // CHECK: dl.winograd_filter %{{.*}} {stride = 2 : i64} : (tensor<5x6x2x5xf32>) -> tensor<6x6x8x5xf32>
  %0 = dl.winograd_filter %x {stride = 2 : i64} : (tensor<5x6x2x5xf32>) -> tensor<6x6x8x5xf32>
  return %0 : tensor<6x6x8x5xf32>
}

// -----

func.func @winograd_operand(%x: tensor<3x4x2x5xf32>) {
  // expected-error @below {{(W1) expected a static [height, width, C, M] of f32, of up to 3 taps, found 'tensor<3x4x2x5xf32>'}}
  %0 = dl.winograd_filter %x : (tensor<3x4x2x5xf32>) -> tensor<6x6x2x5xf32>
  return
}

// -----

func.func @winograd_stride(%x: tensor<3x3x2x5xf32>) {
  // expected-error @below {{(W1) expected a stride from 1 to 64, found 100}}
  %0 = dl.winograd_filter %x {stride = 100 : i64} : (tensor<3x3x2x5xf32>) -> tensor<6x6x2x5xf32>
  return
}

// -----

func.func @winograd_result(%x: tensor<3x3x2x5xf32>) {
  // expected-error @below {{(W2) expected the result type 'tensor<6x6x2x5xf32>', found 'tensor<4x4x2x5xf32>'}}
  %0 = dl.winograd_filter %x : (tensor<3x3x2x5xf32>) -> tensor<4x4x2x5xf32>
  return
}

// -----

// CHECK-LABEL: func @round_balanced
func.func @round_balanced(%x: tensor<3x4xf32>, %s: tensor<f32>) -> (tensor<3x4xbf16>, tensor<bf16>) {
  // CHECK: dl.round_balanced %{{.*}} {axes = array<i64: 0, 1>} : (tensor<3x4xf32>) -> tensor<3x4xbf16>
  %0 = dl.round_balanced %x {axes = array<i64: 0, 1>} : (tensor<3x4xf32>) -> tensor<3x4xbf16>
  %1 = dl.round_balanced %s {axes = array<i64>} : (tensor<f32>) -> tensor<bf16>
  return %0, %1 : tensor<3x4xbf16>, tensor<bf16>
}

// -----

func.func @round_balanced_operand(%x: tensor<3x4xf16>) {
  // expected-error @below {{(B1) expected a static tensor of f32, found 'tensor<3x4xf16>'}}
  %0 = dl.round_balanced %x {axes = array<i64: 0>} : (tensor<3x4xf16>) -> tensor<3x4xbf16>
  return
}

// -----

func.func @round_balanced_axes(%x: tensor<3x4xf32>) {
  // expected-error @below {{(B2) expected axes to be dimensions of the operand in ascending order, found [1, 0]}}
  %0 = dl.round_balanced %x {axes = array<i64: 1, 0>} : (tensor<3x4xf32>) -> tensor<3x4xbf16>
  return
}

// -----

func.func @round_balanced_axis(%x: tensor<3x4xf32>) {
  // expected-error @below {{(B2) expected axes to be dimensions of the operand in ascending order, found [2]}}
  %0 = dl.round_balanced %x {axes = array<i64: 2>} : (tensor<3x4xf32>) -> tensor<3x4xbf16>
  return
}

// -----

func.func @round_balanced_result(%x: tensor<3x4xf32>) {
  // expected-error @below {{(B3) expected the result type 'tensor<3x4xbf16>', found 'tensor<3x4xf32>'}}
  %0 = dl.round_balanced %x {axes = array<i64: 1>} : (tensor<3x4xf32>) -> tensor<3x4xf32>
  return
}
