// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Sequences, optionals, and control flow that the program decides while it runs.

// RUN: dl-opt %s --run-reference -o /dev/null | FileCheck %s

// CHECK: elements: [dense<3> : tensor<1xi32>, dense<[1, 2]> : tensor<2xi32>]
// CHECK: elements: dense<2> : tensor<i64>
// CHECK: elements: dense<[1, 2]> : tensor<2xi32>
// CHECK: elements: dense<[3, 1, 2]> : tensor<3xi32>
// CHECK: elements: [dense<3> : tensor<1xi32>]
func.func @elements() -> (!dl.sequence<tensor<?xi32>>, tensor<i64>, tensor<?xi32, #dl.dims<()[s0] -> (s0)>>, tensor<?xi32, #dl.dims<()[s0, s1] -> (s1)>>, !dl.sequence<tensor<?xi32>>) attributes {dl.symbols = ["a", "b"]} {
  %a = dl.constant dense<[1, 2]> : tensor<2xi32>
  %b = dl.constant dense<[3]> : tensor<1xi32>
  %last = dl.constant dense<-1> : tensor<i64>
  %s = dl.sequence_create(%a) : (tensor<2xi32>) -> !dl.sequence<tensor<?xi32>>
  %t = dl.sequence_insert %s, %b at %last : (!dl.sequence<tensor<?xi32>>, tensor<1xi32>, tensor<i64>) -> !dl.sequence<tensor<?xi32>>
  %n = dl.sequence_length %t : (!dl.sequence<tensor<?xi32>>) -> tensor<i64>
  %e = dl.sequence_at %t, %last {symbols = array<i64: 0>} : (!dl.sequence<tensor<?xi32>>, tensor<i64>) -> tensor<?xi32, #dl.dims<()[s0] -> (s0)>>
  %c = dl.sequence_concat %t {axis = 0 : i64, stack = false, symbols = array<i64: 1>} : (!dl.sequence<tensor<?xi32>>) -> tensor<?xi32, #dl.dims<()[s0, s1] -> (s1)>>
  %u = dl.sequence_erase %t at %last : (!dl.sequence<tensor<?xi32>>, tensor<i64>) -> !dl.sequence<tensor<?xi32>>
  return %t, %n, %e, %c, %u : !dl.sequence<tensor<?xi32>>, tensor<i64>, tensor<?xi32, #dl.dims<()[s0] -> (s0)>>, tensor<?xi32, #dl.dims<()[s0, s1] -> (s1)>>, !dl.sequence<tensor<?xi32>>
}

// CHECK: slices: {{\[}}dense<{{\[\[}}0, 1], [3, 4]]> : tensor<2x2xi32>, dense<{{\[\[}}2], [5]]> : tensor<2x1xi32>]
// CHECK: slices: [dense<[0, 3]> : tensor<2xi32>, dense<[1, 4]> : tensor<2xi32>, dense<[2, 5]> : tensor<2xi32>]
// CHECK: slices: dense<{{\[\[}}0, 1, 2], [3, 4, 5]]> : tensor<2x3xi32>
func.func @slices() -> (!dl.sequence<tensor<2x?xi32>>, !dl.sequence<tensor<2xi32>>, tensor<2x3xi32>) {
  %x = dl.constant dense<[[0, 1, 2], [3, 4, 5]]> : tensor<2x3xi32>
  %two = dl.constant dense<2> : tensor<i64>
  %ones = dl.constant dense<1> : tensor<3xi64>
  %s = dl.sequence_split %x, %two {axis = 1 : i64, squeeze = false} : (tensor<2x3xi32>, tensor<i64>) -> !dl.sequence<tensor<2x?xi32>>
  %t = dl.sequence_split %x, %ones {axis = 1 : i64, squeeze = true} : (tensor<2x3xi32>, tensor<3xi64>) -> !dl.sequence<tensor<2xi32>>
  %y = dl.sequence_concat %t {axis = 1 : i64, stack = true, symbols = array<i64>} : (!dl.sequence<tensor<2xi32>>) -> tensor<2x3xi32>
  return %s, %t, %y : !dl.sequence<tensor<2x?xi32>>, !dl.sequence<tensor<2xi32>>, tensor<2x3xi32>
}

