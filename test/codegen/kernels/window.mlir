// RUN: dl-opt %s -cpu-generate-kernels -split-input-file | FileCheck %s
// RUN: dl-opt %s -cpu-generate-kernels -split-input-file | FileCheck %s --check-prefix=SIZE

// A depthwise convolution, channels last: four positions side by side where the
// windows lie inside of the border, one by one with checks elsewhere. Nothing is
// gathered.

// CHECK-LABEL: func.func private @depthwise
// CHECK-NOT: vector.gather
// CHECK: scf.if
// CHECK: scf.for {{.*}} step %c16
// CHECK-COUNT-36: arith.mulf {{.*}} : vector<16xf32>
// CHECK: vector.store
// CHECK: } else {
// CHECK: arith.select
// CHECK-NOT: vector.gather
// CHECK: return

// Each constant is there once, at the start; channels that fill vectors have no masks.
// SIZE-LABEL: func.func private @depthwise
// SIZE: scf.for
// SIZE-NOT: arith.constant {{.*}} : index
// SIZE-NOT: vector.create_mask
// SIZE: return
#window = affine_map<(n, h, w, c, i, j) -> (n, h + i, w + j, c)>
#filter = affine_map<(n, h, w, c, i, j) -> (i, j, c)>
#out = affine_map<(n, h, w, c, i, j) -> (n, h, w, c)>
func.func private @depthwise(%x: tensor<1x40x40x32xf32>, %f: tensor<3x3x32xf32> {dl.constant}, %out: tensor<1x40x40x32xf32>) -> tensor<1x40x40x32xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %p = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f32
  } : tensor<1x40x40x32xf32> to tensor<1x42x42x32xf32>
  %init = linalg.fill ins(%zero : f32) outs(%out : tensor<1x40x40x32xf32>) -> tensor<1x40x40x32xf32>
  %r = linalg.generic {indexing_maps = [#window, #filter, #out],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%p, %f : tensor<1x42x42x32xf32>, tensor<3x3x32xf32>) outs(%init : tensor<1x40x40x32xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<1x40x40x32xf32>
  return %r : tensor<1x40x40x32xf32>
}
