// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt %s --dl-lower "-cpu-generate-kernels" -split-input-file | FileCheck %s
// RUN: dl-opt %s --dl-lower "-cpu-generate-kernels=lanes=8 registers=16" -split-input-file | FileCheck %s --check-prefix=NARROW
// RUN: dl-opt %s --dl-lower "-cpu-generate-kernels=bytes=quads" -split-input-file | FileCheck %s --check-prefix=VNNI

// One row: 32 weights of a block lie in four words of each lane. A permutation of a
// table makes them f32; sums of a block are multiplied by its scale.

// CHECK-LABEL: func.func @row
// CHECK: dl.pack %{{.*}} {inner_dims = array<i64: 0, 2>, inner_tiles = array<i64: 64, 4>, outer_perm = array<i64: 0, 1, 2>} : (tensor<64x2x16xui8>) -> tensor<1x2x4x64x4xui8>
// CHECK: dl.pack %{{.*}} {inner_dims = array<i64: 0>, inner_tiles = array<i64: 64>, outer_perm = array<i64: 0, 1>} : (tensor<64x2xf32>) -> tensor<1x2x64xf32>
// CHECK-LABEL: func.func private @block_matmul
// CHECK: memref.prefetch
// CHECK: vector.load {{.*}} vector<64xi8>
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.permvar.sf.512"
// CHECK: vector.fma

// NARROW-LABEL: func.func private @block_matmul
// NARROW: arith.andi {{.*}} vector<8xi32>
// NARROW: arith.sitofp
// NARROW: vector.fma
func.func @row(%x: tensor<1x64xf32>) -> tensor<1x64xf32> {
  %w = dl.constant dense_resource<w> : tensor<64x2x16xui8>
  %s = dl.constant dense_resource<s> : tensor<64x2xf32>
  %z = dl.constant dense<8> : tensor<ui8>
  %0 = dl.fused {
    %1 = dl.block_matmul %x, %w, %s, %z {bits = 4 : i64} : (tensor<1x64xf32>, tensor<64x2x16xui8>, tensor<64x2xf32>, tensor<ui8>) -> tensor<1x64xf32>
    dl.yield %1 : tensor<1x64xf32>
  } : tensor<1x64xf32>
  return %0 : tensor<1x64xf32>
}
{-# dialect_resources: { builtin: { w: "0x0400000000000000", s: "0x0400000000000000" } } #-}

// -----

// Rows that may be rounded become bytes, high and low; with VNNI, weights that are masked alone multiply both. The
// first tile of a thread rounds each block before it multiplies it.

// VNNI-LABEL: func.func private @block_matmul
// VNNI: memref.prefetch
// VNNI: scf.if
// VNNI: vector.reduction <maximumf>
// VNNI: vector.shuffle {{.*}} vector<16xi8>, vector<16xi8>
// VNNI: vector.load {{.*}} vector<64xi8>
// VNNI: arith.andi {{.*}} vector<16xi32>
// VNNI: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"
// VNNI: arith.shli {{.*}} vector<16xi32>
// VNNI: vector.fma
// VNNI-NOT: permvar

// CHECK-LABEL: func.func private @block_matmul
// CHECK-NOT: vpdpbusd
// CHECK: vector.fma
func.func @rounded(%x: tensor<1x64xf32>) -> tensor<1x64xf32> {
  %w = dl.constant dense_resource<w> : tensor<64x2x16xui8>
  %s = dl.constant dense_resource<s> : tensor<64x2xf32>
  %z = dl.constant dense<8> : tensor<ui8>
  %0 = dl.fused {
    %1 = dl.block_matmul %x, %w, %s, %z {bits = 4 : i64, fixed_point} : (tensor<1x64xf32>, tensor<64x2x16xui8>, tensor<64x2xf32>, tensor<ui8>) -> tensor<1x64xf32>
    dl.yield %1 : tensor<1x64xf32>
  } : tensor<1x64xf32>
  return %0 : tensor<1x64xf32>
}
{-# dialect_resources: { builtin: { w: "0x0400000000000000", s: "0x0400000000000000" } } #-}

// -----

// Scales of f16 are extended in registers.

// CHECK-LABEL: func.func @halves
// CHECK: dl.pack {{.*}} : (tensor<64x2xf16>) -> tensor<1x2x64xf16>
// CHECK-LABEL: func.func private @block_matmul
// CHECK: vector.load {{.*}} vector<16xf16>
// CHECK: arith.extf {{.*}} : vector<16xf16> to vector<16xf32>

// VNNI-LABEL: func.func @halves
// VNNI-LABEL: func.func private @block_matmul
// VNNI: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"
// VNNI: arith.extf {{.*}} : vector<16xf16> to vector<16xf32>
func.func @halves(%x: tensor<1x64xf32>) -> tensor<1x64xf32> {
  %w = dl.constant dense_resource<w> : tensor<64x2x16xui8>
  %s = dl.constant dense_resource<s> : tensor<64x2xf16>
  %z = dl.constant dense<8> : tensor<ui8>
  %0 = dl.fused {
    %1 = dl.block_matmul %x, %w, %s, %z {bits = 4 : i64, fixed_point} : (tensor<1x64xf32>, tensor<64x2x16xui8>, tensor<64x2xf16>, tensor<ui8>) -> tensor<1x64xf32>
    dl.yield %1 : tensor<1x64xf32>
  } : tensor<1x64xf32>
  return %0 : tensor<1x64xf32>
}
{-# dialect_resources: { builtin: { w: "0x0400000000000000", s: "0x0400000000000000" } } #-}
