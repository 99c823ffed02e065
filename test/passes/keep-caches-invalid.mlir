// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What is no cache, and why.

// RUN: dl-opt --dl-keep-caches --split-input-file --verify-diagnostics %s

// expected-error @+1 {{--kv-cache: no input is a cache: an output that is an input with new rows along a dimension of open size, or with elements replaced}}
func.func @main(%x: tensor<4xf32>) -> (tensor<4xf32>) attributes {dl.input_names = ["x"], dl.output_names = ["k2"], dl.symbols = ["P", "B"]} {
  return %x : tensor<4xf32>
}

// -----

// expected-error @+1 {{input 'k' and output 'k2': dimension 0 has no fixed size (--dim=NAME=SIZE gives it one)}}
func.func @main(%q: tensor<?x2x1x4xf32, #dl.dims<()[s0, s1] -> (s1, 2, 1, 4)>>, %k: tensor<?x2x?x4xf32, #dl.dims<()[s0, s1] -> (s1, 2, s0, 4)>>) -> (tensor<?x2x?x4xf32, #dl.dims<()[s0, s1] -> (s1, 2, s0 + 1, 4)>>) attributes {dl.input_names = ["q", "k"], dl.output_names = ["k2"], dl.symbols = ["P", "B"]} {
  %0 = dl.concat %k, %q {axis = 2 : i64} : (tensor<?x2x?x4xf32, #dl.dims<()[s0, s1] -> (s1, 2, s0, 4)>>, tensor<?x2x1x4xf32, #dl.dims<()[s0, s1] -> (s1, 2, 1, 4)>>) -> tensor<?x2x?x4xf32, #dl.dims<()[s0, s1] -> (s1, 2, s0 + 1, 4)>>
  return %0 : tensor<?x2x?x4xf32, #dl.dims<()[s0, s1] -> (s1, 2, s0 + 1, 4)>>
}

// -----

// expected-error @+1 {{input 'k' and output 'k2': what stands before the new rows is no part of the input}}
func.func @main(%q: tensor<1x2x1x4xf32>, %k: tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0, 4)>>) -> (tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>) attributes {dl.input_names = ["q", "k"], dl.output_names = ["k2"], dl.symbols = ["P", "B"]} {
  %0 = dl.concat %q, %k {axis = 2 : i64} : (tensor<1x2x1x4xf32>, tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0, 4)>>) -> tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>
  return %0 : tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>
}

// -----

// expected-error @+1 {{input 'k' and output 'k2': 'dl.exp' reads the input, too}}
func.func @main(%q: tensor<1x2x1x4xf32>, %k: tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0, 4)>>) -> (tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>, tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0, 4)>>) attributes {dl.input_names = ["q", "k"], dl.output_names = ["k2", "e"], dl.symbols = ["P", "B"]} {
  %0 = dl.concat %k, %q {axis = 2 : i64} : (tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0, 4)>>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>
  %1 = dl.exp %k : (tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0, 4)>>) -> tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0, 4)>>
  return %0, %1 : tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>, tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0, 4)>>
}

// -----

// expected-error @+1 {{input 'k' and output 'k2': the output is not put together of the input's rows and new ones}}
func.func @main(%q: tensor<1x2x1x4xf32>, %k: tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0, 4)>>) -> (tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>) attributes {dl.input_names = ["q", "k"], dl.output_names = ["k2"], dl.symbols = ["P", "B"]} {
  %0 = dl.concat %k, %q {axis = 2 : i64} : (tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0, 4)>>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>
  %1 = dl.exp %0 : (tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>) -> tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>
  return %1 : tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>
}

// -----

// expected-error @+1 {{--kv-cache: input 1 has the size of cache 'k', too}}
func.func @main(%q: tensor<1x2x1x4xf32>, %m: tensor<?xf32, #dl.dims<()[s0] -> (s0)>>, %k: tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0, 4)>>) -> (tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>) attributes {dl.input_names = ["q", "m", "k"], dl.output_names = ["k2"], dl.symbols = ["P", "B"]} {
  %0 = dl.concat %k, %q {axis = 2 : i64} : (tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0, 4)>>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>
  return %0 : tensor<1x2x?x4xf32, #dl.dims<()[s0] -> (1, 2, s0 + 1, 4)>>
}
