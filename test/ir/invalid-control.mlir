// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the verifiers of branches and loops refuse.

// RUN: dl-opt %s --split-input-file --verify-diagnostics

func.func @branch(%c: tensor<i1>, %a: tensor<4xf32>, %b: tensor<4xf64>) {
  // expected-error @+1 {{(C1) expected regions that yield 'tensor<4xf32>', found 'tensor<4xf64>'}}
  %0 = dl.if %c {
    dl.yield %a : tensor<4xf32>
  } else {
    dl.yield %b : tensor<4xf64>
  } {symbols = array<i64>} : (tensor<i1>) -> tensor<4xf32>
  return
}

// -----

func.func @branch_symbols(%c: tensor<i1>, %a: tensor<4xf32>) {
  // expected-error @+1 {{(C2) expected different symbols that are each a dimension, found [0]}}
  %0 = dl.if %c {
    dl.yield %a : tensor<4xf32>
  } else {
    dl.yield %a : tensor<4xf32>
  } {symbols = array<i64: 0>} : (tensor<i1>) -> tensor<4xf32>
  return
}

// -----

func.func @loop(%n: tensor<i64>, %c: tensor<i1>, %a: tensor<4xf32>) {
  // expected-error @+1 {{(C1) expected a body from 'tensor<i64>', 'tensor<4xf32>' to 'tensor<i1>', 'tensor<4xf32>', found one from 'tensor<i64>', 'tensor<4xf32>' to 'tensor<4xf32>'}}
  %0 = dl.loop limit(%n) while(%c) states(%a) {
  ^bb0(%i: tensor<i64>, %s: tensor<4xf32>):
    dl.yield %s : tensor<4xf32>
  } {body_symbols = array<i64>, symbols = array<i64>} : (tensor<i64>, tensor<i1>, tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @loop_symbols(%n: tensor<i64>, %c: tensor<i1>, %a: tensor<4xf32>) {
  // expected-error @+1 {{(C2) expected different symbols that are each a dimension, found [0]}}
  %0 = dl.loop limit(%n) while(%c) states(%a) {
  ^bb0(%i: tensor<i64>, %s: tensor<4xf32>):
    dl.yield %c, %s : tensor<i1>, tensor<4xf32>
  } {body_symbols = array<i64>, symbols = array<i64: 0>} : (tensor<i64>, tensor<i1>, tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @body_symbols(%n: tensor<i64>, %c: tensor<i1>, %a: tensor<4xf32>) {
  // expected-error @+1 {{(C3) expected different symbols that are each a dimension, found [0]}}
  %0 = dl.loop limit(%n) while(%c) states(%a) {
  ^bb0(%i: tensor<i64>, %s: tensor<4xf32>):
    dl.yield %c, %s : tensor<i1>, tensor<4xf32>
  } {body_symbols = array<i64: 0>, symbols = array<i64>} : (tensor<i64>, tensor<i1>, tensor<4xf32>) -> tensor<4xf32>
  return
}
