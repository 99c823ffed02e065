// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt %s --dl-cpu-lower-vectors | FileCheck %s

// A tile is read and written row by row, with no buffer in between.
// CHECK-LABEL: func.func @tile
// CHECK-NOT: memref.alloc
// CHECK-COUNT-4: vector.load {{.*}} vector<16xf32>
// CHECK-COUNT-4: vector.store {{.*}} vector<16xf32>
func.func @tile(%a: memref<4x16xf32>, %b: memref<4x16xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %v = vector.transfer_read %a[%c0, %c0], %zero {in_bounds = [true, true]} : memref<4x16xf32>, vector<4x16xf32>
  vector.transfer_write %v, %b[%c0, %c0] {in_bounds = [true, true]} : vector<4x16xf32>, memref<4x16xf32>
  return
}

// A tail is masked, by comparing 32-bit lane numbers with a clamped bound.
// CHECK-LABEL: func.func @tail
// CHECK: %[[LOW:.*]] = arith.maxsi %{{.*}}, %c0{{[_0-9]*}} : index
// CHECK: %[[BOUND:.*]] = arith.minsi %[[LOW]], %c8{{[_0-9]*}} : index
// CHECK: %[[BOUND32:.*]] = arith.index_cast %[[BOUND]] : index to i32
// CHECK: %[[LANES:.*]] = arith.constant dense<[0, 1, 2, 3, 4, 5, 6, 7]> : vector<8xi32>
// CHECK: %[[BOUNDS:.*]] = vector.broadcast %[[BOUND32]] : i32 to vector<8xi32>
// CHECK: %[[MASK:.*]] = arith.cmpi sgt, %[[BOUNDS]], %[[LANES]] : vector<8xi32>
// CHECK: vector.maskedload %{{.*}}, %[[MASK]]
func.func @tail(%a: memref<?xf32>, %i: index) -> vector<8xf32> {
  %zero = arith.constant 0.0 : f32
  %v = vector.transfer_read %a[%i], %zero : memref<?xf32>, vector<8xf32>
  return %v : vector<8xf32>
}

// A contraction becomes fused multiplications and additions of rows.
// CHECK-LABEL: func.func @contract
// CHECK-NOT: vector.contract
// CHECK-COUNT-4: vector.fma {{.*}} : vector<16xf32>
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
func.func @contract(%a: vector<2x2xf32>, %b: vector<2x16xf32>, %c: vector<2x16xf32>) -> vector<2x16xf32> {
  %r = vector.contract {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %a, %b, %c : vector<2x2xf32>, vector<2x16xf32> into vector<2x16xf32>
  return %r : vector<2x16xf32>
}

// CHECK-LABEL: func.func @transpose
// CHECK-NOT: vector.transpose
// CHECK: vector.shuffle
func.func @transpose(%a: vector<16x16xf32>) -> vector<16x16xf32> {
  %r = vector.transpose %a, [1, 0] : vector<16x16xf32> to vector<16x16xf32>
  return %r : vector<16x16xf32>
}

// CHECK-LABEL: func.func @sum
// CHECK-NOT: vector.multi_reduction
// CHECK: arith.addf {{.*}} : vector<16xf32>
func.func @sum(%a: vector<4x16xf32>, %b: vector<16xf32>) -> vector<16xf32> {
  %r = vector.multi_reduction <add>, %a, %b [0] : vector<4x16xf32> to vector<16xf32>
  return %r : vector<16xf32>
}
