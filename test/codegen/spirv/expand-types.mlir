// RUN: dl-opt %s -spirv-expand-types | FileCheck %s
// RUN: dl-opt %s -spirv-expand-types=halves=false | FileCheck %s --check-prefix=NONE

gpu.module @kernels {
  // Sums of bf16 are made in f32 and rounded; a bf16 is 16 bits.
  // CHECK-LABEL: gpu.func @sum
  // CHECK-NOT: bf16
  // CHECK: arith.addf %{{.*}} : f32
  // CHECK-NOT: bf16
  // CHECK: memref.store %{{.*}} : memref<1xi16>
  gpu.func @sum(%a: memref<1xi16>, %b: memref<1xi16>) {
    %c0 = arith.constant 0 : index
    %0 = memref.load %a[%c0] : memref<1xi16>
    %1 = arith.bitcast %0 : i16 to bf16
    %2 = arith.addf %1, %1 : bf16
    %3 = arith.bitcast %2 : bf16 to i16
    memref.store %3, %b[%c0] : memref<1xi16>
    gpu.return
  }

  // So are sums of f16, which are integers only where the device has none.
  // CHECK-LABEL: gpu.func @half
  // CHECK: %[[HALF:.*]] = arith.bitcast {{.*}} : i16 to f16
  // CHECK: %[[WIDE:.*]] = arith.extf %[[HALF]] {{.*}}: f16 to f32
  // CHECK: arith.addf %[[WIDE]], %[[WIDE]] : f32
  // NONE-LABEL: gpu.func @half
  // NONE-NOT: f16
  // NONE: %[[BITS:.*]] = arith.extui {{.*}} : i16 to i32
  // NONE: arith.addf %{{.*}} : f32
  // NONE-NOT: f16
  // NONE: memref.store %{{.*}} : memref<1xi16>
  gpu.func @half(%a: memref<1xi16>, %b: memref<1xi16>) {
    %c0 = arith.constant 0 : index
    %0 = memref.load %a[%c0] : memref<1xi16>
    %1 = arith.bitcast %0 : i16 to f16
    %2 = arith.addf %1, %1 : f16
    %3 = arith.bitcast %2 : f16 to i16
    memref.store %3, %b[%c0] : memref<1xi16>
    gpu.return
  }

  // An integer of four bits is one of eight with zeros above; its sign comes where it
  // is needed.
  // CHECK-LABEL: gpu.func @signed
  // CHECK: %[[LOW:.*]] = arith.constant 15 : i8
  // CHECK: %[[MASKED:.*]] = arith.andi %{{.*}}, %[[LOW]] : i8
  // CHECK: %[[HIGH:.*]] = arith.shli %[[MASKED]], %{{.*}} : i8
  // CHECK: %[[SIGNED:.*]] = arith.shrsi %[[HIGH]], %{{.*}} : i8
  // CHECK: arith.sitofp %[[SIGNED]] : i8 to f32
  gpu.func @signed(%a: memref<1xi8>, %b: memref<1xf32>) {
    %c0 = arith.constant 0 : index
    %0 = memref.load %a[%c0] : memref<1xi8>
    %1 = arith.trunci %0 : i8 to i4
    %2 = arith.sitofp %1 : i4 to f32
    memref.store %2, %b[%c0] : memref<1xf32>
    gpu.return
  }

  // Through control flow as well.
  // CHECK-LABEL: gpu.func @choice
  // CHECK: scf.if %{{.*}} -> (i8)
  // CHECK-NOT: f8E4M3FN
  // CHECK: gpu.return
  gpu.func @choice(%c: i1, %a: i8, %b: memref<1xi8>) {
    %c0 = arith.constant 0 : index
    %0 = scf.if %c -> f8E4M3FN {
      %1 = arith.bitcast %a : i8 to f8E4M3FN
      scf.yield %1 : f8E4M3FN
    } else {
      %2 = arith.constant 1.0 : f8E4M3FN
      scf.yield %2 : f8E4M3FN
    }
    %3 = arith.bitcast %0 : f8E4M3FN to i8
    memref.store %3, %b[%c0] : memref<1xi8>
    gpu.return
  }
}
