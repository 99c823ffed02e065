// RUN: dl-opt --run-reference %s -o /dev/null | FileCheck %s

// Negative indices count from the end.
// CHECK{LITERAL}: gather: dense<[[[2, 1], [1, 3]], [[5, 4], [4, 6]]]> : tensor<2x2x2xi32>
func.func @gather() -> tensor<2x2x2xi32> {
  %x = dl.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>
  %i = dl.constant dense<[[1, 0], [-3, 2]]> : tensor<2x2xi64>
  %r = dl.gather %x, %i {axis = 1 : i64} : (tensor<2x3xi32>, tensor<2x2xi64>) -> tensor<2x2x2xi32>
  return %r : tensor<2x2x2xi32>
}

// CHECK{LITERAL}: gather_elements: dense<[[3, 1], [4, 6]]> : tensor<2x2xi32>
func.func @gather_elements() -> tensor<2x2xi32> {
  %x = dl.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>
  %i = dl.constant dense<[[2, 0], [0, -1]]> : tensor<2x2xi32>
  %r = dl.gather_elements %x, %i {axis = 1 : i64} : (tensor<2x3xi32>, tensor<2x2xi32>) -> tensor<2x2xi32>
  return %r : tensor<2x2xi32>
}

// CHECK{LITERAL}: gather_nd: dense<[6, 1]> : tensor<2xi32>
// CHECK{LITERAL}: gather_nd: dense<[[4, 5, 6]]> : tensor<1x3xi32>
// CHECK{LITERAL}: gather_nd: dense<[2, 6]> : tensor<2xi32>
func.func @gather_nd() -> (tensor<2xi32>, tensor<1x3xi32>, tensor<2xi32>) {
  %x = dl.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>
  %pairs = dl.constant dense<[[1, 2], [0, -3]]> : tensor<2x2xi64>
  %one = dl.constant dense<[[1]]> : tensor<1x1xi64>
  %batch = dl.constant dense<[[1], [2]]> : tensor<2x1xi64>
  %a = dl.gather_nd %x, %pairs : (tensor<2x3xi32>, tensor<2x2xi64>) -> tensor<2xi32>
  %b = dl.gather_nd %x, %one : (tensor<2x3xi32>, tensor<1x1xi64>) -> tensor<1x3xi32>
  %c = dl.gather_nd %x, %batch {batch_dims = 1 : i64} : (tensor<2x3xi32>, tensor<2x1xi64>) -> tensor<2xi32>
  return %a, %b, %c : tensor<2xi32>, tensor<1x3xi32>, tensor<2xi32>
}

// An index out of range drops its update; equal indices are combined in order.
// CHECK: scatter_elements: dense<[1, 30, 3]> : tensor<3xi32>
// CHECK: scatter_elements: dense<[1, 52, 3]> : tensor<3xi32>
// CHECK: scatter_elements: dense<[1, 1200, 3]> : tensor<3xi32>
// CHECK: scatter_elements: dense<[1, 30, 3]> : tensor<3xi32>
// CHECK: scatter_elements: dense<[1, 2, 3]> : tensor<3xi32>
func.func @scatter_elements() -> (tensor<3xi32>, tensor<3xi32>, tensor<3xi32>, tensor<3xi32>, tensor<3xi32>) {
  %x = dl.constant dense<[1, 2, 3]> : tensor<3xi32>
  %i = dl.constant dense<[1, 7, -2]> : tensor<3xi64>
  %u = dl.constant dense<[20, 9, 30]> : tensor<3xi32>
  %set = dl.scatter_elements set, %x, %i, %u {axis = 0 : i64} : (tensor<3xi32>, tensor<3xi64>, tensor<3xi32>) -> tensor<3xi32>
  %add = dl.scatter_elements add, %x, %i, %u {axis = 0 : i64} : (tensor<3xi32>, tensor<3xi64>, tensor<3xi32>) -> tensor<3xi32>
  %mul = dl.scatter_elements mul, %x, %i, %u {axis = 0 : i64} : (tensor<3xi32>, tensor<3xi64>, tensor<3xi32>) -> tensor<3xi32>
  %max = dl.scatter_elements max, %x, %i, %u {axis = 0 : i64} : (tensor<3xi32>, tensor<3xi64>, tensor<3xi32>) -> tensor<3xi32>
  %min = dl.scatter_elements min, %x, %i, %u {axis = 0 : i64} : (tensor<3xi32>, tensor<3xi64>, tensor<3xi32>) -> tensor<3xi32>
  return %set, %add, %mul, %max, %min : tensor<3xi32>, tensor<3xi32>, tensor<3xi32>, tensor<3xi32>, tensor<3xi32>
}

// CHECK{LITERAL}: scatter_axis: dense<[[9, 2], [3, 8]]> : tensor<2x2xi32>
func.func @scatter_axis() -> tensor<2x2xi32> {
  %x = dl.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi32>
  %i = dl.constant dense<[[0], [1]]> : tensor<2x1xi64>
  %u = dl.constant dense<[[9], [8]]> : tensor<2x1xi32>
  %r = dl.scatter_elements set, %x, %i, %u {axis = 1 : i64} : (tensor<2x2xi32>, tensor<2x1xi64>, tensor<2x1xi32>) -> tensor<2x2xi32>
  return %r : tensor<2x2xi32>
}

// CHECK{LITERAL}: scatter_nd: dense<[[1.000000e+00, 2.000000e+00], [7.000000e+00, 8.000000e+00]]> : tensor<2x2xf32>
// CHECK{LITERAL}: scatter_nd: dense<[[1.000000e+00, 7.000000e+00], [3.000000e+00, 4.000000e+00]]> : tensor<2x2xf32>
func.func @scatter_nd() -> (tensor<2x2xf32>, tensor<2x2xf32>) {
  %x = dl.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %i = dl.constant dense<[[-1], [5]]> : tensor<2x1xi64>
  %u = dl.constant dense<[[7.0, 8.0], [9.0, 9.0]]> : tensor<2x2xf32>
  %j = dl.constant dense<[[0, 1]]> : tensor<1x2xi64>
  %v = dl.constant dense<[5.0]> : tensor<1xf32>
  %a = dl.scatter_nd set, %x, %i, %u : (tensor<2x2xf32>, tensor<2x1xi64>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %b = dl.scatter_nd add, %x, %j, %v : (tensor<2x2xf32>, tensor<1x2xi64>, tensor<1xf32>) -> tensor<2x2xf32>
  return %a, %b : tensor<2x2xf32>, tensor<2x2xf32>
}
