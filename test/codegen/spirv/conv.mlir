// RUN: dl-opt %s -spirv-generate-kernels | FileCheck %s

// A convolution with a border, stride 2, residual and rectifier: one stage that
// stores its result alone; the border is never in memory. SpirvTest.cpp runs it.

// CHECK: func.func private @conv
// CHECK-SAME: entry = "conv.0", iterations = {{#[a-z0-9]+}}, workgroup = 64 : i64}]
// CHECK-SAME: dl.temporaries = []
// CHECK: gpu.func @conv.0
// CHECK-NOT: memref.store
// CHECK: math.fma
// CHECK: arith.maximumf
// CHECK-NEXT: {{(.*arith.*[[:space:]]+)*}}memref.store {{.*}}, %arg4
// CHECK-NOT: memref.store {{.*}}, %arg{{[0-35-9]}}[
#id = affine_map<(n, o, y, x) -> (n, o, y, x)>
func.func private @conv(%x: tensor<?x3x?x9xf32>, %w: tensor<5x3x3x3xf32>, %b: tensor<5xf32>, %skip: tensor<?x5x?x5xf32>, %out: tensor<?x5x?x5xf32>) -> tensor<?x5x?x5xf32> attributes {dl.kernel} {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %skip, %c0 : tensor<?x5x?x5xf32>
  %h = tensor.dim %skip, %c2 : tensor<?x5x?x5xf32>
  %padded = tensor.pad %x low[0, 0, 1, 1] high[0, 0, 1, 1] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : f32
  } : tensor<?x3x?x9xf32> to tensor<?x3x?x11xf32>
  %e = tensor.empty(%n, %h) : tensor<?x5x?x5xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<?x5x?x5xf32>) -> tensor<?x5x?x5xf32>
  %sum = linalg.generic {indexing_maps = [
        affine_map<(n, o, y, x, c, ky, kx) -> (n, c, 2 * y + ky, 2 * x + kx)>,
        affine_map<(n, o, y, x, c, ky, kx) -> (o, c, ky, kx)>,
        affine_map<(n, o, y, x, c, ky, kx) -> (n, o, y, x)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%padded, %w : tensor<?x3x?x11xf32>, tensor<5x3x3x3xf32>) outs(%init : tensor<?x5x?x5xf32>) {
  ^bb0(%a: f32, %c: f32, %acc: f32):
    %p = arith.mulf %a, %c : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x5x?x5xf32>
  %y = linalg.generic {indexing_maps = [#id, affine_map<(n, o, y, x) -> (o)>, #id, #id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%sum, %b, %skip : tensor<?x5x?x5xf32>, tensor<5xf32>, tensor<?x5x?x5xf32>) outs(%out : tensor<?x5x?x5xf32>) {
  ^bb0(%a: f32, %c: f32, %r: f32, %o: f32):
    %s = arith.addf %a, %c : f32
    %t = arith.addf %s, %r : f32
    %u = arith.maximumf %t, %zero : f32
    linalg.yield %u : f32
  } -> tensor<?x5x?x5xf32>
  return %y : tensor<?x5x?x5xf32>
}
