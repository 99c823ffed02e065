// RUN: dl-opt --run-reference %s -o /dev/null | FileCheck %s

// What does not fill a window is left out.
// CHECK{LITERAL}: windows: dense<[[[1.000000e+00], [2.000000e+00], [3.000000e+00]], [[3.000000e+00], [4.000000e+00], [5.000000e+00]]]> : tensor<2x3x1xf32>
func.func @windows() -> tensor<2x3x1xf32> {
  %x = dl.constant dense<[[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]]> : tensor<6x1xf32>
  %r = dl.unfold %x {axis = 0 : i64, size = 3 : i64, step = 2 : i64} : (tensor<6x1xf32>) -> tensor<2x3x1xf32>
  return %r : tensor<2x3x1xf32>
}

// A real row, one that is continued with zeros, and one that is cut.
// CHECK{LITERAL}: real: dense<[[[1.000000e+01, 0.000000e+00], [-2.000000e+00, 2.000000e+00], [-2.000000e+00, 0.000000e+00]]]> : tensor<1x3x2xf32>
func.func @real() -> tensor<1x3x2xf32> {
  %x = dl.constant dense<[[[1.0], [2.0], [3.0], [4.0]]]> : tensor<1x4x1xf32>
  %w = dl.constant dense<[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]> : tensor<4x2xf32>
  %r = dl.dft %x, %w {length = 4 : i64, outputs = 3 : i64} : (tensor<1x4x1xf32>, tensor<4x2xf32>) -> tensor<1x3x2xf32>
  return %r : tensor<1x3x2xf32>
}
// CHECK{LITERAL}: padded: dense<[[3.000000e+00, 0.000000e+00], [1.000000e+00, -2.000000e+00]]> : tensor<2x2xf32>
func.func @padded() -> tensor<2x2xf32> {
  %x = dl.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32>
  %w = dl.constant dense<[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]> : tensor<4x2xf32>
  %r = dl.dft %x, %w {length = 4 : i64, outputs = 2 : i64} : (tensor<2x1xf32>, tensor<4x2xf32>) -> tensor<2x2xf32>
  return %r : tensor<2x2xf32>
}
// CHECK{LITERAL}: cut: dense<[[3.000000e+00, 4.000000e+00], [-1.000000e+00, -2.000000e+00]]> : tensor<2x2xf64>
func.func @cut() -> tensor<2x2xf64> {
  %x = dl.constant dense<[[1.0, 1.0], [2.0, 3.0], [9.0, 9.0]]> : tensor<3x2xf64>
  %w = dl.constant dense<[[1.0, 0.0], [-1.0, 0.0]]> : tensor<2x2xf64>
  %r = dl.dft %x, %w {length = 2 : i64, outputs = 2 : i64} : (tensor<3x2xf64>, tensor<2x2xf64>) -> tensor<2x2xf64>
  return %r : tensor<2x2xf64>
}

// The inverse divides by the length.
// CHECK{LITERAL}: inverse: dense<[[1.000000e+00, 0.000000e+00], [2.000000e+00, 0.000000e+00], [3.000000e+00, 0.000000e+00], [4.000000e+00, 0.000000e+00]]> : tensor<4x2xf32>
func.func @inverse() -> tensor<4x2xf32> {
  %x = dl.constant dense<[[10.0, 0.0], [-2.0, 2.0], [-2.0, 0.0], [-2.0, -2.0]]> : tensor<4x2xf32>
  %w = dl.constant dense<[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]> : tensor<4x2xf32>
  %r = dl.dft %x, %w {length = 4 : i64, outputs = 4 : i64, inverse} : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}
