// RUN: dl-opt %s -cpu-generate-kernels | FileCheck %s --check-prefix=MODEL
// RUN: dl-opt %s -cpu-generate-kernels="choice=block=3x2,range=12,depth=1024,prefetch=1,unroll=2" | FileCheck %s --check-prefix=CHOICE
// RUN: dl-opt %s -cpu-generate-kernels="choice=block=20x8" | FileCheck %s --check-prefix=MODEL
// RUN: dl-opt %s -cpu-generate-kernels="choice=winograd=1,flat=1,lanes=64,panels=3" | FileCheck %s --check-prefix=MODEL
// RUN: not dl-opt %s -cpu-generate-kernels="choice=block=3" 2>&1 | FileCheck %s --check-prefix=ERROR

// The cost model's decisions about a matrix product, and others in their place:
// blocks of 3 rows and 2 vectors in panels of 32 lanes, tiles of 12 rows. A block
// that the registers do not hold, and decisions about other kinds of kernels,
// change nothing.

// MODEL: dl.pack {{.*}}inner_tiles = array<i64: 48>
// MODEL: func.func private @dense
// MODEL: scf.for {{.*}} -> (vector<16xf32>
// MODEL-COUNT-96: vector.fma
// MODEL-NOT: memref.prefetch

// CHOICE: [[TILES:#map[0-9]*]] = affine_map<() -> (6)>
// CHOICE: dl.pack {{.*}}inner_tiles = array<i64: 32>
// CHOICE: func.func private @dense{{.*}} dl.tiles = [[TILES]]
// CHOICE: memref.prefetch
// CHOICE-COUNT-12: vector.fma
// CHOICE-NOT: vector.fma

// ERROR: error: choice: expected block=ROWSxVECTORS of at most 32x8, found 'block=3'
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @main(%x: tensor<24x64xf32>) -> tensor<24x96xf32> {
  %w = dl.constant dense_resource<w> : tensor<64x96xf32>
  %0 = dl.dispatch @dense(%x, %w) sizes affine_map<() -> ()> : (tensor<24x64xf32>, tensor<64x96xf32>) -> tensor<24x96xf32>
  return %0 : tensor<24x96xf32>
}
func.func private @dense(%x: tensor<24x64xf32>, %w: tensor<64x96xf32> {dl.constant}, %out: tensor<24x96xf32>) -> tensor<24x96xf32> attributes {dl.kernel} {
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
  return %mm : tensor<24x96xf32>
}
{-# dialect_resources: { builtin: { w: "0x0400000000000000" } } #-}
