// A kernel that loads 16 bytes at a time is given buffers that begin at multiples of 16:
// a view that does not is copied first, by the runtime.

// RUN: dl-compile %s --target=cuda -o %t.dlm --verbose 2>&1 | FileCheck %s
// CHECK: entry main: 2 dispatches, 0 host calls, 1 copies
#left = affine_map<(d0, d1, d2) -> (d0, d2)>
#right = affine_map<(d0, d1, d2) -> (d2, d1)>
#result = affine_map<(d0, d1, d2) -> (d0, d1)>
func.func @main(%a: tensor<16387xbf16>, %b: tensor<256x384xbf16>) -> (tensor<64x384xf32>, tensor<64x384xf32>) {
  %0 = dl.slice %a {offsets = affine_map<() -> (3)>, strides = array<i64: 1>} : (tensor<16387xbf16>) -> tensor<16384xbf16>
  %1 = dl.reshape %0 : (tensor<16384xbf16>) -> tensor<64x256xbf16>
  %2 = dl.dispatch @product(%1, %b) sizes affine_map<() -> ()> : (tensor<64x256xbf16>, tensor<256x384xbf16>) -> tensor<64x384xf32>
  %3 = dl.slice %a {offsets = affine_map<() -> (0)>, strides = array<i64: 1>} : (tensor<16387xbf16>) -> tensor<16384xbf16>
  %4 = dl.reshape %3 : (tensor<16384xbf16>) -> tensor<64x256xbf16>
  %5 = dl.dispatch @product(%4, %b) sizes affine_map<() -> ()> : (tensor<64x256xbf16>, tensor<256x384xbf16>) -> tensor<64x384xf32>
  return %2, %5 : tensor<64x384xf32>, tensor<64x384xf32>
}
func.func private @product(%a: tensor<64x256xbf16>, %b: tensor<256x384xbf16>, %c: tensor<64x384xf32>) -> tensor<64x384xf32> attributes {dl.kernel} {
  %zero = arith.constant 0.0 : f32
  %0 = linalg.fill ins(%zero : f32) outs(%c : tensor<64x384xf32>) -> tensor<64x384xf32>
  %1 = linalg.generic {indexing_maps = [#left, #right, #result], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : tensor<64x256xbf16>, tensor<256x384xbf16>) outs(%0 : tensor<64x384xf32>) {
  ^bb0(%x: bf16, %y: bf16, %sum: f32):
    %2 = arith.extf %x : bf16 to f32
    %3 = arith.extf %y : bf16 to f32
    %4 = arith.mulf %2, %3 : f32
    %5 = arith.addf %sum, %4 : f32
    linalg.yield %5 : f32
  } -> tensor<64x384xf32>
  return %1 : tensor<64x384xf32>
}
