// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --pass-pipeline='builtin.module(func.func(dl-split-experts))' %s | FileCheck %s
// RUN: dl-opt --pass-pipeline='builtin.module(func.func(dl-split-experts{assume-finite=false}))' %s | FileCheck %s --check-prefix=EXACT

// Two experts, their weights stacked along the first dimension, and a sum over it.

// CHECK-LABEL: func.func @sum
// CHECK: %[[W0:.*]] = dl.slice %arg2 {{.*}} -> tensor<1x256x512xf32>
// CHECK: %[[M0:.*]] = dl.reshape %[[W0]] {{.*}} -> tensor<256x512xf32>
// CHECK: %[[Y0:.*]] = dl.matmul %arg0, %[[M0]] {{.*}} -> tensor<64x512xf32>
// CHECK: %[[T0:.*]] = dl.tanh %[[Y0]]
// CHECK: %[[R0:.*]] = dl.slice %arg1 {{.*}} -> tensor<1x64x1xi1>
// CHECK: %[[B0:.*]] = dl.reshape %[[R0]] {{.*}} -> tensor<64x1xi1>
// CHECK: %[[C0:.*]] = dl.cast %[[B0]]
// CHECK: %[[P0:.*]] = dl.mul %[[T0]], %[[C0]]
// CHECK: %[[Y1:.*]] = dl.matmul %arg0, %{{.*}} -> tensor<64x512xf32>
// CHECK: %[[P1:.*]] = dl.mul
// CHECK: %[[SUM:.*]] = dl.add %[[P0]], %[[P1]]
// CHECK-NOT: dl.reduce
// CHECK: return %[[SUM]]

// EXACT-LABEL: func.func @sum
// EXACT: dl.reduce sum, {{.*}} -> tensor<64x512xf32>
func.func @sum(%x: tensor<64x256xf32>, %mask: tensor<2x64x1xi1>, %w: tensor<2x256x512xf32>) -> tensor<64x512xf32> {
  %0 = dl.cast %mask : (tensor<2x64x1xi1>) -> tensor<2x64x1xf32>
  %1 = dl.matmul %x, %w : (tensor<64x256xf32>, tensor<2x256x512xf32>) -> tensor<2x64x512xf32>
  %2 = dl.tanh %1 : (tensor<2x64x512xf32>) -> tensor<2x64x512xf32>
  %3 = dl.mul %2, %0 : (tensor<2x64x512xf32>, tensor<2x64x1xf32>) -> tensor<2x64x512xf32>
  %4 = dl.reduce sum, %3 {axes = array<i64: 0>} : (tensor<2x64x512xf32>) -> tensor<64x512xf32>
  return %4 : tensor<64x512xf32>
}

// Experts side by side in the columns of one matrix, which is split as well; their
// weights are a column of the last product.

// CHECK-LABEL: func.func @columns
// CHECK: %[[W0:.*]] = dl.slice %arg2 {{.*}} -> tensor<256x512xf32>
// CHECK: dl.matmul %arg0, %[[W0]] {{.*}} -> tensor<64x512xf32>
// CHECK: %[[P0:.*]] = dl.mul {{.*}} -> tensor<64x512xf32>
// CHECK: dl.matmul %arg0, {{.*}} -> tensor<64x512xf32>
// CHECK: dl.add %[[P0]]
// CHECK-NOT: dl.matmul
func.func @columns(%x: tensor<64x256xf32>, %mask: tensor<64x2x1xi1>, %w: tensor<256x1024xf32>) -> tensor<64x512x1xf32> {
  %0 = dl.cast %mask : (tensor<64x2x1xi1>) -> tensor<64x2x1xf32>
  %1 = dl.matmul %x, %w : (tensor<64x256xf32>, tensor<256x1024xf32>) -> tensor<64x1024xf32>
  %2 = dl.reshape %1 : (tensor<64x1024xf32>) -> tensor<64x2x512xf32>
  %3 = dl.transpose %2 {permutation = array<i64: 0, 2, 1>} : (tensor<64x2x512xf32>) -> tensor<64x512x2xf32>
  %4 = dl.matmul %3, %0 : (tensor<64x512x2xf32>, tensor<64x2x1xf32>) -> tensor<64x512x1xf32>
  return %4 : tensor<64x512x1xf32>
}

