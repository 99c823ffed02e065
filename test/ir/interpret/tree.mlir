// RUN: dl-opt --run-reference %s -o /dev/null | FileCheck %s

// Two trees of one node. The first asks feature 0, NaN goes to step 0; the second
// asks feature 1, and takes step 1 for NaN.
// CHECK{LITERAL}: perfect: dense<[[1.220000e+02], [1.120000e+02], [1.110000e+02], [1.220000e+02]]> : tensor<4x1xf32>
func.func @perfect() -> tensor<4x1xf32> {
  %x = dl.constant dense<[[0.5, 0.0], [0.25, 2.5], [0x7FC00000, 3.0], [0.5, 0x7FC00000]]> : tensor<4x2xf32>
  %t = dl.constant dense<[0.5, 2.0]> : tensor<2xf32>
  %f = dl.constant dense<[0, -2]> : tensor<2xi32>
  %l = dl.constant dense<[[1.0], [2.0], [10.0], [20.0]]> : tensor<4x1xf32>
  %b = dl.constant dense<[100.0]> : tensor<1xf32>
  %r = dl.tree_ensemble sum, %x, %t, %f, %l, %b {trees = 2 : i64, depth = 1 : i64, missing} : (tensor<4x2xf32>, tensor<2xf32>, tensor<2xi32>, tensor<4x1xf32>, tensor<1xf32>) -> tensor<4x1xf32>
  return %r : tensor<4x1xf32>
}

// A leaf that is reached early stays where it is.
// CHECK{LITERAL}: linked: dense<[[4.000000e+00, 7.000000e+00], [5.000000e+00, 6.000000e+00], [3.000000e+00, 8.000000e+00]]> : tensor<3x2xf64>
func.func @linked() -> tensor<3x2xf64> {
  %x = dl.constant dense<[[1.0], [2.0], [3.0]]> : tensor<3x1xf64>
  %t = dl.constant dense<[2.0, 0x7FF8000000000000, 1.0, 0x7FF8000000000000, 0x7FF8000000000000]> : tensor<5xf64>
  %f = dl.constant dense<0> : tensor<5xi32>
  %c = dl.constant dense<[1, 1, 3, 3, 4]> : tensor<5xi32>
  %l = dl.constant dense<[[0.0, 0.0], [3.0, 8.0], [0.0, 0.0], [5.0, 6.0], [4.0, 7.0]]> : tensor<5x2xf64>
  %b = dl.constant dense<0.0> : tensor<2xf64>
  %r = dl.tree_ensemble max, %x, %t, %f, %l, %b children %c {trees = 1 : i64, depth = 5 : i64} : (tensor<3x1xf64>, tensor<5xf64>, tensor<5xi32>, tensor<5x2xf64>, tensor<2xf64>, tensor<5xi32>) -> tensor<3x2xf64>
  return %r : tensor<3x2xf64>
}
