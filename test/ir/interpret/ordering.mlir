// RUN: dl-opt --run-reference %s -o /dev/null | FileCheck %s

// Rows by their elements; equal ones keep their order, a NaN comes last, and -1 of
// unsigned integers is the largest number.
// CHECK: rows: dense<[3, 1, 0, 4, 2]> : tensor<5xi64>
// CHECK: rows: dense<[1, 2, 0]> : tensor<3xi64>
// CHECK: rows: dense<[1, 0]> : tensor<2xi64>
// CHECK: rows: dense<[0, 1]> : tensor<2xi64>
func.func @rows() -> (tensor<5xi64>, tensor<3xi64>, tensor<2xi64>, tensor<2xi64>) {
  %x = dl.constant dense<[[2, 1], [1, 9], [3, 0], [-5, 7], [2, 1]]> : tensor<5x2xi32>
  %f = dl.constant dense<[[0x7FC00000], [-1.0], [0.0]]> : tensor<3x1xf32>
  %u = dl.constant dense<[[255], [1]]> : tensor<2x1xui8>
  %e = dl.constant dense<> : tensor<2x0xf32>
  %0 = dl.row_order %x : (tensor<5x2xi32>) -> tensor<5xi64>
  %1 = dl.row_order %f : (tensor<3x1xf32>) -> tensor<3xi64>
  %2 = dl.row_order %u : (tensor<2x1xui8>) -> tensor<2xi64>
  %3 = dl.row_order %e : (tensor<2x0xf32>) -> tensor<2xi64>
  return %0, %1, %2, %3 : tensor<5xi64>, tensor<3xi64>, tensor<2xi64>, tensor<2xi64>
}

// The second box overlaps the first, the last has too low a score. Of the second
// class, one box is kept.
// CHECK{LITERAL}: suppress: dense<[[0, 0, 0], [0, 0, 2], [0, 1, 3], [-1, -1, -1], [-1, -1, -1], [-1, -1, -1], [-1, -1, -1], [-1, -1, -1]]> : tensor<8x3xi64>
// CHECK: suppress: dense<3> : tensor<1xi64>
func.func @suppress() -> (tensor<8x3xi64>, tensor<1xi64>) {
  %b = dl.constant dense<[[[0.0, 0.0, 1.0, 1.0], [1.1, 1.0, 0.1, 0.0], [0.0, 10.0, 1.0, 11.0], [5.0, 5.0, 6.0, 6.0]]]> : tensor<1x4x4xf32>
  %s = dl.constant dense<[[[0.9, 0.8, 0.7, 0.1], [0.0, 0.0, 0.0, 0.5]]]> : tensor<1x2x4xf32>
  %m = dl.constant dense<2> : tensor<i64>
  %o = dl.constant dense<0.5> : tensor<f32>
  %t = dl.constant dense<0.2> : tensor<f32>
  %r, %n = dl.suppress %b, %s, %m, %o, %t : (tensor<1x4x4xf32>, tensor<1x2x4xf32>, tensor<i64>, tensor<f32>, tensor<f32>) -> (tensor<8x3xi64>, tensor<1xi64>)
  return %r, %n : tensor<8x3xi64>, tensor<1xi64>
}

// Boxes by their centers; the thresholds leave all in.
// CHECK{LITERAL}: centered: dense<[[0, 0, 1], [0, 0, 0]]> : tensor<2x3xi64>
func.func @centered() -> tensor<2x3xi64> {
  %b = dl.constant dense<[[[0.5, 0.5, 1.0, 1.0], [0.5, 2.0, 1.0, 2.0]]]> : tensor<1x2x4xf32>
  %s = dl.constant dense<[[[0.2, 0.3]]]> : tensor<1x1x2xf32>
  %m = dl.constant dense<9> : tensor<i64>
  %o = dl.constant dense<0.0> : tensor<f32>
  %t = dl.constant dense<0xFF800000> : tensor<f32>
  %r, %n = dl.suppress %b, %s, %m, %o, %t {centered = true} : (tensor<1x2x4xf32>, tensor<1x1x2xf32>, tensor<i64>, tensor<f32>, tensor<f32>) -> (tensor<2x3xi64>, tensor<1xi64>)
  return %r : tensor<2x3xi64>
}
