// RUN: dl-opt %s -spirv-generate-kernels=target=ampere -canonicalize | FileCheck %s
// RUN: dl-opt %s -spirv-lower-kernels=target=ampere | FileCheck %s --check-prefix=SPIRV
// RUN: dl-opt %s -spirv-lower-kernels=target=pascal | FileCheck %s --check-prefix=NONE

// A product of 16-bit floats by a device that multiplies matrices together: a subgroup
// keeps the sums of 64 x 32 in eight matrices and loads both operands from where they
// lie, the columns of w as they are. 16 rows of sums at a time go through shared memory
// to what follows. SpirvTest.cpp has them validated, and nothing here runs them.

// CHECK: [[ELEMENTS:#.*]] = affine_map<() -> (64)>
// CHECK: func.func private @halves({{.*}}elements = [[ELEMENTS]],{{.*}}workgroup = 32 : i64
// CHECK: gpu.func @halves.0
// CHECK: [[SUMS:%.*]] = memref.alloc() : memref<512xf32, #spirv.storage_class<Workgroup>>
// CHECK: gpu.subgroup_mma_constant_matrix {{.*}} : !gpu.mma_matrix<16x16xf32, "COp">
// CHECK: scf.for {{.*}} step %c16 iter_args
// CHECK-COUNT-4: gpu.subgroup_mma_load_matrix %arg0[{{.*}}] {leadDimension = 48 : index} : {{.*}} -> !gpu.mma_matrix<16x16xf16, "AOp">
// CHECK-COUNT-2: gpu.subgroup_mma_load_matrix %arg1[{{.*}}] {leadDimension = 48 : index, transpose} : {{.*}} -> !gpu.mma_matrix<16x16xf16, "BOp">
// CHECK-COUNT-8: gpu.subgroup_mma_compute
// CHECK-NOT: gpu.subgroup_mma_compute
// CHECK: scf.yield
// CHECK: gpu.barrier
// CHECK-COUNT-2: gpu.subgroup_mma_store_matrix {{.*}}, [[SUMS]][{{.*}}] {leadDimension = 32 : index}
// CHECK: gpu.barrier
// CHECK: memref.load [[SUMS]]
// CHECK: arith.truncf {{.*}} : f32 to f16

// The bytes of b1 have a sign, those of b2 none; where signs differ, or something is
// left over, four bytes are multiplied at once.
// CHECK: gpu.func @signed.0
// CHECK: gpu.subgroup_mma_load_matrix {{.*}} -> !gpu.mma_matrix<16x32xsi8, "AOp">
// CHECK: gpu.subgroup_mma_load_matrix {{.*}} -> !gpu.mma_matrix<32x16xsi8, "BOp">
// CHECK: gpu.func @unsigned.0
// CHECK: gpu.subgroup_mma_load_matrix {{.*}} -> !gpu.mma_matrix<16x32xui8, "AOp">
// CHECK: gpu.func @mixed.0
// CHECK-NOT: gpu.subgroup_mma
// CHECK: spirv.SUDot
// CHECK: gpu.func @rest.0
// CHECK-NOT: gpu.subgroup_mma
// CHECK: spirv.SDot

// Cooperative matrices need Vulkan's memory model, by which shared memory is marked.
// SPIRV: spirv.module @{{.*}} Logical Vulkan requires #spirv.vce<v1.6, [{{.*}}CooperativeMatrixKHR, {{.*}}VulkanMemoryModel, {{.*}}SPV_KHR_cooperative_matrix{{.*}}]> attributes
// SPIRV: spirv.KHR.CooperativeMatrixLoad {{.*}} <RowMajor>, <NonPrivatePointer> : {{.*}} -> !spirv.coopmatrix<16x16xf16, Subgroup, MatrixA>
// SPIRV: spirv.KHR.CooperativeMatrixLoad {{.*}} <ColumnMajor>, <NonPrivatePointer> : {{.*}} -> !spirv.coopmatrix<16x16xf16, Subgroup, MatrixB>
// SPIRV: spirv.KHR.CooperativeMatrixMulAdd {{[^<]*}} :
// SPIRV: spirv.KHR.CooperativeMatrixStore {{.*}} <RowMajor>, <NonPrivatePointer>
// SPIRV: spirv.ControlBarrier <Workgroup>, <Workgroup>, <AcquireRelease|{{.*}}WorkgroupMemory|MakeAvailable|MakeVisible>
// SPIRV: spirv.Load "Workgroup" {{.*}} ["NonPrivatePointer"] : f32
// SPIRV: spirv.KHR.CooperativeMatrixMulAdd {{.*}}, <ASigned|BSigned|CSigned|ResultSigned> : !spirv.coopmatrix<16x32xsi8, Subgroup, MatrixA>

