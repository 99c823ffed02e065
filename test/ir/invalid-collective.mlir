// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the verifiers of collective ops refuse.

// RUN: dl-opt %s --split-input-file --verify-diagnostics

func.func @type(%x: tensor<4xf32>) {
  // expected-error @+1 {{(C1) expected results of the operands' types 'tensor<4xf32>', found 'tensor<2x2xf32>'}}
  %0 = dl.all_reduce %x : (tensor<4xf32>) -> tensor<2x2xf32>
  return
}

// -----

func.func @count(%x: tensor<4xf32>) {
  // expected-error @+1 {{(C1) expected results of the operands' types 'tensor<4xf32>', 'tensor<4xf32>', found 'tensor<4xf32>'}}
  %0 = dl.all_reduce %x, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @element(%x: tensor<4xf32>, %y: tensor<4xf64>) {
  // expected-error @+1 {{(C2) expected one element type, found 'tensor<4xf32>' and 'tensor<4xf64>'}}
  %0:2 = dl.all_reduce %x, %y : (tensor<4xf32>, tensor<4xf64>) -> (tensor<4xf32>, tensor<4xf64>)
  return
}

// -----

func.func @size(%x: tensor<?xf32, #dl.dims<()[s0] -> (s0)>>) attributes {dl.symbols = ["N"]} {
  // expected-error @+1 {{(C3) expected static sizes, found 'tensor<?xf32}}
  %0 = dl.all_reduce %x : (tensor<?xf32, #dl.dims<()[s0] -> (s0)>>) -> tensor<?xf32, #dl.dims<()[s0] -> (s0)>>
  return
}

// -----

func.func @narrow(%x: tensor<4xbf16>) {
  // expected-error @+1 {{operand #0 must be variadic of ranked tensor of 32-bit float or 64-bit float values, but got 'tensor<4xbf16>'}}
  %0 = dl.all_reduce %x : (tensor<4xbf16>) -> tensor<4xbf16>
  return
}
