// RUN: dl-opt %s -cpu-generate-kernels -split-input-file | FileCheck %s

// A residual is read where the result is written: the result may take its memory.
// Not that of the product's operand, which other rows still read.

// CHECK-LABEL: func.func private @residual
// CHECK-SAME: dl.in_place = array<i64: 2>
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func private @residual(%x: tensor<8x8xf32>, %w: tensor<8x8xf32> {dl.constant}, %r: tensor<8x8xf32>, %out: tensor<8x8xf32>) -> tensor<8x8xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x8xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %p = linalg.matmul ins(%x, %w : tensor<8x8xf32>, tensor<8x8xf32>) outs(%init : tensor<8x8xf32>) -> tensor<8x8xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%p, %r : tensor<8x8xf32>, tensor<8x8xf32>) outs(%out : tensor<8x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<8x8xf32>
  return %0 : tensor<8x8xf32>
}

// -----

// Read at another position, or reduced, or of another type: no memory is shared.

// CHECK-LABEL: func.func private @elsewhere
// CHECK-NOT: dl.in_place
#id = affine_map<(d0, d1) -> (d0, d1)>
#turned = affine_map<(d0, d1) -> (d1, d0)>
#row = affine_map<(d0, d1) -> (d0)>
func.func private @elsewhere(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>, %z: tensor<8x8xi32>, %out: tensor<8x8xf32>) -> tensor<8x8xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%y : tensor<8x8xf32>) outs(%init : tensor<8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %a, %o : f32
    linalg.yield %s : f32
  } -> tensor<8xf32>
  %0 = linalg.generic {indexing_maps = [#turned, #row, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum, %z : tensor<8x8xf32>, tensor<8xf32>, tensor<8x8xi32>) outs(%out : tensor<8x8xf32>) {
  ^bb0(%a: f32, %b: f32, %c: i32, %o: f32):
    %f = arith.sitofp %c : i32 to f32
    %s = arith.addf %a, %b : f32
    %t = arith.addf %s, %f : f32
    linalg.yield %t : f32
  } -> tensor<8x8xf32>
  return %0 : tensor<8x8xf32>
}
