// RUN: dl-opt --run-reference %s -o /dev/null | FileCheck %s

// CHECK{LITERAL}: insert: dense<[[1, 8, 9], [4, 10, 11]]> : tensor<2x3xi32>
// CHECK{LITERAL}: insert: dense<[[8, 9, 3], [10, 11, 6]]> : tensor<2x3xi32>
func.func @insert() -> (tensor<2x3xi32>, tensor<2x3xi32>) {
  %x = dl.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>
  %y = dl.constant dense<[[8, 9], [10, 11]]> : tensor<2x2xi32>
  %r = dl.insert %x, %y {axis = 1 : i64, offset = affine_map<() -> (1)>} : (tensor<2x3xi32>, tensor<2x2xi32>) -> tensor<2x3xi32>
  %s = dl.insert %x, %y {axis = 1 : i64, offset = affine_map<() -> (0)>} : (tensor<2x3xi32>, tensor<2x2xi32>) -> tensor<2x3xi32>
  return %r, %s : tensor<2x3xi32>, tensor<2x3xi32>
}
