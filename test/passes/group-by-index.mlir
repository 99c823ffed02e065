// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --pass-pipeline='builtin.module(func.func(dl-group-by-index))' %s | FileCheck %s

// Two products with gathered matrices and a gathered bias: for each of two matrices,
// the rows of all, chosen where the index is that matrix's.

// CHECK-LABEL: func.func @chain
// CHECK-NOT: dl.gather
// CHECK: %[[INDEX:.*]] = dl.min
// CHECK: %[[COLUMN:.*]] = dl.reshape %[[INDEX]] {{.*}} -> tensor<64x1xi64>
// CHECK: %[[IS0:.*]] = dl.compare eq, %[[COLUMN]]
// CHECK: %[[Y0:.*]] = dl.matmul %{{.*}} : (tensor<64x256xf32>, tensor<256x512xf32>) -> tensor<64x512xf32>
// CHECK: %[[R0:.*]] = dl.reshape %[[Y0]]
// CHECK: %[[V0:.*]] = dl.reshape %[[R0]] {{.*}} -> tensor<64x512xf32>
// CHECK: %[[H0:.*]] = dl.add %[[V0]], %{{.*}} : (tensor<64x512xf32>, tensor<512xf32>)
// CHECK: %[[T0:.*]] = dl.tanh %[[H0]]
// CHECK: %[[Z0:.*]] = dl.matmul %[[T0]], %{{.*}} : (tensor<64x512xf32>, tensor<512x256xf32>) -> tensor<64x256xf32>
// CHECK: %[[C0:.*]] = dl.select %[[IS0]], %{{.*}} -> tensor<64x256xf32>
// CHECK: %[[C1:.*]] = dl.select
// CHECK: %[[SUM:.*]] = dl.add %[[C0]], %[[C1]]
// CHECK: dl.reduce sum, %[[SUM]]
func.func @chain(%x: tensor<64x1x256xf32>, %i: tensor<64xi64>, %a: tensor<2x256x512xf32>, %b: tensor<2x512xf32>, %c: tensor<2x256x512xf32>) -> tensor<256xf32> {
  %0 = dl.gather %a, %i {axis = 0 : i64} : (tensor<2x256x512xf32>, tensor<64xi64>) -> tensor<64x256x512xf32>
  %1 = dl.matmul %x, %0 : (tensor<64x1x256xf32>, tensor<64x256x512xf32>) -> tensor<64x1x512xf32>
  %2 = dl.reshape %1 : (tensor<64x1x512xf32>) -> tensor<64x512xf32>
  %3 = dl.gather %b, %i {axis = 0 : i64} : (tensor<2x512xf32>, tensor<64xi64>) -> tensor<64x512xf32>
  %4 = dl.add %2, %3 : (tensor<64x512xf32>, tensor<64x512xf32>) -> tensor<64x512xf32>
  %5 = dl.tanh %4 : (tensor<64x512xf32>) -> tensor<64x512xf32>
  %6 = dl.reshape %i : (tensor<64xi64>) -> tensor<64x1xi64>
  %7 = dl.gather_nd %c, %6 : (tensor<2x256x512xf32>, tensor<64x1xi64>) -> tensor<64x256x512xf32>
  %8 = dl.reshape %5 : (tensor<64x512xf32>) -> tensor<64x512x1xf32>
  %9 = dl.matmul %7, %8 : (tensor<64x256x512xf32>, tensor<64x512x1xf32>) -> tensor<64x256x1xf32>
  %10 = dl.reshape %9 : (tensor<64x256x1xf32>) -> tensor<64x256xf32>
  %11 = dl.reduce sum, %10 {axes = array<i64: 0>} : (tensor<64x256xf32>) -> tensor<256xf32>
  return %11 : tensor<256xf32>
}

// Another index for the second product: each is grouped by its own.

// CHECK-LABEL: func.func @two_indices
// CHECK-NOT: dl.gather
// CHECK-COUNT-4: dl.select %{{.*}} -> tensor<64x1x
func.func @two_indices(%x: tensor<64x1x256xf32>, %i: tensor<64xi64>, %j: tensor<64xi64>, %a: tensor<2x256x512xf32>, %b: tensor<2x512x256xf32>) -> tensor<64x1x256xf32> {
  %0 = dl.gather %a, %i {axis = 0 : i64} : (tensor<2x256x512xf32>, tensor<64xi64>) -> tensor<64x256x512xf32>
  %1 = dl.matmul %x, %0 : (tensor<64x1x256xf32>, tensor<64x256x512xf32>) -> tensor<64x1x512xf32>
  %2 = dl.gather %b, %j {axis = 0 : i64} : (tensor<2x512x256xf32>, tensor<64xi64>) -> tensor<64x512x256xf32>
  %3 = dl.matmul %1, %2 : (tensor<64x1x512xf32>, tensor<64x512x256xf32>) -> tensor<64x1x256xf32>
  return %3 : tensor<64x1x256xf32>
}

// Few rows, or many matrices for what each has to do: they are gathered.

// CHECK-LABEL: func.func @few_rows
// CHECK: dl.gather
// CHECK-NOT: dl.select
func.func @few_rows(%x: tensor<2x1x256xf32>, %i: tensor<2xi64>, %a: tensor<8x256x512xf32>) -> tensor<2x1x512xf32> {
  %0 = dl.gather %a, %i {axis = 0 : i64} : (tensor<8x256x512xf32>, tensor<2xi64>) -> tensor<2x256x512xf32>
  %1 = dl.matmul %x, %0 : (tensor<2x1x256xf32>, tensor<2x256x512xf32>) -> tensor<2x1x512xf32>
  return %1 : tensor<2x1x512xf32>
}

// CHECK-LABEL: func.func @many_matrices
// CHECK: dl.gather
// CHECK-NOT: dl.select
func.func @many_matrices(%x: tensor<64x1x256xf32>, %i: tensor<64xi64>, %a: tensor<200x256x512xf32>) -> tensor<64x1x512xf32> {
  %0 = dl.gather %a, %i {axis = 0 : i64} : (tensor<200x256x512xf32>, tensor<64xi64>) -> tensor<64x256x512xf32>
  %1 = dl.matmul %x, %0 : (tensor<64x1x256xf32>, tensor<64x256x512xf32>) -> tensor<64x1x512xf32>
  return %1 : tensor<64x1x512xf32>
}
