// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Rows go into a copy of what is no state, and leave it as it is.

// RUN: rm -rf %t && mkdir %t
// RUN: dl-compile %s -o %t/m.dlm
// RUN: %python -c "import numpy as np; r = np.random.default_rng(0); np.save(r'%t/x.npy', r.random((2, 8, 4), np.float32)); np.save(r'%t/y.npy', r.random((2, 3, 4), np.float32))"
// RUN: dl-run %t/m.dlm --input=%t/x.npy --input=%t/y.npy --output-dir=%t/out
// RUN: %python -c "import numpy as np; x, y, a, b, c = [np.load(r'%t/' + n + '.npy') for n in ('x', 'y', 'out/output_0', 'out/output_1', 'out/output_2')]; e = x.copy(); e[:, 2:5] = y; f = x.copy(); f[0, 4:7] = y[0]; print((a == e).all(), (b == x).all(), (c == f).all())" | FileCheck %s
// CHECK: True True True

func.func @main(%x: tensor<2x8x4xf32>, %y: tensor<2x3x4xf32>) -> (tensor<2x8x4xf32>, tensor<2x8x4xf32>, tensor<2x8x4xf32>) attributes {dl.input_names = ["x", "y"], dl.output_names = ["a", "b", "c"]} {
  %0 = dl.insert %x, %y {axis = 1 : i64, offset = affine_map<() -> (2)>} : (tensor<2x8x4xf32>, tensor<2x3x4xf32>) -> tensor<2x8x4xf32>
  %1 = dl.reshape %x : (tensor<2x8x4xf32>) -> tensor<16x4xf32>
  %2 = dl.slice %y {offsets = affine_map<() -> (0, 0, 0)>, strides = array<i64: 1, 1, 1>} : (tensor<2x3x4xf32>) -> tensor<1x3x4xf32>
  %3 = dl.reshape %2 : (tensor<1x3x4xf32>) -> tensor<3x4xf32>
  %4 = dl.insert %1, %3 {axis = 0 : i64, offset = affine_map<() -> (4)>} : (tensor<16x4xf32>, tensor<3x4xf32>) -> tensor<16x4xf32>
  %5 = dl.reshape %4 : (tensor<16x4xf32>) -> tensor<2x8x4xf32>
  return %0, %x, %5 : tensor<2x8x4xf32>, tensor<2x8x4xf32>, tensor<2x8x4xf32>
}
