// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt --dl-keep-caches=quantizes --verify-diagnostics %s

// expected-error @+1 {{--quantize-kv-cache: input 'c': what the model replaces is not known to be whole rows, which have a scale each}}
func.func @main(%k: tensor<2x1x4xf32>, %c: tensor<2x8x4xf32>, %at: tensor<2x1x4xi64>) -> tensor<2x8x4xf32> attributes {dl.input_names = ["k", "c", "at"], dl.output_names = ["c2"]} {
  %0 = dl.scatter_elements set, %c, %at, %k {axis = 1 : i64} : (tensor<2x8x4xf32>, tensor<2x1x4xi64>, tensor<2x1x4xf32>) -> tensor<2x8x4xf32>
  return %0 : tensor<2x8x4xf32>
}
