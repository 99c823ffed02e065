// Arithmetic on integer tensors that hold sizes folds to expressions.

// RUN: dl-opt %s --canonicalize | FileCheck %s

// CHECK-LABEL: func.func @arithmetic
func.func @arithmetic() -> (tensor<2xi64>, tensor<2xi64>, tensor<2xi64>, tensor<2xi64>, tensor<2xi64>, tensor<2xi64>) attributes {dl.symbols = ["n", "m"]} {
  %s = dl.sizes <()[s0, s1] -> (s0, s1)> : tensor<2xi64>
  %c = dl.constant dense<[2, 3]> : tensor<2xi64>
  %k = dl.constant dense<4> : tensor<i64>
  // CHECK-DAG: %[[ADD:.*]] = dl.sizes <()[s0, s1] -> (s0 + 2, s1 + 3)> : tensor<2xi64>
  %add = dl.add %s, %c : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
  // CHECK-DAG: %[[SUB:.*]] = dl.constant dense<[2, 3]> : tensor<2xi64>
  %sub = dl.sub %add, %s : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
  // CHECK-DAG: %[[MUL:.*]] = dl.sizes <()[s0, s1] -> (s0 * 4, s1 * 4)> : tensor<2xi64>
  %mul = dl.mul %k, %s : (tensor<i64>, tensor<2xi64>) -> tensor<2xi64>
  // CHECK-DAG: %[[DIV:.*]] = dl.sizes <()[s0, s1] -> (s0 * 2, s1 * 2)> : tensor<2xi64>
  %two = dl.constant dense<2> : tensor<1xi64>
  %div = dl.div %mul, %two : (tensor<2xi64>, tensor<1xi64>) -> tensor<2xi64>
  // CHECK-DAG: %[[MOD:.*]] = dl.sizes <()[s0, s1] -> (s0 mod 2, s1 mod 3)> : tensor<2xi64>
  %mod = dl.mod %s, %c : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
  // CHECK-DAG: %[[NEG:.*]] = dl.sizes <()[s0, s1] -> (-s0, -s1)> : tensor<2xi64>
  %neg = dl.neg %s : (tensor<2xi64>) -> tensor<2xi64>
  // CHECK: return %[[ADD]], %[[SUB]], %[[MUL]], %[[DIV]], %[[MOD]], %[[NEG]]
  return %add, %sub, %mul, %div, %mod, %neg : tensor<2xi64>, tensor<2xi64>, tensor<2xi64>, tensor<2xi64>, tensor<2xi64>, tensor<2xi64>
}

// Rounding differs where the dividend may be negative.
// CHECK-LABEL: func.func @maybe_negative
func.func @maybe_negative() -> (tensor<i64>, tensor<i64>) attributes {dl.symbols = ["n"]} {
  %s = dl.sizes <()[s0] -> (s0 - 5)> : tensor<i64>
  %c = dl.constant dense<2> : tensor<i64>
  // CHECK: dl.div
  %div = dl.div %s, %c : (tensor<i64>, tensor<i64>) -> tensor<i64>
  // CHECK: dl.mod
  %mod = dl.mod %s, %c : (tensor<i64>, tensor<i64>) -> tensor<i64>
  return %div, %mod : tensor<i64>, tensor<i64>
}

// CHECK-LABEL: func.func @max_min
func.func @max_min() -> (tensor<i64>, tensor<i64>, tensor<i64>) attributes {dl.symbols = ["n", "m"]} {
  %s = dl.sizes <()[s0] -> (s0)> : tensor<i64>
  %t = dl.sizes <()[s0, s1] -> (s0 + s1)> : tensor<i64>
  %c = dl.constant dense<3> : tensor<i64>
  // CHECK-DAG: %[[MAX:.*]] = dl.sizes <()[s0, s1] -> (s0 + s1)>
  %max = dl.max %s, %t : (tensor<i64>, tensor<i64>) -> tensor<i64>
  // CHECK-DAG: %[[MIN:.*]] = dl.sizes <()[s0] -> (s0)>
  %min = dl.min %s, %t : (tensor<i64>, tensor<i64>) -> tensor<i64>
  // CHECK-DAG: %[[UNKNOWN:.*]] = dl.max
  %unknown = dl.max %s, %c : (tensor<i64>, tensor<i64>) -> tensor<i64>
  // CHECK: return %[[MAX]], %[[MIN]], %[[UNKNOWN]]
  return %max, %min, %unknown : tensor<i64>, tensor<i64>, tensor<i64>
}

