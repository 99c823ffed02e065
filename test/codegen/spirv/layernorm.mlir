// RUN: dl-opt %s -spirv-generate-kernels | FileCheck %s

// Every element of a row needs the row's mean and variance: they are computed once
// and kept in memory, in stages of their own, by 32 invocations for each row. As rows
// may be long, a dispatch does a part of the steps. The centred values are cheap, and
// are computed where they are used.

// CHECK-DAG: [[ROWS:#.*]] = affine_map<()[s0, s1, s2, s3, s4, s5] -> (((s0 + 1) floordiv 2) * 64)>
// CHECK-DAG: [[STEPS:#.*]] = affine_map<()[s0, s1, s2, s3, s4, s5] -> ((s1 + 31) floordiv 32)>
// CHECK-DAG: [[ALL:#.*]] = affine_map<()[s0, s1, s2, s3, s4, s5] -> (s4 * s5)>
// CHECK-DAG: [[BYTES:#.*]] = affine_map<()[s0, s1, s2, s3, s4, s5] -> (s0 * 4)>
// CHECK: func.func private @layernorm
// CHECK-SAME: elements = [[ROWS]], entry = "layernorm.0", {{[^{]*}} trips = [[STEPS]], {{.*}}elements = [[ROWS]], entry = "layernorm.1", {{[^{]*}} trips = [[STEPS]], {{.*}}elements = [[ALL]], entry = "layernorm.2", iterations = {{#[a-z0-9]+}}, workgroup = 64 : i64}]
// CHECK-SAME: dl.temporaries = {{\[}}[[BYTES]], [[BYTES]]]
// CHECK: gpu.func @layernorm.0
// CHECK: gpu.func @layernorm.1
// CHECK: gpu.func @layernorm.2
// CHECK: math.sqrt
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
