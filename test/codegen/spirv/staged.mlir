// Products whose operands go through shared memory, on descriptions of devices that gain by
// it. An invocation reads a vector of four columns as it lies in memory, and of rows, where
// neighbours are contracted positions, four vectors, which it transposes; it keeps eight rows by
// eight columns of the result where there are tiles enough, otherwise four by four. Two
// pieces are in the memory at a time, of which one is read while the next is under way.

// RUN: dl-opt %s -spirv-generate-kernels=target=pascal -canonicalize -cse | FileCheck %s
// RUN: dl-opt %s -spirv-generate-kernels=target=rdna3 -canonicalize -cse | FileCheck %s --check-prefix=RDNA3
// RUN: dl-opt %s -spirv-generate-kernels=target=lavapipe -canonicalize -cse | FileCheck %s --check-prefix=REGISTERS
// RUN: dl-opt %s -spirv-generate-kernels=target=generic -canonicalize -cse | FileCheck %s --check-prefix=REGISTERS

// CHECK: gpu.func @large.0(%arg0: memref<?xvector<4xf32>, {{.*}}, %arg1: memref<?xvector<4xf32>, {{.*}}, %arg2: memref<?xvector<4xf32>, {{.*}}workgroup_size = [128, 1, 1]
// CHECK-DAG: memref.alloc() : memref<512xvector<4xf32>, #spirv.storage_class<Workgroup>>
// CHECK-DAG: memref.alloc() : memref<1024xvector<4xf32>, #spirv.storage_class<Workgroup>>
// CHECK: gpu.barrier
// CHECK: gpu.barrier
// CHECK: scf.for {{.*}} -> (f32, f32,
// CHECK: memref.load %arg0
// CHECK: memref.load %arg1
// CHECK: scf.for {{.*}} step %c4
// CHECK: arith.xori
// CHECK: memref.load {{.*}} : memref<512xvector<4xf32>
// CHECK-COUNT-256: math.fma
// CHECK-NOT: math.fma
// CHECK: memref.store {{.*}} : memref<512xvector<4xf32>
// CHECK: gpu.barrier
// CHECK-COUNT-16: memref.store {{.*}} %arg2
// CHECK-NOT: memref.store
// CHECK: gpu.func @small.0({{.*}}workgroup_size = [128, 1, 1]
// CHECK: memref.alloc() : memref<256xvector<4xf32>, #spirv.storage_class<Workgroup>>
// CHECK-COUNT-64: math.fma
// CHECK-NOT: math.fma
// Few rows stay in registers.
// CHECK: gpu.func @few.0(
// CHECK-NOT: memref.alloc

// RDNA3: gpu.func @large.0({{.*}}workgroup_size = [64, 1, 1]
// RDNA3-COUNT-2: memref.alloc() : memref<512xvector<4xf32>, #spirv.storage_class<Workgroup>>

// REGISTERS-NOT: memref.alloc
func.func private @large(%x: tensor<1024x256xf32>, %w: tensor<256x1024xf32>, %out: tensor<1024x1024xf32>) -> tensor<1024x1024xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%out : tensor<1024x1024xf32>) -> tensor<1024x1024xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<1024x256xf32>, tensor<256x1024xf32>) outs(%init : tensor<1024x1024xf32>) -> tensor<1024x1024xf32>
  return %0 : tensor<1024x1024xf32>
}
func.func private @small(%x: tensor<100x64xf32>, %w: tensor<64x100xf32>, %out: tensor<100x100xf32>) -> tensor<100x100xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%out : tensor<100x100xf32>) -> tensor<100x100xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<100x64xf32>, tensor<64x100xf32>) outs(%init : tensor<100x100xf32>) -> tensor<100x100xf32>
  return %0 : tensor<100x100xf32>
}
func.func private @few(%x: tensor<12x64xf32>, %w: tensor<64x100xf32>, %out: tensor<12x100xf32>) -> tensor<12x100xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%out : tensor<12x100xf32>) -> tensor<12x100xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<12x64xf32>, tensor<64x100xf32>) outs(%init : tensor<12x100xf32>) -> tensor<12x100xf32>
  return %0 : tensor<12x100xf32>
}