// CHECK-LABEL: func.func @compare
func.func @compare() -> (tensor<3xi1>, tensor<3xi1>, tensor<i1>) attributes {dl.symbols = ["n", "m"]} {
  %s = dl.sizes <()[s0] -> (s0, s0 + 1, s0)> : tensor<3xi64>
  %t = dl.sizes <()[s0] -> (s0, s0, s0 + 2)> : tensor<3xi64>
  %n = dl.sizes <()[s0] -> (s0)> : tensor<i64>
  %one = dl.constant dense<1> : tensor<i64>
  // CHECK-DAG: %[[EQ:.*]] = dl.constant dense<[true, false, false]> : tensor<3xi1>
  %eq = dl.compare eq, %s, %t : (tensor<3xi64>, tensor<3xi64>) -> tensor<3xi1>
  // CHECK-DAG: %[[GT:.*]] = dl.constant dense<[false, true, false]> : tensor<3xi1>
  %gt = dl.compare gt, %s, %t : (tensor<3xi64>, tensor<3xi64>) -> tensor<3xi1>
  // CHECK-DAG: %[[UNKNOWN:.*]] = dl.compare eq
  %unknown = dl.compare eq, %n, %one : (tensor<i64>, tensor<i64>) -> tensor<i1>
  // CHECK: return %[[EQ]], %[[GT]], %[[UNKNOWN]]
  return %eq, %gt, %unknown : tensor<3xi1>, tensor<3xi1>, tensor<i1>
}

// As exporters write the shape that a tensor is expanded to.
// CHECK-LABEL: func.func @expand
func.func @expand() -> tensor<3xi64> attributes {dl.symbols = ["n", "m"]} {
  %shape = dl.sizes <()[s0, s1] -> (s0, s1)> : tensor<2xi64>
  %minus = dl.constant dense<[-1, -1, 5]> : tensor<3xi64>
  %one = dl.constant dense<[7]> : tensor<1xi64>
  %wanted = dl.concat %shape, %one {axis = 0 : i64} : (tensor<2xi64>, tensor<1xi64>) -> tensor<3xi64>
  %c = dl.constant dense<-1> : tensor<i64>
  %is = dl.compare eq, %minus, %c : (tensor<3xi64>, tensor<i64>) -> tensor<3xi1>
  // CHECK: %[[R:.*]] = dl.sizes <()[s0, s1] -> (s0, s1, 5)> : tensor<3xi64>
  // CHECK-NEXT: return %[[R]]
  %r = dl.select %is, %wanted, %minus : (tensor<3xi1>, tensor<3xi64>, tensor<3xi64>) -> tensor<3xi64>
  return %r : tensor<3xi64>
}

// CHECK-LABEL: func.func @movement
func.func @movement() -> (tensor<1xi64>, tensor<i64>, tensor<2xi64>, tensor<2x2xi64>, tensor<3xi64>) attributes {dl.symbols = ["n", "m"]} {
  %s = dl.sizes <()[s0, s1] -> (s0, s1, 3, s0 * s1)> : tensor<4xi64>
  // CHECK-DAG: %[[SLICE:.*]] = dl.sizes <()[s0, s1] -> (s1)> : tensor<1xi64>
  %slice = dl.slice %s {offsets = affine_map<() -> (1)>, strides = array<i64: 1>} : (tensor<4xi64>) -> tensor<1xi64>
  // CHECK-DAG: %[[SCALAR:.*]] = dl.sizes <()[s0, s1] -> (s1)> : tensor<i64>
  %scalar = dl.reshape %slice : (tensor<1xi64>) -> tensor<i64>
  %i = dl.constant dense<[-1, 0]> : tensor<2xi64>
  // CHECK-DAG: %[[GATHER:.*]] = dl.sizes <()[s0, s1] -> (s0 * s1, s0)> : tensor<2xi64>
  %gather = dl.gather %s, %i {axis = 0 : i64} : (tensor<4xi64>, tensor<2xi64>) -> tensor<2xi64>
  %square = dl.reshape %s : (tensor<4xi64>) -> tensor<2x2xi64>
  // CHECK-DAG: %[[TRANSPOSE:.*]] = dl.sizes <()[s0, s1] -> (s0, 3, s1, s0 * s1)> : tensor<2x2xi64>
  %transpose = dl.transpose %square {permutation = array<i64: 1, 0>} : (tensor<2x2xi64>) -> tensor<2x2xi64>
  // CHECK-DAG: %[[BROADCAST:.*]] = dl.sizes <()[s0, s1] -> (s1, s1, s1)> : tensor<3xi64>
  %broadcast = dl.broadcast %scalar : (tensor<i64>) -> tensor<3xi64>
  // CHECK: return %[[SLICE]], %[[SCALAR]], %[[GATHER]], %[[TRANSPOSE]], %[[BROADCAST]]
  return %slice, %scalar, %gather, %transpose, %broadcast : tensor<1xi64>, tensor<i64>, tensor<2xi64>, tensor<2x2xi64>, tensor<3xi64>
}

