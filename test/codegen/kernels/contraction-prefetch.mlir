// RUN: dl-opt %s -cpu-generate-kernels -split-input-file | FileCheck %s

// What is added to a product comes to the cache while its block is summed up, a line
// of each row's own at each step; a bias is there already.

// CHECK-LABEL: func.func private @residual(
// CHECK: scf.for {{.*}} -> (vector<16xf32>
// CHECK: %[[LEFT:.*]] = arith.cmpi slt, %{{.*}}, %c24
// CHECK: scf.if %[[LEFT]] {
// CHECK-NOT: scf.if
// CHECK: memref.prefetch %{{.*}}[%{{.*}}], read, locality<2>, data : memref<?xf32>
// CHECK-NOT: memref.prefetch
// CHECK: }
// CHECK: vector.fma
#id = affine_map<(d0, d1) -> (d0, d1)>
#last = affine_map<(d0, d1) -> (d1)>
func.func private @residual(%x: tensor<96x256xf32>, %w: tensor<256x128xf32> {dl.constant}, %b: tensor<128xf32> {dl.constant}, %r: tensor<96x128xf32>, %out: tensor<96x128xf32>) -> tensor<96x128xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<96x128xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<96x128xf32>) -> tensor<96x128xf32>
  %mm = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<96x256xf32>, tensor<256x128xf32>) outs(%init : tensor<96x128xf32>) {
  ^bb0(%a: f32, %c: f32, %acc: f32):
    %p = arith.mulf %a, %c : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<96x128xf32>
  %0 = linalg.generic {indexing_maps = [#id, #last, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%mm, %b, %r : tensor<96x128xf32>, tensor<128xf32>, tensor<96x128xf32>) outs(%out : tensor<96x128xf32>) {
  ^bb0(%a: f32, %c: f32, %d: f32, %o: f32):
    %s = arith.addf %a, %c : f32
    %t = arith.addf %s, %d : f32
    linalg.yield %t : f32
  } -> tensor<96x128xf32>
  return %0 : tensor<96x128xf32>
}

// -----

// Nothing follows that is each row's own.

// CHECK-LABEL: func.func private @bias(
// CHECK-NOT: memref.prefetch
// CHECK: return
#id = affine_map<(d0, d1) -> (d0, d1)>
#last = affine_map<(d0, d1) -> (d1)>
func.func private @bias(%x: tensor<96x256xf32>, %w: tensor<256x128xf32> {dl.constant}, %b: tensor<128xf32> {dl.constant}, %out: tensor<96x128xf32>) -> tensor<96x128xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<96x128xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<96x128xf32>) -> tensor<96x128xf32>
  %mm = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<96x256xf32>, tensor<256x128xf32>) outs(%init : tensor<96x128xf32>) {
  ^bb0(%a: f32, %c: f32, %acc: f32):
    %p = arith.mulf %a, %c : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<96x128xf32>
  %0 = linalg.generic {indexing_maps = [#id, #last, #id], iterator_types = ["parallel", "parallel"]}
      ins(%mm, %b : tensor<96x128xf32>, tensor<128xf32>) outs(%out : tensor<96x128xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %s = arith.addf %a, %c : f32
    linalg.yield %s : f32
  } -> tensor<96x128xf32>
  return %0 : tensor<96x128xf32>
}

// -----

// A transposed matrix that is no constant, as a weight in training: squares of it are
// copied to a panel, and what the next panel needs comes meanwhile.

// CHECK-LABEL: func.func private @transposed(
// CHECK: vector.shuffle
// CHECK: scf.for {{.*}} -> (vector<16xf32>
// CHECK: arith.cmpi slt, %{{.*}}, %c1024
// CHECK: scf.if
// CHECK: memref.prefetch
// CHECK: vector.fma
func.func private @transposed(%x: tensor<192x256xf32>, %w: tensor<128x256xf32>, %out: tensor<192x128xf32>) -> tensor<192x128xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%out : tensor<192x128xf32>) -> tensor<192x128xf32>
  %mm = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<192x256xf32>, tensor<128x256xf32>) outs(%init : tensor<192x128xf32>) {
  ^bb0(%a: f32, %c: f32, %acc: f32):
    %p = arith.mulf %a, %c : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<192x128xf32>
  return %mm : tensor<192x128xf32>
}
