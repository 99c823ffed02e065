// A schedule and kernels written by hand, all the way to results. The module runs at
// several sizes of its dynamic dimension.

// RUN: rm -rf %t && mkdir %t
// RUN: dl-compile %s -o %t/m.dlm
// RUN: dl-run %t/m.dlm --check
// RUN: dl-run %t/m.dlm --info | FileCheck %s
// RUN: %python %S/Inputs/schedule.py dl-run %t/m.dlm %t

// CHECK: entry: main
// CHECK: input 0: x: float32 [B, 3]
// CHECK: output 1: z: float32 [B * 4]

func.func @main(%x: tensor<?x3xf32, #dl.dims<()[s0] -> (s0, 3)>>, %h: tensor<4xf32>)
    -> (tensor<?x4xf32, #dl.dims<()[s0] -> (s0, 4)>>, tensor<?xf32, #dl.dims<()[s0] -> (s0 * 4)>>,
        tensor<4xf32>, tensor<?x4xf32, #dl.dims<()[s0] -> (s0, 4)>>)
    attributes {dl.symbols = ["B"], dl.input_names = ["x", "h"], dl.output_names = ["y", "z", "last", "states"]} {
  %w = dl.constant dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0], [9.0, 10.0, 11.0, 12.0]]> : tensor<3x4xf32>
  %0 = dl.dispatch @matmul(%x, %w) sizes affine_map<() -> ()> : (tensor<?x3xf32, #dl.dims<()[s0] -> (s0, 3)>>, tensor<3x4xf32>) -> tensor<?x4xf32, #dl.dims<()[s0] -> (s0, 4)>>
  %1 = dl.dispatch @relu(%0) sizes affine_map<() -> ()> : (tensor<?x4xf32, #dl.dims<()[s0] -> (s0, 4)>>) -> tensor<?x4xf32, #dl.dims<()[s0] -> (s0, 4)>>
  %2 = dl.reshape %1 : (tensor<?x4xf32, #dl.dims<()[s0] -> (s0, 4)>>) -> tensor<?xf32, #dl.dims<()[s0] -> (s0 * 4)>>
  %last, %states = dl.scan states(%h) inputs(%0) {
  ^bb0(%s: tensor<4xf32>, %e: tensor<4xf32>):
    %n = dl.dispatch @add(%s, %e) sizes affine_map<() -> ()> : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    dl.yield %n, %n : tensor<4xf32>, tensor<4xf32>
  } : (tensor<4xf32>, tensor<?x4xf32, #dl.dims<()[s0] -> (s0, 4)>>) -> (tensor<4xf32>, tensor<?x4xf32, #dl.dims<()[s0] -> (s0, 4)>>)
  return %0, %2, %last, %states : tensor<?x4xf32, #dl.dims<()[s0] -> (s0, 4)>>, tensor<?xf32, #dl.dims<()[s0] -> (s0 * 4)>>, tensor<4xf32>, tensor<?x4xf32, #dl.dims<()[s0] -> (s0, 4)>>
}

func.func private @matmul(%a: tensor<?x3xf32>, %b: tensor<3x4xf32> {dl.constant}, %c: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%c : tensor<?x4xf32>) -> tensor<?x4xf32>
  %r = linalg.matmul ins(%a, %b : tensor<?x3xf32>, tensor<3x4xf32>) outs(%f : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %r : tensor<?x4xf32>
}

func.func private @relu(%a: tensor<?x4xf32>, %c: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {dl.kernel} {
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%a : tensor<?x4xf32>) outs(%c : tensor<?x4xf32>) {
  ^bb0(%e: f32, %o: f32):
    %one = arith.constant 1.0 : f32
    %m = arith.maximumf %e, %one : f32
    linalg.yield %m : f32
  } -> tensor<?x4xf32>
  return %r : tensor<?x4xf32>
}

func.func private @add(%a: tensor<4xf32>, %b: tensor<4xf32>, %c: tensor<4xf32>) -> tensor<4xf32> attributes {dl.kernel} {
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%a, %b : tensor<4xf32>, tensor<4xf32>) outs(%c : tensor<4xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  return %r : tensor<4xf32>
}
