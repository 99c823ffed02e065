// Panels of weights without zeros: a tile is one panel, of 32 columns here. A step of the loop
// has a group of four slots, whose rows are neighbours: of the other matrix one vector, at a
// position that one load gives. The loop ends with the panel's last slot. SpirvTest.cpp
// runs it.

// RUN: dl-opt %s -spirv-generate-kernels -canonicalize -cse | FileCheck %s --check-prefixes=CHECK,GENERIC
// RUN: dl-opt %s -spirv-generate-kernels=target=lavapipe -canonicalize -cse | FileCheck %s --check-prefixes=CHECK,LAVAPIPE
// RUN: dl-opt %s -spirv-generate-kernels=target=rdna3 -canonicalize -cse | FileCheck %s --check-prefixes=CHECK,RDNA3
// RUN: dl-opt %s -spirv-lower-kernels | FileCheck %s --check-prefix=SPIRV

// CHECK: gpu.func @panels.0({{.*}}memref<?xi16, #spirv.storage_class<StorageBuffer>>
// GENERIC: workgroup_size = [16, 1, 1]
// LAVAPIPE: workgroup_size = [8, 1, 1]
// RDNA3: workgroup_size = [64, 1, 1]
// RDNA3: memref.alloc() : memref<256xvector<4xf32>, #spirv.storage_class<Workgroup>>
// CHECK: [[COUNT:%.*]] = memref.load {{.*}} : memref<?xi32, #spirv.storage_class<StorageBuffer>>
// CHECK: [[SLOTS:%.*]] = arith.index_cast [[COUNT]]
// GENERIC: scf.for {{.*}} step %c4 iter_args
// LAVAPIPE: scf.for {{.*}} step %c4 iter_args
// CHECK: [[POSITION:%.*]] = memref.load {{.*}} : memref<?xi16, #spirv.storage_class<StorageBuffer>>
// CHECK: [[ROW:%.*]] = arith.index_castui [[POSITION]]
// CHECK: memref.load {{.*}} : memref<?xvector<4xf32>, #spirv.storage_class<StorageBuffer>>
// GENERIC-COUNT-256: math.fma
// LAVAPIPE-COUNT-512: math.fma
// RDNA3: gpu.barrier
// RDNA3: math.fma
// CHECK: math.tanh
// SPIRV: spirv.EntryPoint
func.func private @panels(%x: tensor<?x64xf32>, %values: tensor<2x24x32xf32> {dl.constant}, %positions: tensor<2x24xi16> {dl.constant}, %counts: tensor<2xi32> {dl.constant}, %out: tensor<?x64xf32>) -> tensor<?x64xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%out : tensor<?x64xf32>) -> tensor<?x64xf32>
  %sums = linalg.generic {indexing_maps = [
        affine_map<(m, n, k) -> (n floordiv 32, k, n mod 32)>, affine_map<(m, n, k) -> (n floordiv 32, k)>,
        affine_map<(m, n, k) -> (n floordiv 32)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%values, %positions, %counts : tensor<2x24x32xf32>, tensor<2x24xi16>, tensor<2xi32>)
      outs(%init : tensor<?x64xf32>) attrs = {dl.sparse_matmul, dl.row_group = 4 : index} {
  ^bb0(%value: f32, %position: i16, %count: i32, %sum: f32):
    %m = linalg.index 0 : index
    %row = arith.index_castui %position : i16 to index
    %a = tensor.extract %x[%m, %row] : tensor<?x64xf32>
    %p = arith.mulf %a, %value : f32
    %s = arith.addf %sum, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x64xf32>
  %result = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>],
      iterator_types = ["parallel", "parallel"]} ins(%sums : tensor<?x64xf32>) outs(%out : tensor<?x64xf32>) {
  ^bb0(%s: f32, %o: f32):
    %t = math.tanh %s : f32
    linalg.yield %t : f32
  } -> tensor<?x64xf32>
  return %result : tensor<?x64xf32>
}
