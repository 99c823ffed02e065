// RUN: dl-opt %s -spirv-generate-kernels -canonicalize | FileCheck %s
// RUN: dl-opt %s -spirv-lower-kernels | FileCheck %s --check-prefix=SPIRV

// A matrix product with bias and rectifier is one stage: an invocation keeps the
// sums of 32 rows in registers, and does what follows before it stores them. Eight
// neighbours read four contracted positions of a row each, as a vector, and hand them
// to the others; rows of 37 columns have no vectors. A step of the loop has four
// products of each sum; a test that ends the loop counts, too. SpirvTest.cpp runs it.

// CHECK: [[ELEMENTS:#.*]] = affine_map<()[s0, s1] -> (((s0 + 31) floordiv 32) * 64)>
// CHECK: [[ITERATIONS:#.*]] = affine_map<()[s0, s1] -> (17)>
// CHECK: func.func private @dense({{.*}}) -> tensor<?x37xf32>
// CHECK-SAME: dl.stages = [{alignment = 64 : i64, buffers = array<i64: 1, 2, 0, 3>, elements = [[ELEMENTS]], entry = "dense.0", iterations = [[ITERATIONS]], workgroup = 32 : i64}]
// CHECK-SAME: dl.temporaries = []
// CHECK: gpu.func @dense.0({{.*}}%arg2: memref<?xvector<4xf32>, {{.*}}: memref<2xi32, #spirv.storage_class<PushConstant>>) kernel
// CHECK: scf.for {{.*}} step %c4 iter_args
// CHECK-COUNT-4: memref.load %arg0
// CHECK: [[OWN:%.*]] = memref.load %arg2
// CHECK: [[FIRST:%.*]] = spirv.CompositeExtract [[OWN]][0 : i32]
// CHECK: spirv.GroupNonUniformShuffle <Subgroup> [[FIRST]]
// CHECK-COUNT-128: math.fma
// CHECK-NOT: math.fma
// CHECK: scf.yield
// CHECK: scf.if
// CHECK: arith.addf
// CHECK: arith.maximumf
// CHECK: memref.store {{.*}}, %arg3[
// CHECK-NOT: scf.for
// CHECK-NOT: gpu.func

// The sizes come as push constants, which have no binding; nothing but what GPUs have
// is asked for.
// SPIRV: spirv.module {{.*}} requires #spirv.vce<v1.3, [Shader, GroupNonUniformShuffle, Matrix, GroupNonUniform], [SPV_KHR_storage_buffer_storage_class]>
// SPIRV: spirv.GlobalVariable @dense.0_arg_3 bind(0, 3) : {{.*}}StorageBuffer>
// SPIRV: spirv.GlobalVariable @dense.0_arg_4 : {{.*}}PushConstant>
// SPIRV: spirv.EntryPoint "GLCompute" @dense.0
// SPIRV: spirv.ExecutionMode @dense.0 "LocalSize", 32, 1, 1
#id = affine_map<(d0, d1) -> (d0, d1)>
#last = affine_map<(d0, d1) -> (d1)>
func.func private @dense(%x: tensor<?x64xf32>, %w: tensor<64x37xf32>, %b: tensor<37xf32>, %out: tensor<?x37xf32>) -> tensor<?x37xf32> attributes {dl.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c0 : tensor<?x64xf32>
  %e = tensor.empty(%m) : tensor<?x37xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<?x37xf32>) -> tensor<?x37xf32>
  %mm = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<?x64xf32>, tensor<64x37xf32>) outs(%init : tensor<?x37xf32>) {
  ^bb0(%a: f32, %c: f32, %acc: f32):
    %p = arith.mulf %a, %c : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x37xf32>
  %0 = linalg.generic {indexing_maps = [#id, #last, #id], iterator_types = ["parallel", "parallel"]}
      ins(%mm, %b : tensor<?x37xf32>, tensor<37xf32>) outs(%out : tensor<?x37xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %s = arith.addf %a, %c : f32
    %r = arith.maximumf %s, %zero : f32
    linalg.yield %r : f32
  } -> tensor<?x37xf32>
  return %0 : tensor<?x37xf32>
}
