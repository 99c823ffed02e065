// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt %s --split-input-file --dl-encode-complex | FileCheck %s
// RUN: dl-opt %s --split-input-file --dl-encode-complex --dl-encode-complex | FileCheck %s

// CHECK-LABEL: func.func @moves
// CHECK-SAME: (%[[X:.*]]: tensor<2x3xi64>, %[[C:.*]]: tensor<3x1xi1>) -> tensor<3x2xi64>
// CHECK-SAME: dl.input_types = [tensor<2x3xcomplex<f32>>, tensor<3x1xi1>]
// CHECK-SAME: dl.output_types = [tensor<3x2xcomplex<f32>>]
func.func @moves(%x: tensor<2x3xcomplex<f32>>, %c: tensor<3x1xi1>) -> tensor<3x2xcomplex<f32>> {
  // The bits of 2.0, then of 1.0.
  // CHECK: %[[K:.*]] = dl.constant dense<4611686019492741120> : tensor<i64>
  %k = dl.constant dense<(1.0, 2.0)> : tensor<complex<f32>>
  // CHECK: %[[T:.*]] = dl.transpose %[[X]] {{.*}} : (tensor<2x3xi64>) -> tensor<3x2xi64>
  %0 = dl.transpose %x {permutation = array<i64: 1, 0>} : (tensor<2x3xcomplex<f32>>) -> tensor<3x2xcomplex<f32>>
  // CHECK: dl.select %[[C]], %[[T]], %[[K]] : (tensor<3x1xi1>, tensor<3x2xi64>, tensor<i64>)
  %1 = dl.select %c, %0, %k : (tensor<3x1xi1>, tensor<3x2xcomplex<f32>>, tensor<complex<f32>>) -> tensor<3x2xcomplex<f32>>
  return %1 : tensor<3x2xcomplex<f32>>
}

// -----

// CHECK-LABEL: func.func @wide
// CHECK-SAME: -> tensor<2xi128> attributes {dl.output_types = [tensor<2xcomplex<f64>>]}
func.func @wide() -> tensor<2xcomplex<f64>> {
  // CHECK: dl.constant dense<[18446744073709551616, 0]> : tensor<2xi128>
  %0 = dl.constant dense<[(0.0, 4.940656458412465e-324), (0.0, 0.0)]> : tensor<2xcomplex<f64>>
  return %0 : tensor<2xcomplex<f64>>
}

// -----

// Sequences and optionals; the bits themselves are there already.
// CHECK-LABEL: func.func @values
// CHECK-SAME: (%[[X:.*]]: tensor<4xi64>) -> (!dl.sequence<tensor<4xi64>>, !dl.optional<tensor<4xi64>>, tensor<4xi64>)
// CHECK-SAME: dl.output_types = [!dl.sequence<tensor<4xcomplex<f32>>>, !dl.optional<tensor<4xcomplex<f32>>>, tensor<4xi64>]
func.func @values(%x: tensor<4xcomplex<f32>>) -> (!dl.sequence<tensor<4xcomplex<f32>>>, !dl.optional<tensor<4xcomplex<f32>>>, tensor<4xi64>) {
  // CHECK: %[[S:.*]] = dl.sequence_create(%[[X]]) : (tensor<4xi64>) -> !dl.sequence<tensor<4xi64>>
  %0 = dl.sequence_create(%x) : (tensor<4xcomplex<f32>>) -> !dl.sequence<tensor<4xcomplex<f32>>>
  // CHECK: %[[O:.*]] = dl.optional_create(%[[X]])
  %1 = dl.optional_create(%x) : (tensor<4xcomplex<f32>>) -> !dl.optional<tensor<4xcomplex<f32>>>
  %2 = dl.bitcast %x : (tensor<4xcomplex<f32>>) -> tensor<4xi64>
  // CHECK: return %[[S]], %[[O]], %[[X]]
  return %0, %1, %2 : !dl.sequence<tensor<4xcomplex<f32>>>, !dl.optional<tensor<4xcomplex<f32>>>, tensor<4xi64>
}

// -----

// CHECK-LABEL: func.func @none(%{{.*}}: tensor<2xf32>) -> tensor<2xf32> {
func.func @none(%x: tensor<2xf32>) -> tensor<2xf32> {
  return %x : tensor<2xf32>
}
