// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt %s --dl-cpu-lowering | FileCheck %s

// The tables that a kernel is given are apart from each other, and what is fused
// where the CPU can never becomes a call.
// CHECK-LABEL: llvm.func @kernel
// CHECK-SAME: %{{.*}}: !llvm.ptr {llvm.noalias, llvm.nocapture}
// CHECK-NOT: dl.kernel
// CHECK: llvm.intr.fmuladd
// CHECK-NOT: llvm.intr.fma(
// CHECK-NOT: unrealized_conversion_cast
// CHECK: llvm.return
func.func @kernel(%buffers: !llvm.ptr, %sizes: !llvm.ptr, %begin: index, %end: index, %scratch: !llvm.ptr, %imports: !llvm.ptr) attributes {dl.kernel} {
  %p = llvm.load %buffers : !llvm.ptr -> !llvm.ptr
  %zero = llvm.mlir.constant(0 : i64) : i64
  %u = llvm.mlir.undef : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %d0 = llvm.insertvalue %p, %u[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %d1 = llvm.insertvalue %zero, %d0[2] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %m = builtin.unrealized_conversion_cast %d1 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<64xf32>
  %s = memref.subview %m[%begin] [16] [1] : memref<64xf32> to memref<16xf32, strided<[1], offset: ?>>
  %c0 = arith.constant 0 : index
  %pad = arith.constant 0.0 : f32
  %v = vector.transfer_read %s[%c0], %pad {in_bounds = [true]} : memref<16xf32, strided<[1], offset: ?>>, vector<16xf32>
  %r = math.fma %v, %v, %v : vector<16xf32>
  vector.transfer_write %r, %s[%c0] {in_bounds = [true]} : vector<16xf32>, memref<16xf32, strided<[1], offset: ?>>
  return
}
