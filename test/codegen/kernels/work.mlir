// RUN: dl-opt %s -cpu-generate-kernels -split-input-file | FileCheck %s

// What kernels have to do: operations, the elements that they read where these are
// not all, the type of their sums, and the generator that was chosen.

// A product, 2 * 8 * 16 * 4, and what follows it, 8 * 16.
// CHECK: #[[FLOPS:.*]] = affine_map<() -> (1152)>
// CHECK: func.func private @product
// CHECK-SAME: dl.accumulator = f32, dl.flops = #[[FLOPS]], dl.generator = "contraction"
// CHECK-SAME: dl.products = "f32"
// CHECK-NOT: dl.reads
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @product(%a: tensor<8x4xf32>, %b: tensor<4x16xf32>, %c: tensor<8x16xf32>)
    -> tensor<8x16xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x16xf32>) -> tensor<8x16xf32>
  %m = linalg.matmul ins(%a, %b : tensor<8x4xf32>, tensor<4x16xf32>)
      outs(%f : tensor<8x16xf32>) -> tensor<8x16xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%m : tensor<8x16xf32>) outs(%c : tensor<8x16xf32>) {
  ^bb0(%x: f32, %out: f32):
    %y = arith.maximumf %x, %zero : f32
    linalg.yield %y : f32
  } -> tensor<8x16xf32>
  return %r : tensor<8x16xf32>
}

// -----

// Of a table, only the rows that indices name; movement is no arithmetic.
// CHECK-DAG: #[[ROWS:.*]] = affine_map<(d0, d1) -> (d0 * 16)>
// CHECK-DAG: #[[INDICES:.*]] = affine_map<(d0, d1) -> (d0)>
// CHECK: func.func private @lookup
// CHECK-NOT: dl.flops
// CHECK-SAME: dl.generator = "loop"
// CHECK-NOT: dl.products
// CHECK-SAME: dl.reads = [#[[ROWS]], #[[INDICES]], unit]
#row = affine_map<(d0, d1) -> (d0)>
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @lookup(%t: tensor<1000x16xf32>, %i: tensor<?xi64>, %c: tensor<?x16xf32>)
    -> tensor<?x16xf32> attributes {dl.kernel} {
  %r = linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%i : tensor<?xi64>) outs(%c : tensor<?x16xf32>) {
  ^bb0(%x: i64, %out: f32):
    %p = arith.index_cast %x : i64 to index
    %q = linalg.index 1 : index
    %y = tensor.extract %t[%p, %q] : tensor<1000x16xf32>
    linalg.yield %y : f32
  } -> tensor<?x16xf32>
  return %r : tensor<?x16xf32>
}

// -----

// A slice is read alone; its size is asked for, which reads nothing.
// CHECK: #[[SLICE:.*]] = affine_map<(d0, d1) -> (d0 * 4)>
// CHECK: func.func private @half
// CHECK-SAME: dl.reads = [#[[SLICE]], unit]
func.func @half(%x: tensor<?x8xf32>, %out: tensor<?x4xf32>)
    -> tensor<?x4xf32> attributes {dl.kernel} {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x8xf32>
  %s = tensor.extract_slice %x[0, 4] [%n, 4] [1, 1] : tensor<?x8xf32> to tensor<?x4xf32>
  %r = linalg.copy ins(%s : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %r : tensor<?x4xf32>
}
