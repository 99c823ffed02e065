// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Products of bytes: by tile registers, four and two at a time in vectors, one by one.

// RUN: dl-opt %s "-cpu-generate-kernels=bytes=tiles" -split-input-file | FileCheck %s --check-prefix=TILES
// RUN: dl-opt %s "-cpu-generate-kernels=bytes=quads" -split-input-file | FileCheck %s --check-prefix=QUADS
// RUN: dl-opt %s "-cpu-generate-kernels=bytes=pairs" -split-input-file | FileCheck %s --check-prefix=PAIRS
// RUN: dl-opt %s "-cpu-generate-kernels" -split-input-file | FileCheck %s --check-prefix=ONES

// 74 positions are 18 groups of four and one of two, which zeros fill; rows are copied for
// that.

// TILES-LABEL: func.func @model
// TILES: dl.pack %{{.*}} {inner_dims = array<i64: 1, 0>, inner_tiles = array<i64: 32, 4>, outer_perm = array<i64: 1, 0>} : (tensor<74x64xi8>) -> tensor<2x19x32x4xi8>
// TILES-LABEL: func.func private @product
// TILES: llvm.call_intrinsic "llvm.x86.tdpbusd"
// TILES: llvm.call_intrinsic "llvm.x86.tilestored64"
// TILES: vector.load {{.*}} vector<16xi32>
// TILES: arith.sitofp

// QUADS-LABEL: func.func @model
// QUADS: dl.pack %{{.*}} {inner_dims = array<i64: 1, 0>, inner_tiles = array<i64: {{[0-9]+}}, 4>
// QUADS-LABEL: func.func private @product
// QUADS: vector.load {{.*}} vector<4xi8>
// QUADS: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"

// PAIRS-LABEL: func.func @model
// PAIRS: dl.pack %{{.*}} {inner_dims = array<i64: 1, 0>, inner_tiles = array<i64: {{[0-9]+}}, 2>
// PAIRS-LABEL: func.func private @product
// PAIRS: arith.extui {{.*}} vector<2xi8> to vector<2xi16>
// PAIRS: arith.extsi {{.*}} vector<32xi8> to vector<32xi16>
// PAIRS: llvm.call_intrinsic "llvm.x86.avx512.pmaddw.d.512"

// ONES-LABEL: func.func private @product
// ONES: arith.extui {{.*}} : i8 to i32
// ONES: arith.extsi {{.*}} vector<16xi8> to vector<16xi32>
// ONES: arith.muli
func.func @model(%x: tensor<40x74xui8>) -> tensor<40x64xf32> {
  %w = dl.constant dense_resource<w> : tensor<74x64xi8>
  %0 = dl.dispatch @product(%x, %w) sizes affine_map<() -> ()> : (tensor<40x74xui8>, tensor<74x64xi8>) -> tensor<40x64xf32>
  return %0 : tensor<40x64xf32>
}
#a = affine_map<(d0, d1, d2) -> (d0, d2)>
#b = affine_map<(d0, d1, d2) -> (d2, d1)>
#c = affine_map<(d0, d1, d2) -> (d0, d1)>
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func private @product(%x: tensor<40x74xi8>, %w: tensor<74x64xi8> {dl.constant}, %out: tensor<40x64xf32>) -> tensor<40x64xf32> attributes {dl.kernel} {
  %zero = arith.constant 0 : i32
  %empty = tensor.empty() : tensor<40x64xi32>
  %init = linalg.fill ins(%zero : i32) outs(%empty : tensor<40x64xi32>) -> tensor<40x64xi32>
  %s = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<40x74xi8>, tensor<74x64xi8>) outs(%init : tensor<40x64xi32>) {
  ^bb0(%p: i8, %q: i8, %sum: i32):
    %0 = arith.extui %p : i8 to i32
    %1 = arith.extsi %q : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %sum, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<40x64xi32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%s : tensor<40x64xi32>) outs(%out : tensor<40x64xf32>) {
  ^bb0(%p: i32, %o: f32):
    %0 = arith.sitofp %p : i32 to f32
    linalg.yield %0 : f32
  } -> tensor<40x64xf32>
  return %r : tensor<40x64xf32>
}
{-# dialect_resources: { builtin: { w: "0x0400000000000000" } } #-}