// NONE: Logical GLSL450
// NONE-NOT: Cooperative
#product = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
func.func private @halves(%x: tensor<128x48xf16>, %w: tensor<32x48xf16>, %out: tensor<128x32xf16>) -> tensor<128x32xf16> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<128x32xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<128x32xf32>) -> tensor<128x32xf32>
  %0 = linalg.generic {indexing_maps = #product, iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<128x48xf16>, tensor<32x48xf16>) outs(%init : tensor<128x32xf32>) {
  ^bb0(%a: f16, %b: f16, %acc: f32):
    %p = arith.extf %a : f16 to f32
    %q = arith.extf %b : f16 to f32
    %r = arith.mulf %p, %q : f32
    %s = arith.addf %acc, %r : f32
    linalg.yield %s : f32
  } -> tensor<128x32xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<128x32xf32>) outs(%out : tensor<128x32xf16>) {
  ^bb0(%a: f32, %o: f16):
    %r = arith.truncf %a : f32 to f16
    linalg.yield %r : f16
  } -> tensor<128x32xf16>
  return %1 : tensor<128x32xf16>
}

func.func private @signed(%x: tensor<32x64xi8>, %w: tensor<32x64xi8>, %out: tensor<32x32xi32>) -> tensor<32x32xi32> attributes {dl.kernel} {
  %zero = arith.constant 0 : i32
  %init = linalg.fill ins(%zero : i32) outs(%out : tensor<32x32xi32>) -> tensor<32x32xi32>
  %0 = linalg.generic {indexing_maps = #product, iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<32x64xi8>, tensor<32x64xi8>) outs(%init : tensor<32x32xi32>) {
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %p = arith.extsi %a : i8 to i32
    %q = arith.extsi %b : i8 to i32
    %r = arith.muli %p, %q : i32
    %s = arith.addi %acc, %r : i32
    linalg.yield %s : i32
  } -> tensor<32x32xi32>
  return %0 : tensor<32x32xi32>
}

func.func private @unsigned(%x: tensor<32x64xi8>, %w: tensor<32x64xi8>, %out: tensor<32x32xi32>) -> tensor<32x32xi32> attributes {dl.kernel} {
  %zero = arith.constant 0 : i32
  %init = linalg.fill ins(%zero : i32) outs(%out : tensor<32x32xi32>) -> tensor<32x32xi32>
  %0 = linalg.generic {indexing_maps = #product, iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<32x64xi8>, tensor<32x64xi8>) outs(%init : tensor<32x32xi32>) {
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %p = arith.extui %a : i8 to i32
    %q = arith.extui %b : i8 to i32
    %r = arith.muli %p, %q : i32
    %s = arith.addi %acc, %r : i32
    linalg.yield %s : i32
  } -> tensor<32x32xi32>
  return %0 : tensor<32x32xi32>
}

func.func private @mixed(%x: tensor<32x64xi8>, %w: tensor<32x64xi8>, %out: tensor<32x32xi32>) -> tensor<32x32xi32> attributes {dl.kernel} {
  %zero = arith.constant 0 : i32
  %init = linalg.fill ins(%zero : i32) outs(%out : tensor<32x32xi32>) -> tensor<32x32xi32>
  %0 = linalg.generic {indexing_maps = #product, iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<32x64xi8>, tensor<32x64xi8>) outs(%init : tensor<32x32xi32>) {
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %p = arith.extui %a : i8 to i32
    %q = arith.extsi %b : i8 to i32
    %r = arith.muli %p, %q : i32
    %s = arith.addi %acc, %r : i32
    linalg.yield %s : i32
  } -> tensor<32x32xi32>
  return %0 : tensor<32x32xi32>
}

func.func private @rest(%x: tensor<24x64xi8>, %w: tensor<32x64xi8>, %out: tensor<24x32xi32>) -> tensor<24x32xi32> attributes {dl.kernel} {
  %zero = arith.constant 0 : i32
  %init = linalg.fill ins(%zero : i32) outs(%out : tensor<24x32xi32>) -> tensor<24x32xi32>
  %0 = linalg.generic {indexing_maps = #product, iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<24x64xi8>, tensor<32x64xi8>) outs(%init : tensor<24x32xi32>) {
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %p = arith.extsi %a : i8 to i32
    %q = arith.extsi %b : i8 to i32
    %r = arith.muli %p, %q : i32
    %s = arith.addi %acc, %r : i32
    linalg.yield %s : i32
  } -> tensor<24x32xi32>
  return %0 : tensor<24x32xi32>
}
