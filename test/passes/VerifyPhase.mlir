// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: split-file %s %t
// RUN: dl-opt %t/lowered.mlir --dl-verify-phase=phase=lower
// RUN: not dl-opt %t/lowered.mlir --dl-verify-phase=phase=fuse 2>&1 | FileCheck %s --check-prefix=FUSE
// RUN: not dl-opt %t/lowered.mlir --dl-verify-phase=phase=none 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not dl-opt %t/outside.mlir --dl-verify-phase=phase=fuse 2>&1 | FileCheck %s --check-prefix=OUTSIDE
// RUN: not dl-opt %t/outside.mlir --dl-verify-phase=phase=lower 2>&1 | FileCheck %s --check-prefix=SCHEDULE
// RUN: dl-opt %t/outside.mlir --dl-verify-phase=phase=simplify
// RUN: not dl-opt %t/fused.mlir --dl-verify-phase=phase=simplify 2>&1 | FileCheck %s --check-prefix=EARLY
// RUN: dl-opt %t/fused.mlir --dl-verify-phase=phase=fuse
// RUN: not dl-opt %t/foreign.mlir --dl-verify-phase=phase=import 2>&1 | FileCheck %s --check-prefix=FOREIGN
// RUN: not dl-opt %t/kernel.mlir --dl-verify-phase=phase=lower 2>&1 | FileCheck %s --check-prefix=KERNEL

// FUSE: error: not legal after phase 'fuse': kernels are made by phase 'lower'
// NONE: error: unknown phase 'none'
// OUTSIDE: error: not legal after phase 'fuse': an op that computes stands outside dl.fused
// SCHEDULE: error: not legal after phase 'lower': a schedule only dispatches kernels and takes views
// EARLY: error: not legal after phase 'simplify': groups are made by phase 'fuse'
// FOREIGN: error: not legal after phase 'import': an entry function holds dl ops alone
// KERNEL: error: not legal after phase 'lower': a kernel holds upstream ops alone

//--- lowered.mlir
func.func private @kernel_0(%a: tensor<4xf32>, %r: tensor<4xf32>) -> tensor<4xf32> {
  %0 = math.exp %a : tensor<4xf32>
  return %0 : tensor<4xf32>
}
func.func @main(%a: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dl.dispatch @kernel_0(%a) sizes affine_map<() -> ()> : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

//--- outside.mlir
func.func @main(%a: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dl.exp %a : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

//--- fused.mlir
func.func @main(%a: tensor<4xf32>) -> tensor<4xf32> {
  %r = dl.fused {
    %0 = dl.exp %a : (tensor<4xf32>) -> tensor<4xf32>
    dl.yield %0 : tensor<4xf32>
  } : tensor<4xf32>
  return %r : tensor<4xf32>
}

//--- foreign.mlir
func.func @main(%a: tensor<4xf32>) -> tensor<4xf32> {
  %0 = math.exp %a : tensor<4xf32>
  return %0 : tensor<4xf32>
}

//--- kernel.mlir
func.func private @k(%a: tensor<4xf32>) -> tensor<4xf32> attributes {dl.kernel} {
  %0 = dl.exp %a : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
