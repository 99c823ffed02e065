// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-narrow-scales %s | FileCheck %s

// Numbers that f16 has are stored in it: 0.5, -0.25, the largest one and the least normal one, and zero.

// CHECK-LABEL: func.func @exact
// CHECK: %[[S:.*]] = dl.constant dense_resource<scales> : tensor<5x1xf16>
// CHECK: dl.block_matmul %{{.*}}, %{{.*}}, %[[S]], %{{.*}} : (tensor<1x32xf32>, tensor<5x1x16xui8>, tensor<5x1xf16>, tensor<ui8>)
func.func @exact(%x: tensor<1x32xf32>, %w: tensor<5x1x16xui8>) -> tensor<1x5xf32> {
  %s = dl.constant dense<[[0.5], [-0.25], [65504.0], [6.103515625e-05], [0.0]]> : tensor<5x1xf32>
  %z = dl.constant dense<8> : tensor<ui8>
  %0 = dl.block_matmul %x, %w, %s, %z {bits = 4 : i64} : (tensor<1x32xf32>, tensor<5x1x16xui8>, tensor<5x1xf32>, tensor<ui8>) -> tensor<1x5xf32>
  return %0 : tensor<1x5xf32>
}

// One digit too many, one that f16 has as a denormal number alone, one that it has not, and no constant: all stay.

// CHECK-LABEL: func.func @others
// CHECK-COUNT-4: dl.block_matmul {{.*}}, tensor<1x1xf32>, tensor<ui8>)
func.func @others(%x: tensor<1x32xf32>, %w: tensor<1x1x16xui8>, %v: tensor<1x1xf32>) -> (tensor<1x1xf32>, tensor<1x1xf32>, tensor<1x1xf32>, tensor<1x1xf32>) {
  %digits = dl.constant dense<[[1.00048828125]]> : tensor<1x1xf32>
  %denormal = dl.constant dense<[[3.0517578125e-05]]> : tensor<1x1xf32>
  %large = dl.constant dense<[[65536.0]]> : tensor<1x1xf32>
  %z = dl.constant dense<8> : tensor<ui8>
  %0 = dl.block_matmul %x, %w, %digits, %z {bits = 4 : i64} : (tensor<1x32xf32>, tensor<1x1x16xui8>, tensor<1x1xf32>, tensor<ui8>) -> tensor<1x1xf32>
  %1 = dl.block_matmul %x, %w, %denormal, %z {bits = 4 : i64} : (tensor<1x32xf32>, tensor<1x1x16xui8>, tensor<1x1xf32>, tensor<ui8>) -> tensor<1x1xf32>
  %2 = dl.block_matmul %x, %w, %large, %z {bits = 4 : i64} : (tensor<1x32xf32>, tensor<1x1x16xui8>, tensor<1x1xf32>, tensor<ui8>) -> tensor<1x1xf32>
  %3 = dl.block_matmul %x, %w, %v, %z {bits = 4 : i64} : (tensor<1x32xf32>, tensor<1x1x16xui8>, tensor<1x1xf32>, tensor<ui8>) -> tensor<1x1xf32>
  return %0, %1, %2, %3 : tensor<1x1xf32>, tensor<1x1xf32>, tensor<1x1xf32>, tensor<1x1xf32>
}

// As an importer leaves it, reshaped.

// CHECK-LABEL: func.func @reshaped
// CHECK: dl.block_matmul {{.*}}, tensor<2x1xf16>, tensor<ui8>)
func.func @reshaped(%x: tensor<1x32xf32>, %w: tensor<2x1x16xui8>) -> tensor<1x2xf32> {
  %c = dl.constant dense<[0.5, 2.0]> : tensor<2xf32>
  %s = dl.reshape %c : (tensor<2xf32>) -> tensor<2x1xf32>
  %z = dl.constant dense<8> : tensor<ui8>
  %0 = dl.block_matmul %x, %w, %s, %z {bits = 4 : i64} : (tensor<1x32xf32>, tensor<2x1x16xui8>, tensor<2x1xf32>, tensor<ui8>) -> tensor<1x2xf32>
  return %0 : tensor<1x2xf32>
}

// CHECK: scales: "0x400000000038{{0*}}00B4FF7B00040000"
