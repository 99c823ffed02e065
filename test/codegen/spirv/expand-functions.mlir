// RUN: dl-opt %s -spirv-expand-functions | FileCheck %s
// RUN: dl-opt %s -spirv-expand-functions=doubles=false | FileCheck %s --check-prefix=SINGLE

gpu.module @kernels {
  // Functions of 64-bit floats, and f32's rarer ones, are arithmetic.
  // CHECK-LABEL: gpu.func @functions
  // CHECK-NOT: math.{{(exp|sin|powf)}}
  // SINGLE-LABEL: gpu.func @functions
  // SINGLE-NOT: math.exp
  // SINGLE: math.sin %{{.*}} : f32
  gpu.func @functions(%a: f64, %b: f32, %m: memref<2xf64>, %n: memref<2xf32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %0 = math.exp %a : f64
    memref.store %0, %m[%c0] : memref<2xf64>
    %1 = math.sin %b : f32
    memref.store %1, %n[%c0] : memref<2xf32>
    %2 = math.exp %b : f32
    memref.store %2, %n[%c1] : memref<2xf32>
    gpu.return
  }

  // CHECK-LABEL: gpu.func @power
  // CHECK-NOT: math.ipowi
  // CHECK: scf.for
  gpu.func @power(%a: i32, %b: i32, %m: memref<1xi32>) {
    %c0 = arith.constant 0 : index
    %0 = math.ipowi %a, %b : i32
    memref.store %0, %m[%c0] : memref<1xi32>
    gpu.return
  }

  // Exact for all exponents: some bits of the quotient a step.
  // CHECK-LABEL: gpu.func @remainder
  // CHECK-NOT: arith.remf
  // CHECK: scf.for
  // CHECK: arith.remui %{{.*}} : i64
  gpu.func @remainder(%a: f32, %b: f32, %m: memref<1xf32>) {
    %c0 = arith.constant 0 : index
    %0 = arith.remf %a, %b : f32
    memref.store %0, %m[%c0] : memref<1xf32>
    gpu.return
  }

  // A 64-bit number's sign comes by arithmetic: Mesa compares it with constants then.
  // CHECK-LABEL: gpu.func @sign
  // CHECK: %[[WIDE:.*]] = arith.extui %{{.*}} : i32 to i64
  // CHECK: %[[FLIPPED:.*]] = arith.xori %[[WIDE]],
  // CHECK: arith.subi %[[FLIPPED]],
  // CHECK: arith.extsi %{{.*}} : i8 to i32
  gpu.func @sign(%a: i32, %b: i8, %m: memref<1xi64>, %n: memref<1xi32>) {
    %c0 = arith.constant 0 : index
    %0 = arith.extsi %a : i32 to i64
    memref.store %0, %m[%c0] : memref<1xi64>
    %1 = arith.extsi %b : i8 to i32
    memref.store %1, %n[%c0] : memref<1xi32>
    gpu.return
  }
}
