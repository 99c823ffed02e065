// RUN: dl-opt %s -cpu-generate-kernels -split-input-file | FileCheck %s

// Elementwise: one pass over vectors, the last with a mask; the bias is read once
// for each vector.

// CHECK: #[[TILES:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK: func.func private @bias_relu
// CHECK-SAME: dl.kernel
// CHECK-SAME: dl.tiles = #[[TILES]]
// CHECK: scf.for
// CHECK: vector.load
// CHECK: arith.addf {{.*}} : vector<16xf32>
// CHECK: arith.maximumf
// CHECK: vector.store
#id = affine_map<(d0, d1) -> (d0, d1)>
#last = affine_map<(d0, d1) -> (d1)>
func.func private @bias_relu(%x: tensor<?x32xf32>, %b: tensor<32xf32>, %out: tensor<?x32xf32>) -> tensor<?x32xf32> attributes {dl.kernel} {
  %0 = linalg.generic {indexing_maps = [#id, #last, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %b : tensor<?x32xf32>, tensor<32xf32>) outs(%out : tensor<?x32xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %zero = arith.constant 0.0 : f32
    %s = arith.addf %a, %c : f32
    %r = arith.maximumf %s, %zero : f32
    linalg.yield %r : f32
  } -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----

// Softmax: a row's maximum and sum are found across lanes, with four accumulators
// where the row is long, and ahead of the pass that writes.

// CHECK-LABEL: func.func private @softmax
// CHECK: vector.reduction <maximumf>
// CHECK: math.exp
// CHECK: vector.reduction <add>
// CHECK: arith.divf
// CHECK: vector.store
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
func.func private @softmax(%x: tensor<?x100xf32>, %out: tensor<?x100xf32>) -> tensor<?x100xf32> attributes {dl.kernel} {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x100xf32>
  %lowest = arith.constant 0xFF800000 : f32
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%n) : tensor<?xf32>
  %m0 = linalg.fill ins(%lowest : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  %m = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<?x100xf32>) outs(%m0 : tensor<?xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %r = arith.maximumf %acc, %a : f32
    linalg.yield %r : f32
  } -> tensor<?xf32>
  %t = tensor.empty(%n) : tensor<?x100xf32>
  %p = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %m : tensor<?x100xf32>, tensor<?xf32>) outs(%t : tensor<?x100xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %d = arith.subf %a, %b : f32
    %r = math.exp %d : f32
    linalg.yield %r : f32
  } -> tensor<?x100xf32>
  %s0 = linalg.fill ins(%zero : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  %s = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%p : tensor<?x100xf32>) outs(%s0 : tensor<?xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %r = arith.addf %acc, %a : f32
    linalg.yield %r : f32
  } -> tensor<?xf32>
  %y = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%p, %s : tensor<?x100xf32>, tensor<?xf32>) outs(%out : tensor<?x100xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %r = arith.divf %a, %b : f32
    linalg.yield %r : f32
  } -> tensor<?x100xf32>
  return %y : tensor<?x100xf32>
}

// -----

// Sums of columns: eight vectors of them side by side, so that a row's cache lines are
// read together, and a tile is few of them; one by one where a group is not whole.

// CHECK: #[[TILES:.*]] = affine_map<() -> (5)>
// CHECK-LABEL: func.func private @column_sums
// CHECK-SAME: dl.tiles = #[[TILES]]
// CHECK: scf.for
// CHECK: scf.for {{.*}} iter_args({{.*}}) -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>)
// CHECK-COUNT-8: vector.store
// CHECK: scf.for {{.*}} iter_args({{.*}}) -> (vector<16xf32>)
// CHECK: vector.maskedstore
func.func private @column_sums(%x: tensor<1000x520xf32>, %out: tensor<520xf32>) -> tensor<520xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%out : tensor<520xf32>) -> tensor<520xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<1000x520xf32>) outs(%f : tensor<520xf32>) {
  ^bb0(%a: f32, %s: f32):
    %t = arith.addf %s, %a : f32
    linalg.yield %t : f32
  } -> tensor<520xf32>
  return %0 : tensor<520xf32>
}
