// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the verifiers of sequences, optionals and their types refuse.

// RUN: dl-opt %s --split-input-file --verify-diagnostics

// expected-error @+1 {{expected a tensor type without an encoding}}
func.func private @encoded(!dl.sequence<tensor<?xf32, #dl.dims<()[s0] -> (s0)>>>)

// -----

// expected-error @+1 {{expected a tensor or a sequence, found 'f32'}}
func.func private @held(!dl.optional<f32>)

// -----

func.func @create(%x: tensor<4xf32>) {
  // expected-error @+1 {{(C1) expected 'tensor<3xf32>', found 'tensor<4xf32>'}}
  %0 = dl.sequence_create(%x) : (tensor<4xf32>) -> !dl.sequence<tensor<3xf32>>
  return
}

// -----

func.func @insert(%s: !dl.sequence<tensor<*xf32>>, %x: tensor<4xf64>) {
  // expected-error @+1 {{(C1) expected 'tensor<*xf32>', found 'tensor<4xf64>'}}
  %0 = dl.sequence_insert %s, %x : (!dl.sequence<tensor<*xf32>>, tensor<4xf64>) -> !dl.sequence<tensor<*xf32>>
  return
}

// -----

func.func @erase(%s: !dl.sequence<tensor<*xf32>>, %i: tensor<i64>) {
  // expected-error @+1 {{(C1) expected '!dl.sequence<tensor<4xf32>>', found '!dl.sequence<tensor<*xf32>>'}}
  %0 = dl.sequence_erase %s at %i : (!dl.sequence<tensor<*xf32>>, tensor<i64>) -> !dl.sequence<tensor<4xf32>>
  return
}

// -----

func.func @at(%s: !dl.sequence<tensor<?xf32>>, %i: tensor<i64>) {
  // expected-error @+1 {{(C1) expected 'tensor<2x2xf32>', found 'tensor<?xf32>'}}
  %0 = dl.sequence_at %s, %i {symbols = array<i64>} : (!dl.sequence<tensor<?xf32>>, tensor<i64>) -> tensor<2x2xf32>
  return
}

// -----

func.func @at_symbols(%s: !dl.sequence<tensor<?xf32>>, %i: tensor<i64>) {
  // expected-error @+1 {{(C2) expected different symbols that are each a dimension, found [1]}}
  %0 = dl.sequence_at %s, %i {symbols = array<i64: 1>} : (!dl.sequence<tensor<?xf32>>, tensor<i64>) -> tensor<?xf32, #dl.dims<()[s0] -> (s0)>>
  return
}

// -----

func.func @concat(%s: !dl.sequence<tensor<?xf32>>) {
  // expected-error @+1 {{(C1) expected a result for elements of 'tensor<?xf32>', found 'tensor<4xf32>'}}
  %0 = dl.sequence_concat %s {axis = 0 : i64, stack = true, symbols = array<i64>} : (!dl.sequence<tensor<?xf32>>) -> tensor<4xf32>
  return
}

// -----

func.func @concat_symbols(%s: !dl.sequence<tensor<?xf32>>) {
  // expected-error @+1 {{(C2) expected different symbols that are each a dimension, found [0, 0]}}
  %0 = dl.sequence_concat %s {axis = 0 : i64, stack = false, symbols = array<i64: 0, 0>} : (!dl.sequence<tensor<?xf32>>) -> tensor<?xf32, #dl.dims<()[s0] -> (s0)>>
  return
}

// -----

func.func @concat_axis(%s: !dl.sequence<tensor<?xf32>>) {
  // expected-error @+1 {{(C3)}}
  %0 = dl.sequence_concat %s {axis = 1 : i64, stack = false, symbols = array<i64>} : (!dl.sequence<tensor<?xf32>>) -> tensor<4xf32>
  return
}

// -----

func.func @split(%x: tensor<3x4xf32>, %n: tensor<i64>) {
  // expected-error @+1 {{(C1) expected 'tensor<5x?xf32>', found 'tensor<3x?xf32>'}}
  %0 = dl.sequence_split %x, %n {axis = 1 : i64, squeeze = false} : (tensor<3x4xf32>, tensor<i64>) -> !dl.sequence<tensor<5x?xf32>>
  return
}

// -----

func.func @split_axis(%x: tensor<3x4xf32>, %n: tensor<i64>) {
  // expected-error @+1 {{(C2)}}
  %0 = dl.sequence_split %x, %n {axis = 2 : i64, squeeze = false} : (tensor<3x4xf32>, tensor<i64>) -> !dl.sequence<tensor<3x?xf32>>
  return
}

// -----

func.func @split_sizes(%x: tensor<3x4xf32>, %n: tensor<1x1xi64>) {
  // expected-error @+1 {{(C3) expected sizes of i64 with at most one dimension, found 'tensor<1x1xi64>'}}
  %0 = dl.sequence_split %x, %n {axis = 1 : i64, squeeze = false} : (tensor<3x4xf32>, tensor<1x1xi64>) -> !dl.sequence<tensor<3x?xf32>>
  return
}

// -----

func.func @optional(%x: tensor<4xf32>) {
  // expected-error @+1 {{(C1) expected 'tensor<3xf32>', found 'tensor<4xf32>'}}
  %0 = dl.optional_create(%x) : (tensor<4xf32>) -> !dl.optional<tensor<3xf32>>
  return
}

// -----

func.func @get(%o: !dl.optional<tensor<?xf32>>) {
  // expected-error @+1 {{(C1) expected '!dl.sequence<tensor<*xf32>>', found 'tensor<?xf32>'}}
  %0 = dl.optional_get %o {symbols = array<i64>} : (!dl.optional<tensor<?xf32>>) -> !dl.sequence<tensor<*xf32>>
  return
}

// -----

func.func @get_symbols(%o: !dl.optional<tensor<?xf32>>) {
  // expected-error @+1 {{(C2) expected different symbols that are each a dimension, found [2]}}
  %0 = dl.optional_get %o {symbols = array<i64: 2>} : (!dl.optional<tensor<?xf32>>) -> tensor<?xf32, #dl.dims<()[s0] -> (s0)>>
  return
}
