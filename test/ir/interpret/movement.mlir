// RUN: dl-opt --run-reference %s -o /dev/null | FileCheck %s

// CHECK{LITERAL}: reshape: dense<[[1, 2], [3, 4], [5, 6]]> : tensor<3x2xi32>
func.func @reshape() -> tensor<3x2xi32> {
  %x = dl.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>
  %r = dl.reshape %x : (tensor<2x3xi32>) -> tensor<3x2xi32>
  return %r : tensor<3x2xi32>
}

// CHECK{LITERAL}: transpose: dense<[[[1, 4]], [[2, 5]], [[3, 6]]]> : tensor<3x1x2xi32>
func.func @transpose() -> tensor<3x1x2xi32> {
  %x = dl.constant dense<[[[1, 2, 3]], [[4, 5, 6]]]> : tensor<2x1x3xi32>
  %r = dl.transpose %x {permutation = array<i64: 2, 1, 0>} : (tensor<2x1x3xi32>) -> tensor<3x1x2xi32>
  return %r : tensor<3x1x2xi32>
}

// CHECK{LITERAL}: broadcast: dense<[[[1, 1], [2, 2]], [[1, 1], [2, 2]]]> : tensor<2x2x2xi32>
func.func @broadcast() -> tensor<2x2x2xi32> {
  %x = dl.constant dense<[[1], [2]]> : tensor<2x1xi32>
  %r = dl.broadcast %x : (tensor<2x1xi32>) -> tensor<2x2x2xi32>
  return %r : tensor<2x2x2xi32>
}

// CHECK{LITERAL}: slice: dense<[[9, 7], [5, 3]]> : tensor<2x2xi32>
// CHECK{LITERAL}: slice: dense<> : tensor<0x5xi32>
func.func @slice() -> (tensor<2x2xi32>, tensor<0x5xi32>) {
  %x = dl.constant dense<[[1, 2, 3, 4, 5], [6, 7, 8, 9, 0], [1, 3, 4, 5, 6]]> : tensor<3x5xi32>
  %r = dl.slice %x {offsets = affine_map<() -> (1, 3)>, strides = array<i64: 1, -2>} : (tensor<3x5xi32>) -> tensor<2x2xi32>
  %e = dl.slice %x {offsets = affine_map<() -> (3, 0)>, strides = array<i64: 1, 1>} : (tensor<3x5xi32>) -> tensor<0x5xi32>
  return %r, %e : tensor<2x2xi32>, tensor<0x5xi32>
}

// CHECK: pad: dense<[9, 9, 1, 2, 3, 9]> : tensor<6xi32>
// CHECK: pad: dense<[1, 1, 1, 2, 3, 3]> : tensor<6xi32>
// CHECK: pad: dense<[3, 2, 1, 2, 3, 2]> : tensor<6xi32>
// CHECK: pad: dense<[2, 3, 1, 2, 3, 1]> : tensor<6xi32>
// CHECK: pad: dense<[2, 3, 9]> : tensor<3xi32>
func.func @pad() -> (tensor<6xi32>, tensor<6xi32>, tensor<6xi32>, tensor<6xi32>, tensor<3xi32>) {
  %x = dl.constant dense<[1, 2, 3]> : tensor<3xi32>
  %v = dl.constant dense<9> : tensor<i32>
  %c = dl.pad constant, %x, %v {low = affine_map<() -> (2)>} : (tensor<3xi32>, tensor<i32>) -> tensor<6xi32>
  %e = dl.pad edge, %x, %v {low = affine_map<() -> (2)>} : (tensor<3xi32>, tensor<i32>) -> tensor<6xi32>
  %r = dl.pad reflect, %x, %v {low = affine_map<() -> (2)>} : (tensor<3xi32>, tensor<i32>) -> tensor<6xi32>
  %w = dl.pad wrap, %x, %v {low = affine_map<() -> (2)>} : (tensor<3xi32>, tensor<i32>) -> tensor<6xi32>
  %n = dl.pad constant, %x, %v {low = affine_map<() -> (-1)>} : (tensor<3xi32>, tensor<i32>) -> tensor<3xi32>
  return %c, %e, %r, %w, %n : tensor<6xi32>, tensor<6xi32>, tensor<6xi32>, tensor<6xi32>, tensor<3xi32>
}

// CHECK{LITERAL}: concat: dense<[[1, 2, 5], [3, 4, 6]]> : tensor<2x3xi32>
func.func @concat() -> tensor<2x3xi32> {
  %a = dl.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi32>
  %b = dl.constant dense<[[5], [6]]> : tensor<2x1xi32>
  %r = dl.concat %a, %b {axis = 1 : i64} : (tensor<2x2xi32>, tensor<2x1xi32>) -> tensor<2x3xi32>
  return %r : tensor<2x3xi32>
}

// CHECK{LITERAL}: pack: dense<[[[1, 2], [4, 5]], [[3, 0], [6, 0]]]> : tensor<2x2x2xi32>
func.func @pack() -> tensor<2x2x2xi32> {
  %x = dl.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>
  %r = dl.pack %x {inner_dims = array<i64: 1>, inner_tiles = array<i64: 2>, outer_perm = array<i64: 1, 0>} : (tensor<2x3xi32>) -> tensor<2x2x2xi32>
  return %r : tensor<2x2x2xi32>
}
