// RUN: dl-opt %s -cpu-generate-kernels -split-input-file | FileCheck %s

// A matrix product with constant weights: the weights are packed in panels by the
// caller, accumulators stay in registers, bias and rectifier follow in the kernel.

// CHECK-LABEL: func.func @main
// CHECK: dl.pack %{{.*}} {inner_dims = array<i64: 1>, inner_tiles = array<i64: [[N:[0-9]+]]>, outer_perm = array<i64: 1, 0>}
// CHECK-LABEL: func.func private @dense
// CHECK: scf.for {{.*}} -> (vector<16xf32>
// CHECK: vector.fma
// CHECK: arith.maximumf
#id = affine_map<(d0, d1) -> (d0, d1)>
#last = affine_map<(d0, d1) -> (d1)>
func.func @main(%x: tensor<24x64xf32>) -> tensor<24x96xf32> {
  %w = dl.constant dense_resource<w> : tensor<64x96xf32>
  %b = dl.constant dense_resource<b> : tensor<96xf32>
  %0 = dl.dispatch @dense(%x, %w, %b) sizes affine_map<() -> ()> : (tensor<24x64xf32>, tensor<64x96xf32>, tensor<96xf32>) -> tensor<24x96xf32>
  return %0 : tensor<24x96xf32>
}
func.func private @dense(%x: tensor<24x64xf32>, %w: tensor<64x96xf32> {dl.constant}, %b: tensor<96xf32> {dl.constant}, %out: tensor<24x96xf32>) -> tensor<24x96xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<24x96xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<24x96xf32>) -> tensor<24x96xf32>
  %mm = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<24x64xf32>, tensor<64x96xf32>) outs(%init : tensor<24x96xf32>) {
  ^bb0(%a: f32, %c: f32, %acc: f32):
    %p = arith.mulf %a, %c : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<24x96xf32>
  %0 = linalg.generic {indexing_maps = [#id, #last, #id], iterator_types = ["parallel", "parallel"]}
      ins(%mm, %b : tensor<24x96xf32>, tensor<96xf32>) outs(%out : tensor<24x96xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %s = arith.addf %a, %c : f32
    %r = arith.maximumf %s, %zero : f32
    linalg.yield %r : f32
  } -> tensor<24x96xf32>
  return %0 : tensor<24x96xf32>
}
{-# dialect_resources: { builtin: { w: "0x0400000000000000", b: "0x0400000000000000" } } #-}

// -----

// A deep product: a piece of a panel at a time, with the sums kept in between, and
// what comes after it on its way, be it of another panel or the next piece.

// CHECK-LABEL: func.func private @deep
// CHECK: scf.for
// CHECK: %[[BELOW:.*]] = arith.select
// CHECK: %[[NEXT:.*]] = arith.select %{{.*}}, %{{.*}}, %[[BELOW]]
// CHECK: vector.load {{.*}} vector<16xf32>
// CHECK: arith.addi %[[NEXT]],
// CHECK: memref.prefetch
// CHECK: vector.fma
// CHECK: vector.store
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func private @deep(%x: tensor<96x8192xf32>, %w: tensor<8192x128xf32> {dl.constant}, %out: tensor<96x128xf32>) -> tensor<96x128xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%out : tensor<96x128xf32>) -> tensor<96x128xf32>
  %r = linalg.matmul ins(%x, %w : tensor<96x8192xf32>, tensor<8192x128xf32>) outs(%init : tensor<96x128xf32>) -> tensor<96x128xf32>
  return %r : tensor<96x128xf32>
}

// -----

// A convolution over a padded image: what a tile reads is copied with its border,
// and the products read the copy.

// CHECK-LABEL: func.func private @conv
// CHECK: arith.select
// CHECK: vector.store
// CHECK: scf.for {{.*}} -> (vector<16xf32>
// CHECK-NOT: arith.select
// CHECK: vector.fma
#image = affine_map<(n, h, w, m, i, j, c) -> (n, h + i, w + j, c)>
#filter = affine_map<(n, h, w, m, i, j, c) -> (i, j, c, m)>
#result = affine_map<(n, h, w, m, i, j, c) -> (n, h, w, m)>
func.func private @conv(%x: tensor<1x14x14x16xf32>, %f: tensor<3x3x16x64xf32> {dl.constant}, %out: tensor<1x14x14x64xf32>) -> tensor<1x14x14x64xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %p = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f32
  } : tensor<1x14x14x16xf32> to tensor<1x16x16x16xf32>
  %init = linalg.fill ins(%zero : f32) outs(%out : tensor<1x14x14x64xf32>) -> tensor<1x14x14x64xf32>
  %r = linalg.generic {indexing_maps = [#image, #filter, #result],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%p, %f : tensor<1x16x16x16xf32>, tensor<3x3x16x64xf32>) outs(%init : tensor<1x14x14x64xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<1x14x14x64xf32>
  return %r : tensor<1x14x14x64xf32>
}

// -----

// A panel of a computed matrix that is not full is cleared before it is copied: what scratch
// held before may be denormal, with which products take long, though nobody reads them.

// CHECK-LABEL: func.func private @partial
// CHECK: %[[NOT_FULL:.*]] = arith.cmpi slt, %[[COUNT:.*]], %[[LANES:c[0-9]+]] : index
// CHECK-NEXT: scf.if %[[NOT_FULL]] {
// CHECK-NEXT: %[[ZERO:.*]] = arith.constant dense<0.000000e+00> : vector<16xf32>
// CHECK-NEXT: scf.for
// CHECK-NEXT: vector.store %[[ZERO]]
// CHECK: vector.fma

// One whose panels are all full is not.

// CHECK-LABEL: func.func private @full
// CHECK-NOT: vector.store %cst
// CHECK: vector.fma
#left = affine_map<(m, n, k) -> (m, k)>
#right = affine_map<(m, n, k) -> (k, n)>
#out = affine_map<(m, n, k) -> (m, n)>
func.func private @partial(%x: tensor<24x64xf32>, %w: tensor<64x197xf32>, %out: tensor<24x197xf32>) -> tensor<24x197xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%out : tensor<24x197xf32>) -> tensor<24x197xf32>
  %mm = linalg.generic {indexing_maps = [#left, #right, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<24x64xf32>, tensor<64x197xf32>) outs(%init : tensor<24x197xf32>) {
  ^bb0(%a: f32, %c: f32, %acc: f32):
    %p = arith.mulf %a, %c : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<24x197xf32>
  return %mm : tensor<24x197xf32>
}
func.func private @full(%x: tensor<24x64xf32>, %w: tensor<64x192xf32>, %out: tensor<24x192xf32>) -> tensor<24x192xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%out : tensor<24x192xf32>) -> tensor<24x192xf32>
  %mm = linalg.generic {indexing_maps = [#left, #right, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<24x64xf32>, tensor<64x192xf32>) outs(%init : tensor<24x192xf32>) {
  ^bb0(%a: f32, %c: f32, %acc: f32):
    %p = arith.mulf %a, %c : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<24x192xf32>
  return %mm : tensor<24x192xf32>
}

// -----

// Small images of a batch: a block has a position of several images, of whose window
// the taps in the border are left out, so that the image is read where it lies.

// CHECK-LABEL: func.func private @small
// CHECK-NOT: vector.store
// CHECK: scf.for %{{.*}} = %{{[0-9]+}} to %{{[0-9]+}} {{.*}} -> (vector<16xf32>
// CHECK: scf.for %{{.*}} = %{{[0-9]+}} to %{{[0-9]+}} {{.*}} -> (vector<16xf32>
// CHECK: vector.fma
#image = affine_map<(n, h, w, m, i, j, c) -> (n, h + i, w + j, c)>
#filter = affine_map<(n, h, w, m, i, j, c) -> (i, j, c, m)>
#result = affine_map<(n, h, w, m, i, j, c) -> (n, h, w, m)>
func.func private @small(%x: tensor<16x2x2x64xf32>, %f: tensor<3x3x64x64xf32> {dl.constant}, %out: tensor<16x2x2x64xf32>) -> tensor<16x2x2x64xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %p = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f32
  } : tensor<16x2x2x64xf32> to tensor<16x4x4x64xf32>
  %init = linalg.fill ins(%zero : f32) outs(%out : tensor<16x2x2x64xf32>) -> tensor<16x2x2x64xf32>
  %r = linalg.generic {indexing_maps = [#image, #filter, #result],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%p, %f : tensor<16x4x4x64xf32>, tensor<3x3x64x64xf32>) outs(%init : tensor<16x2x2x64xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<16x2x2x64xf32>
  return %r : tensor<16x2x2x64xf32>
}

// -----

// Products of bf16: pairs of contracted positions lie side by side in a panel.
// Without instructions for them, elements are extended one by one.

// RUN: dl-opt %s "-cpu-generate-kernels=bf16=pairs" -split-input-file | FileCheck %s --check-prefix=PAIRS
// RUN: dl-opt %s "-cpu-generate-kernels=bf16=tiles" -split-input-file | FileCheck %s --check-prefix=TILES

// CHECK-LABEL: func.func @narrow
// CHECK: dl.pack %{{.*}} {inner_dims = array<i64: 1>, inner_tiles = array<i64: 32>,
// CHECK-LABEL: func.func private @wide
// CHECK-SAME: dl.products = "f32"
// CHECK: arith.extf {{.*}} vector<16xbf16>
// CHECK: vector.fma

// PAIRS-LABEL: func.func @narrow
// PAIRS: dl.pack %{{.*}} {inner_dims = array<i64: 1, 0>, inner_tiles = array<i64: 32, 2>, outer_perm = array<i64: 1, 0>} : (tensor<74x64xbf16>) -> tensor<2x37x32x2xbf16>
// PAIRS-LABEL: func.func private @wide
// PAIRS-SAME: dl.products = "bf16-pairs"
// PAIRS: vector.load {{.*}} vector<32xbf16>
// PAIRS: x86vector.avx512.dot

// 74 positions are two steps of 32 and one of 10; 40 rows are a block of 32 and 8,
// for which the registers are configured anew.

// TILES-LABEL: func.func @narrow
// TILES: dl.pack %{{.*}} {inner_dims = array<i64: 1, 0>, inner_tiles = array<i64: 32, 2>,
// TILES-LABEL: func.func private @wide
// TILES-SAME: dl.products = "bf16-tiles"
// TILES: llvm.call_intrinsic "llvm.x86.ldtilecfg"
// TILES: llvm.call_intrinsic "llvm.x86.tilezero"
// TILES: scf.for
// TILES: llvm.call_intrinsic "llvm.x86.tileloadd64"
// TILES: llvm.call_intrinsic "llvm.x86.tdpbf16ps"
// TILES: }
// TILES: llvm.call_intrinsic "llvm.x86.tdpbf16ps"
// TILES: llvm.call_intrinsic "llvm.x86.tilestored64"
// TILES: else
// TILES: memref.store {{.*}} : memref<?xi8>
// TILES: llvm.call_intrinsic "llvm.x86.ldtilecfg"
// TILES: llvm.call_intrinsic "llvm.x86.tilerelease"
func.func @narrow(%x: tensor<40x74xbf16>) -> tensor<40x64xf32> {
  %w = dl.constant dense_resource<w> : tensor<74x64xbf16>
  %0 = dl.dispatch @wide(%x, %w) sizes affine_map<() -> ()> : (tensor<40x74xbf16>, tensor<74x64xbf16>) -> tensor<40x64xf32>
  return %0 : tensor<40x64xf32>
}
func.func private @wide(%x: tensor<40x74xbf16>, %w: tensor<74x64xbf16> {dl.constant}, %out: tensor<40x64xf32>) -> tensor<40x64xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%out : tensor<40x64xf32>) -> tensor<40x64xf32>
  %r = linalg.matmul ins(%x, %w : tensor<40x74xbf16>, tensor<74x64xbf16>) outs(%init : tensor<40x64xf32>) -> tensor<40x64xf32>
  return %r : tensor<40x64xf32>
}
{-# dialect_resources: { builtin: { w: "0x0400000000000000" } } #-}

// -----

// One row: what comes 16 KiB later is fetched, a line for each vector.

// CHECK-LABEL: func.func private @row
// CHECK: %[[AHEAD:.*]] = arith.constant 4096 : index
// CHECK: %[[AT:.*]] = arith.addi %{{.*}}, %[[AHEAD]]
// CHECK: %[[PLACE:.*]] = arith.addi %[[AT]],
// CHECK: memref.prefetch %{{.*}}[%[[PLACE]]]
// CHECK: vector.fma
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func private @row(%x: tensor<1x1024xf32>, %w: tensor<1024x1024xf32> {dl.constant}, %out: tensor<1x1024xf32>) -> tensor<1x1024xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%out : tensor<1x1024xf32>) -> tensor<1x1024xf32>
  %r = linalg.matmul ins(%x, %w : tensor<1x1024xf32>, tensor<1024x1024xf32>) outs(%init : tensor<1x1024xf32>) -> tensor<1x1024xf32>
  return %r : tensor<1x1024xf32>
}

