// RUN: dl-opt --run-reference %s -o /dev/null | FileCheck %s

// CHECK: reduce: dense<[6, 15]> : tensor<2xi32>
// CHECK{LITERAL}: reduce: dense<[[4, 10, 18]]> : tensor<1x3xi32>
// CHECK: reduce: dense<6> : tensor<i32>
// CHECK: reduce: dense<[1, 2, 3]> : tensor<3xi32>
func.func @reduce() -> (tensor<2xi32>, tensor<1x3xi32>, tensor<i32>, tensor<3xi32>) {
  %x = dl.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>
  %s = dl.reduce sum, %x {axes = array<i64: 1>} : (tensor<2x3xi32>) -> tensor<2xi32>
  %p = dl.reduce prod, %x {axes = array<i64: 0>, keepdims = true} : (tensor<2x3xi32>) -> tensor<1x3xi32>
  %a = dl.reduce max, %x {axes = array<i64: 0, 1>} : (tensor<2x3xi32>) -> tensor<i32>
  %i = dl.reduce min, %x {axes = array<i64: 0>} : (tensor<2x3xi32>) -> tensor<3xi32>
  return %s, %p, %a, %i : tensor<2xi32>, tensor<1x3xi32>, tensor<i32>, tensor<3xi32>
}

// CHECK: reduce_empty: dense<0.000000e+00> : tensor<1xf32>
// CHECK: reduce_empty: dense<1.000000e+00> : tensor<1xf32>
// CHECK: reduce_empty: dense<0xFF800000> : tensor<1xf32>
// CHECK: reduce_empty: dense<0x7F800000> : tensor<1xf32>
// CHECK: reduce_empty: dense<-128> : tensor<i8>
// CHECK: reduce_empty: dense<255> : tensor<ui8>
func.func @reduce_empty() -> (tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<i8>, tensor<ui8>) {
  %x = dl.constant dense<> : tensor<1x0xf32>
  %i = dl.constant dense<> : tensor<0xi8>
  %u = dl.constant dense<> : tensor<0xui8>
  %0 = dl.reduce sum, %x {axes = array<i64: 1>} : (tensor<1x0xf32>) -> tensor<1xf32>
  %1 = dl.reduce prod, %x {axes = array<i64: 1>} : (tensor<1x0xf32>) -> tensor<1xf32>
  %2 = dl.reduce max, %x {axes = array<i64: 1>} : (tensor<1x0xf32>) -> tensor<1xf32>
  %3 = dl.reduce min, %x {axes = array<i64: 1>} : (tensor<1x0xf32>) -> tensor<1xf32>
  %4 = dl.reduce max, %i {axes = array<i64: 0>} : (tensor<0xi8>) -> tensor<i8>
  %5 = dl.reduce min, %u {axes = array<i64: 0>} : (tensor<0xui8>) -> tensor<ui8>
  return %0, %1, %2, %3, %4, %5 : tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<i8>, tensor<ui8>
}

// CHECK: reduce_nan: dense<0x7FC00000> : tensor<f32>
func.func @reduce_nan() -> tensor<f32> {
  %x = dl.constant dense<[1.0, 0x7FC00000, 3.0]> : tensor<3xf32>
  %r = dl.reduce max, %x {axes = array<i64: 0>} : (tensor<3xf32>) -> tensor<f32>
  return %r : tensor<f32>
}

// Added one by one in f32, small elements would be lost.
// CHECK: reduce_exact: dense<0x4B800001> : tensor<f32>
func.func @reduce_exact() -> tensor<f32> {
  %x = dl.constant dense<[16777216.0, 1.0, 1.0]> : tensor<3xf32>
  %r = dl.reduce sum, %x {axes = array<i64: 0>} : (tensor<3xf32>) -> tensor<f32>
  return %r : tensor<f32>
}

// CHECK{LITERAL}: softmax: dense<[[5.000000e-01, 2.500000e-01], [5.000000e-01, 7.500000e-01]]> : tensor<2x2xf32>
// CHECK: softmax: dense<[-1.09861231, -0.405465096]> : tensor<2xf32>
// CHECK: softmax: dense<[1.000000e+00, 0.000000e+00]> : tensor<2xf32>
func.func @softmax() -> (tensor<2x2xf32>, tensor<2xf32>, tensor<2xf32>) {
  %x = dl.constant dense<[[7.0, 0.0], [7.0, 1.0986123]]> : tensor<2x2xf32>
  %y = dl.constant dense<[0.0, 0.6931472]> : tensor<2xf32>
  %z = dl.constant dense<[0.0, 0xFF800000]> : tensor<2xf32>
  %a = dl.softmax %x {axis = 0 : i64} : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %b = dl.softmax %y {axis = 0 : i64, log = true} : (tensor<2xf32>) -> tensor<2xf32>
  %c = dl.softmax %z {axis = 0 : i64} : (tensor<2xf32>) -> tensor<2xf32>
  return %a, %b, %c : tensor<2x2xf32>, tensor<2xf32>, tensor<2xf32>
}

