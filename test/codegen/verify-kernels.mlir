// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// RUN: dl-opt %s --dl-cpu-verify-kernels --split-input-file --verify-diagnostics

// A function that is no kernel is left alone.
func.func @other(%n: index) {
  %m = memref.alloc(%n) : memref<?xf32>
  return
}

func.func @kernel(%buffers: !llvm.ptr, %sizes: !llvm.ptr, %begin: index, %end: index, %scratch: !llvm.ptr, %imports: !llvm.ptr) attributes {dl.kernel} {
  %m = memref.alloca() : memref<4xf32>
  return
}

// -----

// expected-error @+1 {{a kernel's type is '(!llvm.ptr, !llvm.ptr, index, index, !llvm.ptr, !llvm.ptr) -> ()', found '(index) -> ()'}}
func.func @kernel(%n: index) attributes {dl.kernel} {
  return
}

// -----

// expected-error @+1 {{a kernel has a body}}
func.func private @kernel(!llvm.ptr, !llvm.ptr, index, index, !llvm.ptr, !llvm.ptr) attributes {dl.kernel}

// -----

func.func @kernel(%buffers: !llvm.ptr, %sizes: !llvm.ptr, %begin: index, %end: index, %scratch: !llvm.ptr, %imports: !llvm.ptr) attributes {dl.kernel} {
  %c1 = arith.constant 1 : index
  scf.for %i = %begin to %end step %c1 {
    // expected-error @+1 {{an allocation within a loop or branch would overflow the stack}}
    %m = memref.alloca() : memref<4xf32>
  }
  return
}

// -----

func.func @kernel(%buffers: !llvm.ptr, %sizes: !llvm.ptr, %begin: index, %end: index, %scratch: !llvm.ptr, %imports: !llvm.ptr) attributes {dl.kernel} {
  // expected-error @+1 {{an allocation on the stack has a static size}}
  %m = memref.alloca(%end) : memref<?xf32>
  return
}

// -----

func.func @kernel(%buffers: !llvm.ptr, %sizes: !llvm.ptr, %begin: index, %end: index, %scratch: !llvm.ptr, %imports: !llvm.ptr) attributes {dl.kernel} {
  // expected-error @+1 {{a kernel allocates nothing on the heap}}
  %m = memref.alloc() : memref<4xf32>
  return
}

// -----

func.func private @f()
func.func @kernel(%buffers: !llvm.ptr, %sizes: !llvm.ptr, %begin: index, %end: index, %scratch: !llvm.ptr, %imports: !llvm.ptr) attributes {dl.kernel} {
  // expected-error @+1 {{a kernel calls nothing}}
  func.call @f() : () -> ()
  return
}
