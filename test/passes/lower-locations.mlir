// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-lower --mlir-print-debuginfo --mlir-print-local-scope %s | FileCheck %s

// Locations of the group's ops stay on the kernel's ops and on the dispatch.
// CHECK-LABEL: func.func @located
// CHECK: dl.dispatch {{.*}} loc(fused["first", "second"])
// CHECK-LABEL: func.func private @exp_tanh_0
// CHECK: math.exp {{.*}} loc("first")
// CHECK: math.tanh {{.*}} loc("second")
func.func @located(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dl.fused {
    %1 = dl.exp %x : (tensor<4xf32>) -> tensor<4xf32> loc("first")
    %2 = dl.tanh %1 : (tensor<4xf32>) -> tensor<4xf32> loc("second")
    dl.yield %2 : tensor<4xf32>
  } : tensor<4xf32>
  return %0 : tensor<4xf32>
}
