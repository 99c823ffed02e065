// RUN: dl-opt %s -cpu-generate-kernels -split-input-file | FileCheck %s
// RUN: dl-opt %s -cpu-generate-kernels -split-input-file | FileCheck %s --check-prefix=SIZE

// 3 x 3 taps over many channels: the filter comes transformed, in panels; a band's
// inputs are transformed into scratch, and only what touches the border is checked.
// The work that reports see is that of the direct convolution, 2 * 28 * 28 * 64 * 64 * 9,
// and of what follows it, 28 * 28 * 64.

// CHECK: #[[FLOPS:.*]] = affine_map<() -> (57852928)>
// CHECK-LABEL: func.func @main
// CHECK: %[[U:.*]] = dl.winograd_filter %{{.*}} : (tensor<3x3x64x64xf32>) -> tensor<6x6x64x64xf32>
// CHECK: dl.pack %[[U]] {inner_dims = array<i64: 3>, inner_tiles = array<i64: [[LANES:[0-9]+]]>, outer_perm = array<i64: 3, 0, 1, 2>}
// CHECK-LABEL: func.func private @conv
// CHECK-SAME: dl.flops = #[[FLOPS]], dl.generator = "winograd", {{.*}}dl.products = "f32"
// CHECK: scf.if
// CHECK: scf.for {{.*}} to %c6
// CHECK: vector.store
// CHECK: } else {
// CHECK: scf.for {{.*}} to %c6
// CHECK: arith.select
// CHECK: vector.fma
// CHECK: arith.maximumf

// Tiles are transformed column by column, then row by row, in loops; what follows is
// there once, for whole vectors of channels.

// SIZE-LABEL: func.func private @conv
// SIZE-COUNT-24: vector.store
// SIZE-NOT: vector.create_mask
// SIZE: arith.maximumf
// SIZE-NOT: arith.maximumf
// SIZE: return
#image = affine_map<(n, h, w, m, i, j, c) -> (n, h + i, w + j, c)>
#filter = affine_map<(n, h, w, m, i, j, c) -> (i, j, c, m)>
#result = affine_map<(n, h, w, m, i, j, c) -> (n, h, w, m)>
#id = affine_map<(n, h, w, m) -> (n, h, w, m)>
func.func @main(%x: tensor<1x28x28x64xf32>) -> tensor<1x28x28x64xf32> {
  %f = dl.constant dense_resource<f> : tensor<3x3x64x64xf32>
  %0 = dl.dispatch @conv(%x, %f) sizes affine_map<() -> ()> : (tensor<1x28x28x64xf32>, tensor<3x3x64x64xf32>) -> tensor<1x28x28x64xf32>
  return %0 : tensor<1x28x28x64xf32>
}
func.func private @conv(%x: tensor<1x28x28x64xf32>, %f: tensor<3x3x64x64xf32> {dl.constant}, %out: tensor<1x28x28x64xf32>) -> tensor<1x28x28x64xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %p = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f32
  } : tensor<1x28x28x64xf32> to tensor<1x30x30x64xf32>
  %e = tensor.empty() : tensor<1x28x28x64xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x28x28x64xf32>) -> tensor<1x28x28x64xf32>
  %r = linalg.generic {indexing_maps = [#image, #filter, #result],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%p, %f : tensor<1x30x30x64xf32>, tensor<3x3x64x64xf32>) outs(%init : tensor<1x28x28x64xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<1x28x28x64xf32>
  %q = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%r : tensor<1x28x28x64xf32>) outs(%out : tensor<1x28x28x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.maximumf %a, %zero : f32
    linalg.yield %m : f32
  } -> tensor<1x28x28x64xf32>
  return %q : tensor<1x28x28x64xf32>
}
{-# dialect_resources: { builtin: { f: "0x0400000000000000" } } #-}
