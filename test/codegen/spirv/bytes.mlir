// RUN: dl-opt %s -spirv-generate-kernels -canonicalize | FileCheck %s
// RUN: dl-opt %s -spirv-generate-kernels=target=ampere -canonicalize | FileCheck %s --check-prefix=DOT
// RUN: dl-opt %s -spirv-lower-kernels | FileCheck %s --check-prefix=SPIRV
// RUN: dl-opt %s -spirv-lower-kernels=target=ampere | FileCheck %s --check-prefix=AMPERE

// Bytes are read by fours, as words. They are multiplied as float32, which holds four
// products of each sum, or by instructions that do four products at once: then a word
// of the columns is made of those of four contracted positions. SpirvProductsTest.cpp
// runs such products.

// CHECK: gpu.func @product.0({{.*}}memref<?xi32, {{.*}}memref<?xi32, {{.*}}memref<?xvector<4xi32>,
// CHECK: scf.for {{.*}} step %c4 iter_args({{.*}}) -> (i32,
// CHECK: [[WORD:%.*]] = memref.load {{.*}}memref<?xi32
// CHECK: [[TOP:%.*]] = arith.shli [[WORD]], %c24_i32
// CHECK: arith.shrsi [[TOP]], %c24_i32
// CHECK-COUNT-256: math.fma
// CHECK-NOT: math.fma
// CHECK: [[SUM:%.*]] = arith.fptosi {{.*}} : f32 to i32
// CHECK: arith.addi {{.*}}, [[SUM]] : i32
// CHECK: scf.yield

// DOT: gpu.func @product.0({{.*}}memref<?xi32, {{.*}}memref<?xi32, {{.*}}memref<?xvector<4xi32>,
// DOT: scf.for {{.*}} step %c4 iter_args({{.*}}) -> (i32,
// DOT-COUNT-6: memref.load
// DOT-NOT: memref.load
// DOT: [[ROW:%.*]] = spirv.GroupNonUniformShuffle {{.*}} : i32, i32
// DOT: [[FOUR:%.*]] = spirv.SUDot {{%.*}}, {{%.*}}, <PackedVectorFormat4x8Bit> : i32 -> i32
// DOT: arith.addi {{.*}}, [[FOUR]] : i32
// DOT-COUNT-63: spirv.SUDot
// DOT-NOT: spirv.SUDot
// DOT-NOT: math.fma

// SPIRV: requires #spirv.vce<v1.3, [
// SPIRV-NOT: DotProduct
// SPIRV-SAME: ]
// AMPERE: requires #spirv.vce<v1.6, [{{.*}}DotProduct{{.*}}], [{{.*}}SPV_KHR_integer_dot_product
func.func private @product(%x: tensor<256x512xi8>, %w: tensor<512x512xi8>, %out: tensor<256x512xi32>) -> tensor<256x512xi32> attributes {dl.kernel} {
  %zero = arith.constant 0 : i32
  %init = linalg.fill ins(%zero : i32) outs(%out : tensor<256x512xi32>) -> tensor<256x512xi32>
  %0 = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<256x512xi8>, tensor<512x512xi8>) outs(%init : tensor<256x512xi32>) {
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %p = arith.extui %a : i8 to i32
    %q = arith.extsi %b : i8 to i32
    %r = arith.muli %p, %q : i32
    %s = arith.addi %acc, %r : i32
    linalg.yield %s : i32
  } -> tensor<256x512xi32>
  return %0 : tensor<256x512xi32>
}
