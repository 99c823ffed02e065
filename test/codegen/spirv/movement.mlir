// RUN: dl-opt %s -spirv-generate-kernels | FileCheck %s
// RUN: dl-opt %s -spirv-lower-kernels | FileCheck %s --check-prefix=SPIRV

// Rows gathered by 64-bit indices, masked, and put behind another tensor: one stage
// for each part of the result, which is never held anywhere else.

// CHECK: func.func private @join
// CHECK-SAME: entry = "join.0"{{.*}}entry = "join.1"
// CHECK-SAME: dl.temporaries = []
// CHECK: gpu.func @join.0
// CHECK: gpu.func @join.1
// CHECK: math.erf

// What is needed beyond 32 bits is asked of the device.
// SPIRV-DAG: Int64
// SPIRV-DAG: Int8
// SPIRV-DAG: StorageBuffer8BitAccess
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
func.func private @join(%table: tensor<?x7xf32>, %rows: tensor<?xi64>, %mask: tensor<?x7xi1>, %head: tensor<?x7xf32>, %total: index, %out: tensor<?x7xf32>) -> tensor<?x7xf32> attributes {dl.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %rows, %c0 : tensor<?xi64>
  %h = tensor.dim %head, %c0 : tensor<?x7xf32>
  %e = tensor.empty(%n) : tensor<?x7xf32>
  %gathered = linalg.generic {indexing_maps = [#row, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%rows, %mask : tensor<?xi64>, tensor<?x7xi1>) outs(%e : tensor<?x7xf32>) {
  ^bb0(%i: i64, %m: i1, %o: f32):
    %at = arith.index_cast %i : i64 to index
    %j = linalg.index 1 : index
    %v = tensor.extract %table[%at, %j] : tensor<?x7xf32>
    %f = math.erf %v : f32
    %r = arith.select %m, %f, %zero : f32
    linalg.yield %r : f32
  } -> tensor<?x7xf32>
  %all = tensor.empty(%total) : tensor<?x7xf32>
  %0 = tensor.insert_slice %head into %all[0, 0] [%h, 7] [1, 1] : tensor<?x7xf32> into tensor<?x7xf32>
  %1 = tensor.insert_slice %gathered into %0[%h, 0] [%n, 7] [1, 1] : tensor<?x7xf32> into tensor<?x7xf32>
  return %1 : tensor<?x7xf32>
}