// CHECK: optionals: none
// CHECK: optionals: dense<false> : tensor<i1>
// CHECK: optionals: dense<true> : tensor<i1>
// CHECK: optionals: dense<7> : tensor<1xi32>
func.func @optionals() -> (!dl.optional<tensor<?xi32>>, tensor<i1>, tensor<i1>, tensor<?xi32, #dl.dims<()[s0] -> (s0)>>) attributes {dl.symbols = ["n"]} {
  %x = dl.constant dense<7> : tensor<1xi32>
  %none = dl.optional_create() : () -> !dl.optional<tensor<?xi32>>
  %some = dl.optional_create(%x) : (tensor<1xi32>) -> !dl.optional<tensor<?xi32>>
  %no = dl.optional_has %none : (!dl.optional<tensor<?xi32>>) -> tensor<i1>
  %yes = dl.optional_has %some : (!dl.optional<tensor<?xi32>>) -> tensor<i1>
  %y = dl.optional_get %some {symbols = array<i64: 0>} : (!dl.optional<tensor<?xi32>>) -> tensor<?xi32, #dl.dims<()[s0] -> (s0)>>
  return %none, %no, %yes, %y : !dl.optional<tensor<?xi32>>, tensor<i1>, tensor<i1>, tensor<?xi32, #dl.dims<()[s0] -> (s0)>>
}

// The state doubles its size in each iteration, as long as its sum is below 20; which
// branch is taken decides on the size of the result.
// CHECK: grows: dense<3> : tensor<8xi32>
// CHECK: grows: dense<-3> : tensor<8xi32>
func.func @grows() -> (tensor<?xi32, #dl.dims<()[s0, s1] -> (s1)>>, tensor<?xi32, #dl.dims<()[s0, s1, s2] -> (s2)>>) attributes {dl.symbols = ["in", "out", "chosen"]} {
  %x = dl.constant dense<3> : tensor<1xi32>
  %limit = dl.constant dense<20> : tensor<i32>
  %most = dl.constant dense<100> : tensor<i64>
  %yes = dl.constant dense<true> : tensor<i1>
  %r = dl.loop limit(%most) while(%yes) states(%x) {
  ^bb0(%i: tensor<i64>, %s: tensor<?xi32, #dl.dims<()[s0] -> (s0)>>):
    %t = dl.concat %s, %s {axis = 0 : i64} : (tensor<?xi32, #dl.dims<()[s0] -> (s0)>>, tensor<?xi32, #dl.dims<()[s0] -> (s0)>>) -> tensor<?xi32, #dl.dims<()[s0] -> (s0 * 2)>>
    %sum = dl.reduce sum, %t {axes = array<i64: 0>, keepdims = false} : (tensor<?xi32, #dl.dims<()[s0] -> (s0 * 2)>>) -> tensor<i32>
    %go = dl.compare lt, %sum, %limit : (tensor<i32>, tensor<i32>) -> tensor<i1>
    dl.yield %go, %t : tensor<i1>, tensor<?xi32, #dl.dims<()[s0] -> (s0 * 2)>>
  } {body_symbols = array<i64: 0>, symbols = array<i64: 1>} : (tensor<i64>, tensor<i1>, tensor<1xi32>) -> tensor<?xi32, #dl.dims<()[s0, s1] -> (s1)>>
  %c = dl.if %yes {
    %n = dl.neg %r : (tensor<?xi32, #dl.dims<()[s0, s1] -> (s1)>>) -> tensor<?xi32, #dl.dims<()[s0, s1] -> (s1)>>
    dl.yield %n : tensor<?xi32, #dl.dims<()[s0, s1] -> (s1)>>
  } else {
    dl.yield %x : tensor<1xi32>
  } {symbols = array<i64: 2>} : (tensor<i1>) -> tensor<?xi32, #dl.dims<()[s0, s1, s2] -> (s2)>>
  return %r, %c : tensor<?xi32, #dl.dims<()[s0, s1] -> (s1)>>, tensor<?xi32, #dl.dims<()[s0, s1, s2] -> (s2)>>
}