// Weighted before the last product, whose depth is that of both experts; symbolic rows.

// CHECK-LABEL: func.func @depth
// CHECK: %[[Y0:.*]] = dl.matmul %{{.*}} : (tensor<?x512xf32{{.*}}>, tensor<512x256xf32>) -> tensor<?x256xf32
// CHECK: %[[P0:.*]] = dl.mul %{{.*}}, %[[Y0]]
// CHECK: %[[Y1:.*]] = dl.matmul %{{.*}} : (tensor<?x512xf32{{.*}}>, tensor<512x256xf32>) -> tensor<?x256xf32
// CHECK: %[[P1:.*]] = dl.mul %{{.*}}, %[[Y1]]
// CHECK: dl.add %[[P0]], %[[P1]]
func.func @depth(%x: tensor<?x1024xf32, #dl.dims<()[s0] -> (s0, 1024)>>, %mask: tensor<?x2x1xi1, #dl.dims<()[s0] -> (s0, 2, 1)>>, %a: tensor<1024x1024xf32>, %b: tensor<1024x256xf32>) -> tensor<?x256xf32, #dl.dims<()[s0] -> (s0, 256)>> attributes {dl.symbols = ["N"]} {
  %0 = dl.cast %mask : (tensor<?x2x1xi1, #dl.dims<()[s0] -> (s0, 2, 1)>>) -> tensor<?x2x1xf32, #dl.dims<()[s0] -> (s0, 2, 1)>>
  %1 = dl.matmul %x, %a : (tensor<?x1024xf32, #dl.dims<()[s0] -> (s0, 1024)>>, tensor<1024x1024xf32>) -> tensor<?x1024xf32, #dl.dims<()[s0] -> (s0, 1024)>>
  %2 = dl.reshape %1 : (tensor<?x1024xf32, #dl.dims<()[s0] -> (s0, 1024)>>) -> tensor<?x2x512xf32, #dl.dims<()[s0] -> (s0, 2, 512)>>
  %3 = dl.mul %0, %2 : (tensor<?x2x1xf32, #dl.dims<()[s0] -> (s0, 2, 1)>>, tensor<?x2x512xf32, #dl.dims<()[s0] -> (s0, 2, 512)>>) -> tensor<?x2x512xf32, #dl.dims<()[s0] -> (s0, 2, 512)>>
  %4 = dl.reshape %3 : (tensor<?x2x512xf32, #dl.dims<()[s0] -> (s0, 2, 512)>>) -> tensor<?x1024xf32, #dl.dims<()[s0] -> (s0, 1024)>>
  %5 = dl.matmul %4, %b : (tensor<?x1024xf32, #dl.dims<()[s0] -> (s0, 1024)>>, tensor<1024x256xf32>) -> tensor<?x256xf32, #dl.dims<()[s0] -> (s0, 256)>>
  return %5 : tensor<?x256xf32, #dl.dims<()[s0] -> (s0, 256)>>
}

// Nothing is known of the weights, or experts meet in a softmax: all stay.

// CHECK-LABEL: func.func @unknown
// CHECK: dl.reduce sum
func.func @unknown(%x: tensor<64x256xf32>, %r: tensor<2x64x1xf32>, %w: tensor<2x256x512xf32>) -> tensor<64x512xf32> {
  %0 = dl.matmul %x, %w : (tensor<64x256xf32>, tensor<2x256x512xf32>) -> tensor<2x64x512xf32>
  %1 = dl.mul %0, %r : (tensor<2x64x512xf32>, tensor<2x64x1xf32>) -> tensor<2x64x512xf32>
  %2 = dl.reduce sum, %1 {axes = array<i64: 0>} : (tensor<2x64x512xf32>) -> tensor<64x512xf32>
  return %2 : tensor<64x512xf32>
}

// CHECK-LABEL: func.func @meet
// CHECK-NOT: dl.slice
// CHECK: dl.reduce sum
func.func @meet(%x: tensor<64x256xf32>, %mask: tensor<2x64x1xi1>, %w: tensor<2x256x512xf32>) -> tensor<64x512xf32> {
  %0 = dl.cast %mask : (tensor<2x64x1xi1>) -> tensor<2x64x1xf32>
  %1 = dl.matmul %x, %w : (tensor<64x256xf32>, tensor<2x256x512xf32>) -> tensor<2x64x512xf32>
  %2 = dl.softmax %1 {axis = 0 : i64} : (tensor<2x64x512xf32>) -> tensor<2x64x512xf32>
  %3 = dl.mul %2, %0 : (tensor<2x64x512xf32>, tensor<2x64x1xf32>) -> tensor<2x64x512xf32>
  %4 = dl.reduce sum, %3 {axes = array<i64: 0>} : (tensor<2x64x512xf32>) -> tensor<64x512xf32>
  return %4 : tensor<64x512xf32>
}

// Slots that no token has are left out of each expert's part, where there are four for each token.

// CHECK-LABEL: func.func @slots
// CHECK-SAME: dl.assumptions = ["slots of experts that no token has are not computed: it is assumed that they would be finite (--assume-finite)"]
// CHECK: %[[ROWS:.*]] = dl.matmul %{{.*}} : (tensor<32x256xf32>, tensor<256x512xf32>) -> tensor<32x512xf32>
// CHECK: %[[MAX:.*]] = dl.reduce max, %{{.*}} {axes = array<i64: 0>, keepdims = true} : (tensor<16x32xf32>) -> tensor<1x32xf32>
// CHECK: %[[FILLED:.*]] = dl.compare ne, %{{.*}} -> tensor<32x1xi1>
// CHECK: %[[KEPT:.*]] = dl.select %[[FILLED]], %[[ROWS]], %{{.*}} -> tensor<32x512xf32>
// CHECK: dl.matmul %{{.*}}, %[[KEPT]] : (tensor<16x32xf32>, tensor<32x512xf32>) -> tensor<16x512xf32>
// CHECK: dl.add

// EXACT-LABEL: func.func @slots
// EXACT-NOT: dl.select
func.func @slots(%combine: tensor<16x2x32xi1>, %x: tensor<2x32x256xf32>, %w: tensor<2x256x512xf32>) -> tensor<16x512xf32> {
  %0 = dl.cast %combine : (tensor<16x2x32xi1>) -> tensor<16x2x32xf32>
  %1 = dl.matmul %x, %w : (tensor<2x32x256xf32>, tensor<2x256x512xf32>) -> tensor<2x32x512xf32>
  %2 = dl.reshape %0 : (tensor<16x2x32xf32>) -> tensor<16x64xf32>
  %3 = dl.reshape %1 : (tensor<2x32x512xf32>) -> tensor<64x512xf32>
  %4 = dl.matmul %2, %3 : (tensor<16x64xf32>, tensor<64x512xf32>) -> tensor<16x512xf32>
  return %4 : tensor<16x512xf32>
}

// Three for each are computed together.

// CHECK-LABEL: func.func @few_slots
// CHECK-NOT: dl.select
func.func @few_slots(%combine: tensor<16x2x24xi1>, %x: tensor<2x24x256xf32>, %w: tensor<2x256x512xf32>) -> tensor<16x512xf32> {
  %0 = dl.cast %combine : (tensor<16x2x24xi1>) -> tensor<16x2x24xf32>
  %1 = dl.matmul %x, %w : (tensor<2x24x256xf32>, tensor<2x256x512xf32>) -> tensor<2x24x512xf32>
  %2 = dl.reshape %0 : (tensor<16x2x24xf32>) -> tensor<16x48xf32>
  %3 = dl.reshape %1 : (tensor<2x24x512xf32>) -> tensor<48x512xf32>
  %4 = dl.matmul %2, %3 : (tensor<16x48xf32>, tensor<48x512xf32>) -> tensor<16x512xf32>
  return %4 : tensor<16x512xf32>
}
