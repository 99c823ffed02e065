// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the verifier of given derivatives refuses.

// RUN: dl-opt %s --split-input-file --verify-diagnostics

func.func @results(%y: tensor<4xf32>) {
  // expected-error @+1 {{(C1) expected results of the values' types 'tensor<4xf32>', floats, found 'tensor<3xf32>'}}
  %0 = dl.with_gradient (%y) by () {
  ^bb0(%g: tensor<3xf32>):
  } : (tensor<4xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @integers(%y: tensor<4xi32>) {
  // expected-error @+1 {{(C1) expected results of the values' types 'tensor<4xi32>', floats, found 'tensor<4xi32>'}}
  %0 = dl.with_gradient (%y) by () {
  ^bb0(%g: tensor<4xi32>):
  } : (tensor<4xi32>) -> tensor<4xi32>
  return
}

// -----

func.func @yielded(%y: tensor<4xf32>, %x: tensor<2xf32>) {
  // expected-error @+1 {{(C2) expected a body from 'tensor<4xf32>' to 'tensor<2xf32>', floats, found one from 'tensor<4xf32>' to 'tensor<4xf32>'}}
  %0 = dl.with_gradient (%y) by (%x) {
  ^bb0(%g: tensor<4xf32>):
    dl.yield_gradient %g : tensor<4xf32>
  } : (tensor<4xf32>, tensor<2xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @taken(%y: tensor<4xf32>) {
  // expected-error @+1 {{(C2) expected a body from 'tensor<4xf32>' to , floats, found one from 'tensor<4xf32>', 'tensor<4xf32>' to}}
  %0 = dl.with_gradient (%y) by () {
  ^bb0(%g: tensor<4xf32>, %h: tensor<4xf32>):
  } : (tensor<4xf32>) -> tensor<4xf32>
  return
}
