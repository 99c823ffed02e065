// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --pass-pipeline='builtin.module(func.func(dl-skip-zero-rows))' %s | FileCheck %s
// RUN: dl-opt --pass-pipeline='builtin.module(func.func(dl-skip-zero-rows{assume-finite=false}))' %s | FileCheck %s --check-prefix=EXACT

// An expert: two products of the rows that a token chose, added to what others gave.

// CHECK-LABEL: func.func @expert
// CHECK-SAME: dl.assumptions = ["1 products
// CHECK-SAME: dl.symbols = ["rows.0"]
// CHECK: %[[MASK:.*]] = dl.cast %{{.*}} : (tensor<64x1xi1>) -> tensor<64x1xf32>
// CHECK: %[[COUNT:.*]] = dl.reduce sum, {{.*}} -> tensor<1xi64>
// CHECK: dl.bind %[[COUNT]] {{.*}}symbols = array<i64: 0>
// CHECK: %[[POSITIONS:.*]] = dl.scatter_elements set,
// CHECK: %[[X:.*]] = dl.gather %arg0, %[[POSITIONS]] {axis = 0 : i64}
// CHECK: %[[UP:.*]] = dl.matmul %[[X]], %{{.*}} -> tensor<?x512xf32, #dl.dims<()[s0] -> (s0, 512)>>
// CHECK: %[[ACT:.*]] = dl.tanh %[[UP]]
// CHECK: %[[DOWN:.*]] = dl.matmul %[[ACT]]
// CHECK: %[[W:.*]] = dl.gather %[[MASK]], %[[POSITIONS]]
// CHECK: %[[ROWS:.*]] = dl.mul %[[W]], %[[DOWN]]
// CHECK: %[[RESULT:.*]] = dl.scatter_nd add, %arg1, %{{.*}}, %[[ROWS]]
// CHECK: return %[[RESULT]]

// EXACT-LABEL: func.func @expert
// EXACT-NOT: dl.bind
// EXACT: return
func.func @expert(%x: tensor<64x256xf32>, %acc: tensor<64x256xf32>, %mask: tensor<64x1xi1>, %a: tensor<256x512xf32>, %b: tensor<512x256xf32>) -> tensor<64x256xf32> attributes {dl.symbols = []} {
  %0 = dl.cast %mask : (tensor<64x1xi1>) -> tensor<64x1xf32>
  %1 = dl.matmul %x, %a : (tensor<64x256xf32>, tensor<256x512xf32>) -> tensor<64x512xf32>
  %2 = dl.tanh %1 : (tensor<64x512xf32>) -> tensor<64x512xf32>
  %3 = dl.matmul %2, %b : (tensor<64x512xf32>, tensor<512x256xf32>) -> tensor<64x256xf32>
  %4 = dl.mul %0, %3 : (tensor<64x1xf32>, tensor<64x256xf32>) -> tensor<64x256xf32>
  %5 = dl.add %acc, %4 : (tensor<64x256xf32>, tensor<64x256xf32>) -> tensor<64x256xf32>
  return %5 : tensor<64x256xf32>
}

// A choice between rows and zero assumes nothing; two row dimensions, one of them symbolic.

