// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the verifiers of ops on states refuse.

// RUN: dl-opt %s --split-input-file --verify-diagnostics

func.func @type(%x: tensor<2x8xf32>, %y: tensor<2x1xi8>) {
  // expected-error @+1 {{(C1) expected rows of the element type and rank of 'tensor<2x8xf32>', found 'tensor<2x1xi8>'}}
  %0 = dl.insert %x, %y {axis = 1 : i64, offset = affine_map<() -> (0)>} : (tensor<2x8xf32>, tensor<2x1xi8>) -> tensor<2x8xf32>
  return
}

// -----

func.func @axis(%x: tensor<2x8xf32>, %y: tensor<2x1xf32>) {
  // expected-error @+1 {{(C2) expected an axis from 0 to 1, found 2}}
  %0 = dl.insert %x, %y {axis = 2 : i64, offset = affine_map<() -> (0)>} : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
  return
}

// -----

func.func @dims(%x: tensor<2x8xf32>, %y: tensor<3x1xf32>) {
  // expected-error @+1 {{(C3) expected rows that agree with 'tensor<2x8xf32>' in dimension 0, found 'tensor<3x1xf32>'}}
  %0 = dl.insert %x, %y {axis = 1 : i64, offset = affine_map<() -> (0)>} : (tensor<2x8xf32>, tensor<3x1xf32>) -> tensor<2x8xf32>
  return
}

// -----

func.func @offsets(%x: tensor<2x8xf32>, %y: tensor<2x1xf32>) {
  // expected-error @+1 {{(C4) expected one offset over symbols alone, found affine_map<() -> (0, 0)>}}
  %0 = dl.insert %x, %y {axis = 1 : i64, offset = affine_map<() -> (0, 0)>} : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
  return
}

// -----

func.func @outside(%x: tensor<2x8xf32>, %y: tensor<2x3xf32>) {
  // expected-error @+1 {{(C5) expected rows within 'tensor<2x8xf32>', found others}}
  %0 = dl.insert %x, %y {axis = 1 : i64, offset = affine_map<() -> (6)>} : (tensor<2x8xf32>, tensor<2x3xf32>) -> tensor<2x8xf32>
  return
}
