// RUN: dl-opt %s -spirv-generate-kernels=busy-invocations=1 -canonicalize | FileCheck %s

// Sums that read vectors: along a row that is too long for one stage, the lanes are parts of
// one sum; across columns, each is a sum of its own, and all are stored together.
// SpirvVectorsTest.cpp runs such.

// CHECK: gpu.func @along.0({{.*}}memref<?xvector<4xf32>,
// CHECK: memref.alloc() : memref<64xf32,
// CHECK: gpu.func @across.0(%arg0: memref<?xvector<4xf32>, {{.*}}, %arg1: memref<?xvector<4xf32>,
// CHECK: memref.alloc() : memref<256xf32,

// Bytes that hold two numbers of four bits each are read by fours.
// CHECK: gpu.func @nibbles.0({{.*}}memref<?xi32,
func.func private @along(%x: tensor<6x5242880xf32>, %out: tensor<6xf32>) -> tensor<6xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%out : tensor<6xf32>) -> tensor<6xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<6x5242880xf32>) outs(%init : tensor<6xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %s = arith.addf %acc, %a : f32
    linalg.yield %s : f32
  } -> tensor<6xf32>
  return %0 : tensor<6xf32>
}

func.func private @across(%x: tensor<256x8xf32>, %out: tensor<8xf32>) -> tensor<8xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%out : tensor<8xf32>) -> tensor<8xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<256x8xf32>) outs(%init : tensor<8xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %s = arith.addf %acc, %a : f32
    linalg.yield %s : f32
  } -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

func.func private @nibbles(%x: tensor<1x256xf32>, %w: tensor<5x8x16xi8>, %out: tensor<1x5xf32>) -> tensor<1x5xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%out : tensor<1x5xf32>) -> tensor<1x5xf32>
  %pair = tensor.empty() : tensor<2xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(m, n, b, i, h) -> (m, b * 32 + i * 2 + h)>, affine_map<(m, n, b, i, h) -> (n, b, i)>,
        affine_map<(m, n, b, i, h) -> (h)>, affine_map<(m, n, b, i, h) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w, %pair : tensor<1x256xf32>, tensor<5x8x16xi8>, tensor<2xf32>) outs(%init : tensor<1x5xf32>) {
  ^bb0(%a: f32, %byte: i8, %unused: f32, %acc: f32):
    %c4 = arith.constant 4 : i32
    %c15 = arith.constant 15 : i32
    %wide = arith.extui %byte : i8 to i32
    %half = linalg.index 4 : index
    %number = arith.index_cast %half : index to i32
    %by = arith.muli %number, %c4 : i32
    %moved = arith.shrui %wide, %by : i32
    %bits = arith.andi %moved, %c15 : i32
    %f = arith.sitofp %bits : i32 to f32
    %p = arith.mulf %a, %f : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x5xf32>
  return %0 : tensor<1x5xf32>
}
