// Weights of 8-bit floats are widened and scaled as a product reads them: by words of four, of
// which each is shifted to its place. SpirvProductsTest.cpp runs such.

// RUN: dl-compile %s --target=vulkan --emit=linalg -o %t.mlir
// RUN: dl-opt %t.mlir -spirv-generate-kernels -canonicalize -cse | FileCheck %s

// CHECK: dl.stages = [{{{[^{}]*}}}], dl.temporaries = []
// CHECK: gpu.func {{.*}}memref<?xi32, #spirv.storage_class<StorageBuffer>>
// CHECK-NOT: i8
// CHECK: [[WORD:%.*]] = memref.load {{.*}} : memref<?xi32, #spirv.storage_class<StorageBuffer>>
// CHECK-NOT: i8
// CHECK: arith.shli [[WORD]],
// CHECK-NOT: i8
// CHECK: math.fma
func.func @main(%x: tensor<64x64xf32>, %w: tensor<64x256xf8E4M3FN>) -> tensor<64x256xf32> {
  %scale = dl.constant dense<2.0> : tensor<256xf32>
  %0 = dl.cast %w : (tensor<64x256xf8E4M3FN>) -> tensor<64x256xf32>
  %1 = dl.mul %0, %scale : (tensor<64x256xf32>, tensor<256xf32>) -> tensor<64x256xf32>
  %2 = dl.matmul %x, %1 : (tensor<64x64xf32>, tensor<64x256xf32>) -> tensor<64x256xf32>
  return %2 : tensor<64x256xf32>
}
