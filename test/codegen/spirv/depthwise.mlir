// RUN: dl-opt %s -spirv-generate-kernels=busy-invocations=1 -canonicalize -cse | FileCheck %s
// RUN: dl-opt %s -spirv-generate-kernels -canonicalize | FileCheck %s --check-prefix=FEW

// An invocation computes four neighbouring channels of a depthwise convolution at
// four pixels: of the image, it reads six vectors of each row, of the filter nine, of
// the bias one, and four it writes. SpirvVectorsTest.cpp runs this.

// CHECK: [[BLOCKS:#.*]] = affine_map<() -> (27)>
// CHECK: [[ELEMENTS:#.*]] = affine_map<() -> (48)>
// CHECK: func.func private @depthwise({{.*}}elements = [[BLOCKS]]
// CHECK: func.func private @rest({{.*}}elements = [[ELEMENTS]]
// CHECK: gpu.func @depthwise.0(%arg0: memref<?xvector<4xf32>, {{.*}}, %arg1: memref<?xvector<4xf32>, {{.*}}, %arg2: memref<?xvector<4xf32>, {{.*}}, %arg3: memref<?xvector<4xf32>,
// CHECK-COUNT-28: memref.load {{.*}} : memref<?xvector<4xf32>,
// CHECK-NOT: memref.load
// CHECK-COUNT-4: memref.store {{.*}}, %arg3[{{.*}}] : memref<?xvector<4xf32>,
// CHECK-NOT: memref.store

// Six columns are no whole vectors.
// CHECK: gpu.func @rest.0
// CHECK-NOT: vector<

// Where so few invocations would leave processors idle, each computes one element.
// FEW: elements = #map,
// FEW-NOT: vector<

func.func private @depthwise(%x: tensor<3x10x12xf32>, %w: tensor<3x3x12xf32>, %b: tensor<12xf32>, %out: tensor<3x10x12xf32>) -> tensor<3x10x12xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %border = arith.constant 0.5 : f32
  %padded = tensor.pad %x low[1, 1, 0] high[1, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index):
    tensor.yield %border : f32
  } : tensor<3x10x12xf32> to tensor<5x12x12xf32>
  %e = tensor.empty() : tensor<3x10x12xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<3x10x12xf32>) -> tensor<3x10x12xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(h, w, c, i, j) -> (h + i, w + j, c)>,
        affine_map<(h, w, c, i, j) -> (i, j, c)>, affine_map<(h, w, c, i, j) -> (h, w, c)>],
      iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%padded, %w : tensor<5x12x12xf32>, tensor<3x3x12xf32>) outs(%init : tensor<3x10x12xf32>) {
  ^bb0(%p: f32, %q: f32, %acc: f32):
    %r = arith.mulf %p, %q : f32
    %s = arith.addf %acc, %r : f32
    linalg.yield %s : f32
  } -> tensor<3x10x12xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(h, w, c) -> (h, w, c)>, affine_map<(h, w, c) -> (c)>, affine_map<(h, w, c) -> (h, w, c)>],
      iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%0, %b : tensor<3x10x12xf32>, tensor<12xf32>) outs(%out : tensor<3x10x12xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %s = arith.addf %p, %q : f32
    %r = arith.maximumf %s, %zero : f32
    linalg.yield %r : f32
  } -> tensor<3x10x12xf32>
  return %1 : tensor<3x10x12xf32>
}

func.func private @rest(%x: tensor<8x6xf32>, %out: tensor<8x6xf32>) -> tensor<8x6xf32> attributes {dl.kernel} {
  %0 = linalg.generic {indexing_maps = [affine_map<(h, c) -> (h, c)>, affine_map<(h, c) -> (h, c)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<8x6xf32>) outs(%out : tensor<8x6xf32>) {
  ^bb0(%p: f32, %o: f32):
    %s = arith.addf %p, %p : f32
    linalg.yield %s : f32
  } -> tensor<8x6xf32>
  return %0 : tensor<8x6xf32>
}