// CHECK-LABEL: func.func @choice
// CHECK-NOT: dl.assumptions
// CHECK: dl.bind %{{.*}} symbols = array<i64: 1>
// CHECK: dl.gather %{{.*}} : (tensor<?x256xf32, #dl.dims<()[s0] -> (s0 * 2, 256)>>
// CHECK: dl.matmul %{{.*}} -> tensor<1x?x512xf32, #dl.dims<()[s0, s1] -> (1, s1, 512)>>
// CHECK: dl.scatter_nd set,
// CHECK: dl.reshape %{{.*}} -> tensor<2x?x512xf32, #dl.dims<()[s0] -> (2, s0, 512)>>
// EXACT-LABEL: func.func @choice
// EXACT: dl.bind
func.func @choice(%x: tensor<2x?x256xf32, #dl.dims<()[s0] -> (2, s0, 256)>>, %mask: tensor<2x?x1xi1, #dl.dims<()[s0] -> (2, s0, 1)>>, %a: tensor<256x512xf32>) -> tensor<2x?x512xf32, #dl.dims<()[s0] -> (2, s0, 512)>> attributes {dl.symbols = ["N"]} {
  %zero = dl.constant dense<0.0> : tensor<f32>
  %0 = dl.matmul %x, %a : (tensor<2x?x256xf32, #dl.dims<()[s0] -> (2, s0, 256)>>, tensor<256x512xf32>) -> tensor<2x?x512xf32, #dl.dims<()[s0] -> (2, s0, 512)>>
  %1 = dl.select %mask, %0, %zero : (tensor<2x?x1xi1, #dl.dims<()[s0] -> (2, s0, 1)>>, tensor<2x?x512xf32, #dl.dims<()[s0] -> (2, s0, 512)>>, tensor<f32>) -> tensor<2x?x512xf32, #dl.dims<()[s0] -> (2, s0, 512)>>
  return %1 : tensor<2x?x512xf32, #dl.dims<()[s0] -> (2, s0, 512)>>
}

// Nothing is known of the weight, the product is used beside it, rows meet in the
// softmax, or there is little to save: all stay.

// CHECK-LABEL: func.func @unknown
// CHECK-NOT: dl.bind
func.func @unknown(%x: tensor<64x256xf32>, %w: tensor<64x1xf32>, %a: tensor<256x512xf32>) -> tensor<64x512xf32> {
  %0 = dl.matmul %x, %a : (tensor<64x256xf32>, tensor<256x512xf32>) -> tensor<64x512xf32>
  %1 = dl.mul %w, %0 : (tensor<64x1xf32>, tensor<64x512xf32>) -> tensor<64x512xf32>
  return %1 : tensor<64x512xf32>
}

// CHECK-LABEL: func.func @used
// CHECK-NOT: dl.bind
func.func @used(%x: tensor<64x256xf32>, %mask: tensor<64x1xi1>, %a: tensor<256x512xf32>) -> (tensor<64x512xf32>, tensor<64x512xf32>) {
  %0 = dl.matmul %x, %a : (tensor<64x256xf32>, tensor<256x512xf32>) -> tensor<64x512xf32>
  %1 = dl.cast %mask : (tensor<64x1xi1>) -> tensor<64x1xf32>
  %2 = dl.mul %1, %0 : (tensor<64x1xf32>, tensor<64x512xf32>) -> tensor<64x512xf32>
  return %0, %2 : tensor<64x512xf32>, tensor<64x512xf32>
}

// CHECK-LABEL: func.func @meet
// CHECK-NOT: dl.bind
func.func @meet(%x: tensor<64x256xf32>, %mask: tensor<64x1xi1>, %a: tensor<256x512xf32>) -> tensor<64x512xf32> {
  %0 = dl.matmul %x, %a : (tensor<64x256xf32>, tensor<256x512xf32>) -> tensor<64x512xf32>
  %1 = dl.softmax %0 {axis = 0 : i64} : (tensor<64x512xf32>) -> tensor<64x512xf32>
  %2 = dl.cast %mask : (tensor<64x1xi1>) -> tensor<64x1xf32>
  %3 = dl.mul %2, %1 : (tensor<64x1xf32>, tensor<64x512xf32>) -> tensor<64x512xf32>
  return %3 : tensor<64x512xf32>
}

// CHECK-LABEL: func.func @small
// CHECK-NOT: dl.bind
func.func @small(%x: tensor<64x8xf32>, %mask: tensor<64x1xi1>, %a: tensor<8x8xf32>) -> tensor<64x8xf32> {
  %0 = dl.matmul %x, %a : (tensor<64x8xf32>, tensor<8x8xf32>) -> tensor<64x8xf32>
  %1 = dl.cast %mask : (tensor<64x1xi1>) -> tensor<64x1xf32>
  %2 = dl.mul %1, %0 : (tensor<64x1xf32>, tensor<64x8xf32>) -> tensor<64x8xf32>
  return %2 : tensor<64x8xf32>
}

// One row waits for its weights: they are not read where the row is zero.

// CHECK-LABEL: func.func @one_row
// CHECK: dl.bind
// CHECK: dl.matmul %{{.*}} : (tensor<?x512xf32
func.func @one_row(%x: tensor<1x512xf32>, %mask: tensor<1x1xi1>, %a: tensor<512x1024xf32>) -> tensor<1x1024xf32> {
  %0 = dl.matmul %x, %a : (tensor<1x512xf32>, tensor<512x1024xf32>) -> tensor<1x1024xf32>
  %1 = dl.cast %mask : (tensor<1x1xi1>) -> tensor<1x1xf32>
  %2 = dl.mul %1, %0 : (tensor<1x1xf32>, tensor<1x1024xf32>) -> tensor<1x1024xf32>
  return %2 : tensor<1x1024xf32>
}

// Products with weights of few bits have rows likewise.

// CHECK-LABEL: func.func @narrow
// CHECK: dl.bind
// CHECK: %[[X:.*]] = dl.gather %arg0
// CHECK: %[[UP:.*]] = dl.block_matmul %[[X]], {{.*}} -> tensor<?x512xf32, #dl.dims<()[s0] -> (s0, 512)>>
// CHECK: dl.block_matmul %[[UP]]
// CHECK: dl.scatter_nd add
func.func @narrow(%x: tensor<64x256xf32>, %acc: tensor<64x256xf32>, %mask: tensor<64x1xi1>, %a: tensor<512x8x16xui8>, %as: tensor<512x8xf32>, %b: tensor<256x16x16xui8>, %bs: tensor<256x16xf32>, %z: tensor<ui8>) -> tensor<64x256xf32> attributes {dl.symbols = []} {
  %0 = dl.cast %mask : (tensor<64x1xi1>) -> tensor<64x1xf32>
  %1 = dl.block_matmul %x, %a, %as, %z {bits = 4 : i64} : (tensor<64x256xf32>, tensor<512x8x16xui8>, tensor<512x8xf32>, tensor<ui8>) -> tensor<64x512xf32>
  %2 = dl.block_matmul %1, %b, %bs, %z {bits = 4 : i64} : (tensor<64x512xf32>, tensor<256x16x16xui8>, tensor<256x16xf32>, tensor<ui8>) -> tensor<64x256xf32>
  %3 = dl.mul %0, %2 : (tensor<64x1xf32>, tensor<64x256xf32>) -> tensor<64x256xf32>
  %4 = dl.add %acc, %3 : (tensor<64x256xf32>, tensor<64x256xf32>) -> tensor<64x256xf32>
  return %4 : tensor<64x256xf32>
}
