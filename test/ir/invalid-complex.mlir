// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Complex numbers are moved and chosen, and nothing else.
// RUN: dl-opt %s --split-input-file --verify-diagnostics

func.func @add(%x: tensor<2xcomplex<f32>>) {
  // expected-error @+1 {{operand #0 must be ranked tensor of float or integer wider than bool values, but got 'tensor<2xcomplex<f32>>'}}
  %0 = dl.add %x, %x : (tensor<2xcomplex<f32>>, tensor<2xcomplex<f32>>) -> tensor<2xcomplex<f32>>
  return
}

// -----

func.func @compare(%x: tensor<2xcomplex<f32>>) {
  // expected-error @+1 {{(C3) expected no complex numbers, found 'complex<f32>'}}
  %0 = dl.compare eq, %x, %x : (tensor<2xcomplex<f32>>, tensor<2xcomplex<f32>>) -> tensor<2xi1>
  return
}

// -----

func.func @cast(%x: tensor<2xcomplex<f32>>) {
  // expected-error @+1 {{(C3) expected numbers, found 'complex<f32>' and 'f32'}}
  %0 = dl.cast %x : (tensor<2xcomplex<f32>>) -> tensor<2xf32>
  return
}

// -----

func.func @bitcast(%x: tensor<2xcomplex<f32>>) {
  // expected-error @+1 {{(C2) expected types of as many bits, found 'complex<f32>' and 'i32'}}
  %0 = dl.bitcast %x : (tensor<2xcomplex<f32>>) -> tensor<2xi32>
  return
}

// -----

func.func @scatter(%x: tensor<2xcomplex<f64>>, %i: tensor<1xi64>, %u: tensor<1xcomplex<f64>>) {
  // expected-error @+2 {{(C5) expected set, found add of 'tensor<2xcomplex<f64>>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.scatter_elements add, %x, %i, %u {axis = 0 : i64} : (tensor<2xcomplex<f64>>, tensor<1xi64>, tensor<1xcomplex<f64>>) -> tensor<2xcomplex<f64>>
  return
}

// -----

func.func @scatter_nd(%x: tensor<2xcomplex<f64>>, %i: tensor<1x1xi64>, %u: tensor<1xcomplex<f64>>) {
  // expected-error @+2 {{(C4) expected set, found max of 'tensor<2xcomplex<f64>>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.scatter_nd max, %x, %i, %u : (tensor<2xcomplex<f64>>, tensor<1x1xi64>, tensor<1xcomplex<f64>>) -> tensor<2xcomplex<f64>>
  return
}
