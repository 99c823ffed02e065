// RUN: dl-opt %s -spirv-generate-kernels | FileCheck %s

// Rows in one stage: of unknown length, 32 invocations read each for its mean, its variance
// and the result, and add up by exchanges within a subgroup, and then in shared memory.

// CHECK: [[ROWS:#.*]] = affine_map<()[s0, s1, s2, s3, s4, s5] -> (((s4 + 1) floordiv 2) * 64)>
// CHECK: func.func private @layernorm
// CHECK-SAME: dl.stages = [{alignment = 64 : i64, buffers = array<i64: 0, 1, 2, 3>, elements = [[ROWS]], entry = "layernorm.0", iterations = {{#[a-z0-9]+}}, workgroup = 64 : i64}]
// CHECK-SAME: dl.temporaries = []
// CHECK: gpu.func @layernorm.0
// CHECK-COUNT-3: spirv.GroupNonUniformShuffleXor
// CHECK: memref.alloc() : memref<32xf32, #spirv.storage_class<Workgroup>>
// CHECK: gpu.barrier
// CHECK-COUNT-3: spirv.GroupNonUniformShuffleXor
// CHECK: memref.alloc() : memref<16xf32, #spirv.storage_class<Workgroup>>
// CHECK: gpu.barrier
// CHECK: math.sqrt
// CHECK-NOT: gpu.func
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
#column = affine_map<(d0, d1) -> (d1)>
func.func private @layernorm(%x: tensor<?x?xf32>, %scale: tensor<?xf32>, %shift: tensor<?xf32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> attributes {dl.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %epsilon = arith.constant 1.0e-5 : f32
  %rows = tensor.dim %x, %c0 : tensor<?x?xf32>
  %columns = tensor.dim %x, %c1 : tensor<?x?xf32>
  %ci = arith.index_cast %columns : index to i32
  %n = arith.sitofp %ci : i32 to f32
  %e = tensor.empty(%rows) : tensor<?xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<?x?xf32>) outs(%init : tensor<?xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %s = arith.addf %acc, %a : f32
    linalg.yield %s : f32
  } -> tensor<?xf32>
  %t = tensor.empty(%rows, %columns) : tensor<?x?xf32>
  %centred = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum : tensor<?x?xf32>, tensor<?xf32>) outs(%t : tensor<?x?xf32>) {
  ^bb0(%a: f32, %s: f32, %o: f32):
    %mean = arith.divf %s, %n : f32
    %d = arith.subf %a, %mean : f32
    linalg.yield %d : f32
  } -> tensor<?x?xf32>
  %squares = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%centred : tensor<?x?xf32>) outs(%init : tensor<?xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %q = arith.mulf %a, %a : f32
    %s = arith.addf %acc, %q : f32
    linalg.yield %s : f32
  } -> tensor<?xf32>
  %y = linalg.generic {indexing_maps = [#id, #row, #column, #column, #id], iterator_types = ["parallel", "parallel"]}
      ins(%centred, %squares, %scale, %shift : tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) outs(%out : tensor<?x?xf32>) {
  ^bb0(%a: f32, %s: f32, %g: f32, %b: f32, %o: f32):
    %variance = arith.divf %s, %n : f32
    %v = arith.addf %variance, %epsilon : f32
    %deviation = math.sqrt %v : f32
    %r = arith.divf %a, %deviation : f32
    %p = arith.mulf %r, %g : f32
    %q = arith.addf %p, %b : f32
    linalg.yield %q : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}