// -----

// A right matrix that is no constant, but whose rows are as long as a panel's: it is
// multiplied where it lies. Longer rows are copied to panels before.

// CHECK-LABEL: func.func private @in_place
// CHECK-NOT: vector.store
// CHECK: vector.fma
func.func private @in_place(%x: tensor<36x128xf32>, %y: tensor<128x64xf32>, %out: tensor<36x64xf32>) -> tensor<36x64xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%out : tensor<36x64xf32>) -> tensor<36x64xf32>
  %r = linalg.matmul ins(%x, %y : tensor<36x128xf32>, tensor<128x64xf32>) outs(%init : tensor<36x64xf32>) -> tensor<36x64xf32>
  return %r : tensor<36x64xf32>
}

// CHECK-LABEL: func.func private @copied
// CHECK: vector.store
// CHECK: vector.fma
func.func private @copied(%x: tensor<36x128xf32>, %y: tensor<128x192xf32>, %out: tensor<36x192xf32>) -> tensor<36x192xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%out : tensor<36x192xf32>) -> tensor<36x192xf32>
  %r = linalg.matmul ins(%x, %y : tensor<36x128xf32>, tensor<128x192xf32>) outs(%init : tensor<36x192xf32>) -> tensor<36x192xf32>
  return %r : tensor<36x192xf32>
}
