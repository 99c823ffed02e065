// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Complex numbers, and the integers that stand for them, are moved.
// RUN: dl-opt --run-reference %s -o /dev/null | FileCheck %s

// CHECK{LITERAL}: moves: dense<[[(1.000000e+00,2.000000e+00)], [(0.000000e+00,-3.000000e+00)], [(7.000000e+00,0.000000e+00)]]> : tensor<3x1xcomplex<f32>>
func.func @moves() -> tensor<3x1xcomplex<f32>> {
  %x = dl.constant dense<[[(1.0, 2.0), (0.0, -3.0)]]> : tensor<1x2xcomplex<f32>>
  %z = dl.constant dense<(7.0, 0.0)> : tensor<1x1xcomplex<f32>>
  %0 = dl.transpose %x {permutation = array<i64: 1, 0>} : (tensor<1x2xcomplex<f32>>) -> tensor<2x1xcomplex<f32>>
  %1 = dl.concat %0, %z {axis = 0 : i64} : (tensor<2x1xcomplex<f32>>, tensor<1x1xcomplex<f32>>) -> tensor<3x1xcomplex<f32>>
  return %1 : tensor<3x1xcomplex<f32>>
}

// CHECK{LITERAL}: scatter: dense<[(5.000000e-01,0.000000e+00), (9.000000e+00,8.000000e+00), (5.000000e-01,0.000000e+00)]> : tensor<3xcomplex<f64>>
func.func @scatter() -> tensor<3xcomplex<f64>> {
  %x = dl.constant dense<(0.5, 0.0)> : tensor<3xcomplex<f64>>
  %i = dl.constant dense<[1, 5]> : tensor<2xi64>
  %u = dl.constant dense<[(9.0, 8.0), (1.0, 1.0)]> : tensor<2xcomplex<f64>>
  %0 = dl.scatter_elements set, %x, %i, %u {axis = 0 : i64} : (tensor<3xcomplex<f64>>, tensor<2xi64>, tensor<2xcomplex<f64>>) -> tensor<3xcomplex<f64>>
  return %0 : tensor<3xcomplex<f64>>
}

// CHECK{LITERAL}: select: dense<[-1, 18446744073709551616]> : tensor<2xi128>
func.func @select() -> tensor<2xi128> {
  %c = dl.constant dense<[true, false]> : tensor<2xi1>
  %x = dl.constant dense<-1> : tensor<2xi128>
  %y = dl.constant dense<18446744073709551616> : tensor<i128>
  %0 = dl.select %c, %x, %y : (tensor<2xi1>, tensor<2xi128>, tensor<i128>) -> tensor<2xi128>
  return %0 : tensor<2xi128>
}

// CHECK{LITERAL}: bits: dense<4611686019492741120> : tensor<1xi64>
// CHECK{LITERAL}: bits: dense<(1.000000e+00,2.000000e+00)> : tensor<1xcomplex<f32>>
func.func @bits() -> (tensor<1xi64>, tensor<1xcomplex<f32>>) {
  %x = dl.constant dense<[(1.0, 2.0)]> : tensor<1xcomplex<f32>>
  %0 = dl.bitcast %x : (tensor<1xcomplex<f32>>) -> tensor<1xi64>
  %1 = dl.bitcast %0 : (tensor<1xi64>) -> tensor<1xcomplex<f32>>
  return %0, %1 : tensor<1xi64>, tensor<1xcomplex<f32>>
}