// CHECK: cumsum: dense<[1, 3, 6]> : tensor<3xi32>
// CHECK: cumsum: dense<[0, 1, 3]> : tensor<3xi32>
// CHECK: cumsum: dense<[6, 5, 3]> : tensor<3xi32>
// CHECK: cumsum: dense<[5, 3, 0]> : tensor<3xi32>
// CHECK{LITERAL}: cumsum: dense<[[1.000000e+00, 2.000000e+00], [4.000000e+00, 6.000000e+00]]> : tensor<2x2xf32>
func.func @cumsum() -> (tensor<3xi32>, tensor<3xi32>, tensor<3xi32>, tensor<3xi32>, tensor<2x2xf32>) {
  %x = dl.constant dense<[1, 2, 3]> : tensor<3xi32>
  %m = dl.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %a = dl.cumsum %x {axis = 0 : i64} : (tensor<3xi32>) -> tensor<3xi32>
  %b = dl.cumsum %x {axis = 0 : i64, exclusive = true} : (tensor<3xi32>) -> tensor<3xi32>
  %c = dl.cumsum %x {axis = 0 : i64, reverse = true} : (tensor<3xi32>) -> tensor<3xi32>
  %d = dl.cumsum %x {axis = 0 : i64, exclusive = true, reverse = true} : (tensor<3xi32>) -> tensor<3xi32>
  %e = dl.cumsum %m {axis = 0 : i64} : (tensor<2x2xf32>) -> tensor<2x2xf32>
  return %a, %b, %c, %d, %e : tensor<3xi32>, tensor<3xi32>, tensor<3xi32>, tensor<3xi32>, tensor<2x2xf32>
}

// CHECK: arg_reduce: dense<[1, 0]> : tensor<2xi64>
// CHECK{LITERAL}: arg_reduce: dense<[[2], [0]]> : tensor<2x1xi64>
// CHECK: arg_reduce: dense<[0, 1, 1]> : tensor<3xi64>
// CHECK: arg_reduce: dense<1> : tensor<i64>
func.func @arg_reduce() -> (tensor<2xi64>, tensor<2x1xi64>, tensor<3xi64>, tensor<i64>) {
  %x = dl.constant dense<[[1, 5, 5], [4, 2, 3]]> : tensor<2x3xi32>
  %n = dl.constant dense<[1.0, 0x7FC00000, 9.0]> : tensor<3xf32>
  %a = dl.arg_reduce max, %x {axis = 1 : i64} : (tensor<2x3xi32>) -> tensor<2xi64>
  %b = dl.arg_reduce max, %x {axis = 1 : i64, keepdims = true, select_last = true} : (tensor<2x3xi32>) -> tensor<2x1xi64>
  %c = dl.arg_reduce min, %x {axis = 0 : i64} : (tensor<2x3xi32>) -> tensor<3xi64>
  %d = dl.arg_reduce max, %n {axis = 0 : i64} : (tensor<3xf32>) -> tensor<i64>
  return %a, %b, %c, %d : tensor<2xi64>, tensor<2x1xi64>, tensor<3xi64>, tensor<i64>
}

// CHECK{LITERAL}: topk: dense<[[9, 7], [8, 8]]> : tensor<2x2xi32>
// CHECK{LITERAL}: topk: dense<[[1, 2], [0, 2]]> : tensor<2x2xi64>
// CHECK{LITERAL}: topk: dense<[[3, 1, 7]]> : tensor<1x3xi32>
// CHECK{LITERAL}: topk: dense<[[0, 1, 0]]> : tensor<1x3xi64>
func.func @topk() -> (tensor<2x2xi32>, tensor<2x2xi64>, tensor<1x3xi32>, tensor<1x3xi64>) {
  %x = dl.constant dense<[[3, 9, 7], [8, 1, 8]]> : tensor<2x3xi32>
  %v, %i = dl.topk %x {axis = 1 : i64} : (tensor<2x3xi32>) -> (tensor<2x2xi32>, tensor<2x2xi64>)
  %w, %j = dl.topk %x {axis = 0 : i64, largest = false} : (tensor<2x3xi32>) -> (tensor<1x3xi32>, tensor<1x3xi64>)
  return %v, %i, %w, %j : tensor<2x2xi32>, tensor<2x2xi64>, tensor<1x3xi32>, tensor<1x3xi64>
}

// CHECK{LITERAL}: window_reduce: dense<[[5, 7], [9, 1]]> : tensor<2x2xi32>
// CHECK{LITERAL}: window_reduce: dense<[[4, 6, 10]]> : tensor<1x3xi32>
func.func @window_reduce() -> (tensor<2x2xi32>, tensor<1x3xi32>) {
  %x = dl.constant dense<[[1, 2, 3, 4, 7], [5, 0, 0, 0, 0], [3, 9, 9, 1, 1], [1, 1, 1, 1, 1]]> : tensor<4x5xi32>
  %y = dl.constant dense<[[1, 2, 3, 4, 7]]> : tensor<1x5xi32>
  %a = dl.window_reduce max, %x {window = array<i64: 2, 2>, strides = array<i64: 2, 3>, dilations = array<i64: 1, 1>} : (tensor<4x5xi32>) -> tensor<2x2xi32>
  %b = dl.window_reduce sum, %y {window = array<i64: 2>, strides = array<i64: 1>, dilations = array<i64: 2>} : (tensor<1x5xi32>) -> tensor<1x3xi32>
  return %a, %b : tensor<2x2xi32>, tensor<1x3xi32>
}
