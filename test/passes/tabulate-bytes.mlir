// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-tabulate-bytes --canonicalize -mlir-elide-elementsattrs-if-larger=300 -mlir-elide-resource-strings-if-larger=3000 %s | FileCheck %s

// 127 times the hyperbolic tangent, of 0, 1, 2, and, for the last bytes, -2 and -1 where
// they are signed.

// CHECK-LABEL: func.func @unsigned
// CHECK: %[[T:.*]] = dl.constant dense<"0x00607A7E{{.*}}7F7F"> : tensor<256xi8>
// CHECK: %[[R:.*]] = dl.gather %[[T]], %arg0 {axis = 0 : i64} : (tensor<256xi8>, tensor<4x8xui8>) -> tensor<4x8xi8>
// CHECK: return %[[R]]
func.func @unsigned(%x: tensor<4x8xui8>) -> tensor<4x8xi8> {
  %c = dl.constant dense<127.0> : tensor<f32>
  %0 = dl.cast %x : (tensor<4x8xui8>) -> tensor<4x8xf32>
  %1 = dl.tanh %0 : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = dl.mul %1, %c : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %3 = dl.cast %2 : (tensor<4x8xf32>) -> tensor<4x8xi8>
  return %3 : tensor<4x8xi8>
}

// CHECK-LABEL: func.func @signed
// CHECK: %[[T:.*]] = dl.constant dense<"0x0060{{.*}}86A0"> : tensor<256xi8>
// CHECK: %[[B:.*]] = dl.bitcast %arg0 : (tensor<4x8xi8>) -> tensor<4x8xui8>
// CHECK: dl.gather %[[T]], %[[B]]
func.func @signed(%x: tensor<4x8xi8>) -> tensor<4x8xi8> {
  %c = dl.constant dense<127.0> : tensor<f32>
  %0 = dl.cast %x : (tensor<4x8xi8>) -> tensor<4x8xf32>
  %1 = dl.tanh %0 : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = dl.mul %1, %c : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %3 = dl.cast %2 : (tensor<4x8xf32>) -> tensor<4x8xi8>
  return %3 : tensor<4x8xi8>
}

// A value and what is computed from it, by way of bytes.

// CHECK-LABEL: func.func @twice
// CHECK-COUNT-1: dl.gather
// CHECK-NEXT: return
func.func @twice(%x: tensor<4x8xui8>) -> tensor<4x8xui8> {
  %c = dl.constant dense<255.0> : tensor<f32>
  %0 = dl.cast %x : (tensor<4x8xui8>) -> tensor<4x8xf32>
  %1 = dl.sigmoid %0 : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = dl.mul %1, %c : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %3 = dl.cast %2 : (tensor<4x8xf32>) -> tensor<4x8xui8>
  %4 = dl.cast %3 : (tensor<4x8xui8>) -> tensor<4x8xf32>
  %5 = dl.mul %0, %4 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %6 = dl.cast %5 : (tensor<4x8xf32>) -> tensor<4x8xui8>
  return %6 : tensor<4x8xui8>
}

// Two tensors have no table, nor has a float, and a few steps are no more work.

// CHECK-LABEL: func.func @others
// CHECK-NOT: dl.gather
func.func @others(%x: tensor<4x8xui8>, %y: tensor<8xui8>) -> (tensor<4x8xui8>, tensor<4x8xf32>, tensor<4x8xi8>) {
  %c = dl.constant dense<127.0> : tensor<f32>
  %0 = dl.cast %x : (tensor<4x8xui8>) -> tensor<4x8xf32>
  %1 = dl.tanh %0 : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = dl.cast %y : (tensor<8xui8>) -> tensor<8xf32>
  %3 = dl.mul %1, %2 : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  %4 = dl.cast %3 : (tensor<4x8xf32>) -> tensor<4x8xui8>
  %5 = dl.sub %0, %c : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %6 = dl.cast %5 : (tensor<4x8xf32>) -> tensor<4x8xi8>
  return %4, %1, %6 : tensor<4x8xui8>, tensor<4x8xf32>, tensor<4x8xi8>
}
