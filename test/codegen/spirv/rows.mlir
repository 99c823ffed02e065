// Rows in one stage, by descriptions: subgroups of eight where a device has them, shared memory
// where it has none. On lavapipe a subgroup alone computes a row, without a barrier, and holds
// up to 128 columns of it in each invocation; of few rows a workgroup has fewer.

// RUN: dl-compile %s --target=vulkan:lavapipe --emit=linalg -o %t.mlir
// RUN: dl-opt %t.mlir -spirv-generate-kernels=target=lavapipe -canonicalize -cse | FileCheck %s --check-prefix=LAVAPIPE
// RUN: dl-opt %t.mlir -spirv-generate-kernels=target=generic -canonicalize -cse | FileCheck %s --check-prefix=GENERIC
// RUN: dl-opt %t.mlir -spirv-generate-kernels=target=basic -canonicalize -cse | FileCheck %s --check-prefix=BASIC
// RUN: dl-compile %s --target=vulkan:lavapipe -o %t.dlm --verbose 2>&1 | FileCheck %s --check-prefix=PLAN
// PLAN: entry main: 3 dispatches

// LAVAPIPE-LABEL: gpu.func @softmax_0.0({{.*}}workgroup_size = [64, 1, 1]
// LAVAPIPE-NOT: gpu.barrier
// LAVAPIPE-COUNT-3: spirv.GroupNonUniformShuffleXor
// LAVAPIPE-NOT: scf.for
// LAVAPIPE: memref.store {{.*}}vector<4xf32>
// LAVAPIPE-LABEL: gpu.func @softmax_1.0({{.*}}workgroup_size = [8, 1, 1]
// LAVAPIPE-NOT: gpu.barrier
// LAVAPIPE: scf.for
// LAVAPIPE: spirv.GroupNonUniformShuffleXor
// LAVAPIPE-LABEL: gpu.func @reduce_2.0(

// GENERIC-LABEL: gpu.func @softmax_0.0({{.*}}workgroup_size = [64, 1, 1]
// GENERIC: spirv.GroupNonUniformShuffleXor
// GENERIC: memref.alloc() : memref<32xf32, #spirv.storage_class<Workgroup>>
// GENERIC: gpu.barrier
// Whole numbers of 64 bits are exchanged as two words.
// GENERIC-LABEL: gpu.func @reduce_2.0(
// GENERIC-COUNT-2: spirv.GroupNonUniformShuffleXor <Subgroup> {{.*}} : i32
// GENERIC: memref.alloc() : memref<{{.*}}xi64, #spirv.storage_class<Workgroup>>

// BASIC-LABEL: gpu.func @softmax_0.0(
// BASIC-NOT: spirv.GroupNonUniform
// BASIC: gpu.barrier
func.func @main(%a: tensor<200x768xf32>, %b: tensor<4x65536xf32>, %c: tensor<3x100xi64>)
    -> (tensor<200x768xf32>, tensor<4x65536xf32>, tensor<3xi64>) {
  %0 = dl.softmax %a {axis = 1 : i64} : (tensor<200x768xf32>) -> tensor<200x768xf32>
  %1 = dl.softmax %b {axis = 1 : i64} : (tensor<4x65536xf32>) -> tensor<4x65536xf32>
  %2 = dl.reduce max, %c {axes = array<i64: 1>, keepdims = false} : (tensor<3x100xi64>) -> tensor<3xi64>
  return %0, %1, %2 : tensor<200x768xf32>, tensor<4x65536xf32>, tensor<3xi64>
}