// CHECK-LABEL: func.func @reduce
func.func @reduce() -> (tensor<i64>, tensor<1xi64>, tensor<i64>, tensor<2xi64>, tensor<i64>) attributes {dl.symbols = ["n", "m"]} {
  %s = dl.sizes <()[s0, s1] -> (s0, s1, s0 + s1)> : tensor<3xi64>
  %q = dl.sizes <()[s0, s1] -> (s0, s1, 3, 4)> : tensor<2x2xi64>
  %e = dl.constant dense<> : tensor<0xi64>
  // CHECK-DAG: %[[SUM:.*]] = dl.sizes <()[s0, s1] -> (s0 * 2 + s1 * 2)> : tensor<i64>
  %sum = dl.reduce sum, %s {axes = array<i64: 0>} : (tensor<3xi64>) -> tensor<i64>
  // CHECK-DAG: %[[PROD:.*]] = dl.sizes <()[s0, s1] -> ((s0 * s0) * s1 + (s0 * s1) * s1)> : tensor<1xi64>
  %prod = dl.reduce prod, %s {axes = array<i64: 0>, keepdims = true} : (tensor<3xi64>) -> tensor<1xi64>
  // CHECK-DAG: %[[MAX:.*]] = dl.reduce max
  %max = dl.reduce max, %s {axes = array<i64: 0>} : (tensor<3xi64>) -> tensor<i64>
  // CHECK-DAG: %[[ROWS:.*]] = dl.sizes <()[s0, s1] -> (s0 * s1, 12)> : tensor<2xi64>
  %rows = dl.reduce prod, %q {axes = array<i64: 1>} : (tensor<2x2xi64>) -> tensor<2xi64>
  // CHECK-DAG: %[[EMPTY:.*]] = dl.constant dense<1> : tensor<i64>
  %empty = dl.reduce prod, %e {axes = array<i64: 0>} : (tensor<0xi64>) -> tensor<i64>
  // CHECK: return %[[SUM]], %[[PROD]], %[[MAX]], %[[ROWS]], %[[EMPTY]]
  return %sum, %prod, %max, %rows, %empty : tensor<i64>, tensor<1xi64>, tensor<i64>, tensor<2xi64>, tensor<i64>
}

// Sizes fit into 32 bits, not into 8; a float is no expression.
// CHECK-LABEL: func.func @cast
func.func @cast() -> (tensor<i32>, tensor<i8>, tensor<f32>) attributes {dl.symbols = ["n"]} {
  %s = dl.sizes <()[s0] -> (s0)> : tensor<i64>
  // CHECK-DAG: %[[A:.*]] = dl.sizes <()[s0] -> (s0)> : tensor<i32>
  %a = dl.cast %s : (tensor<i64>) -> tensor<i32>
  // CHECK-DAG: %[[B:.*]] = dl.cast %{{.*}} : (tensor<i64>) -> tensor<i8>
  %b = dl.cast %s : (tensor<i64>) -> tensor<i8>
  // CHECK-DAG: %[[C:.*]] = dl.cast %{{.*}} : (tensor<i64>) -> tensor<f32>
  %c = dl.cast %s : (tensor<i64>) -> tensor<f32>
  // CHECK: return %[[A]], %[[B]], %[[C]]
  return %a, %b, %c : tensor<i32>, tensor<i8>, tensor<f32>
}
