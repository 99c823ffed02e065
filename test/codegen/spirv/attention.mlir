// RUN: dl-opt %s --stop-after=lower -spirv-generate-kernels | FileCheck %s

// Attention, one kernel of the passes: scores are kept in memory, then each row's
// maximum and sum; exponentials are computed where they are added up and where they
// are multiplied. SpirvTest.cpp runs it.

// Products go by tiles of 32 rows and 256 or, as the result has no more, 8 columns;
// a row's maximum and sum are each of 32 invocations, whose steps may be divided among
// dispatches.

// CHECK-DAG: [[SCORES:#.*]] = affine_map<()[s0, s1, s2, s3] -> ((((s0 + 31) floordiv 32) * ((s1 + 255) floordiv 256)) * 64)>
// CHECK-DAG: [[ROWS:#.*]] = affine_map<()[s0, s1, s2, s3] -> (((s0 + 1) floordiv 2) * 64)>
// CHECK-DAG: [[ONCE:#.*]] = affine_map<()[s0, s1, s2, s3] -> (2)>
// CHECK-DAG: [[STEPS:#.*]] = affine_map<()[s0, s1, s2, s3] -> ((s0 + 31) floordiv 32)>
// CHECK-DAG: [[RESULT:#.*]] = affine_map<()[s0, s1, s2, s3] -> (((s0 + 31) floordiv 32) * 8)>
// CHECK: dl.stages = [{{{[^{]*}}elements = [[SCORES]]
// CHECK-SAME: elements = [[ROWS]], {{[^{]*}} iterations = [[ONCE]], trips = [[STEPS]], workgroup = 64
// CHECK-SAME: elements = [[ROWS]], {{[^{]*}} iterations = [[ONCE]], trips = [[STEPS]], workgroup = 64
// CHECK-SAME: elements = [[RESULT]], {{[^{]*}} workgroup = 8 : i64}]
#q = #dl.dims<()[s0] -> (s0, 8)>
#k = #dl.dims<()[s0] -> (8, s0)>
#s = #dl.dims<()[s0] -> (s0, s0)>
func.func @main(%q: tensor<?x8xf32, #q>, %k: tensor<8x?xf32, #k>, %v: tensor<?x8xf32, #q>) -> tensor<?x8xf32, #q> attributes {dl.symbols = ["T"]} {
  %0 = dl.matmul %q, %k : (tensor<?x8xf32, #q>, tensor<8x?xf32, #k>) -> tensor<?x?xf32, #s>
  %1 = dl.softmax %0 {axis = 1 : i64} : (tensor<?x?xf32, #s>) -> tensor<?x?xf32, #s>
  %2 = dl.matmul %1, %v : (tensor<?x?xf32, #s>, tensor<?x8xf32, #q>) -> tensor<?x8xf32, #q>
  return %2 : tensor<?x8xf32, #q>
}
