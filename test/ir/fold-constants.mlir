// Splats of any size, and small constants, fold; large constants are not made.

// RUN: dl-opt %s --canonicalize | FileCheck %s

// CHECK-LABEL: func.func @splats
func.func @splats() -> (tensor<1000x1000xf32>, tensor<1000x1000xf32>, tensor<1000000xi32>) {
  %a = dl.constant dense<4.0> : tensor<1000x1000xf32>
  %b = dl.constant dense<0.5> : tensor<1000xf32>
  // CHECK-DAG: %[[ADD:.*]] = dl.constant dense<4.500000e+00> : tensor<1000x1000xf32>
  %add = dl.add %a, %b : (tensor<1000x1000xf32>, tensor<1000xf32>) -> tensor<1000x1000xf32>
  // CHECK-DAG: %[[SQRT:.*]] = dl.constant dense<2.000000e+00> : tensor<1000x1000xf32>
  %sqrt = dl.sqrt %a : (tensor<1000x1000xf32>) -> tensor<1000x1000xf32>
  %flat = dl.reshape %a : (tensor<1000x1000xf32>) -> tensor<1000000xf32>
  // CHECK-DAG: %[[CAST:.*]] = dl.constant dense<4> : tensor<1000000xi32>
  %cast = dl.cast %flat : (tensor<1000000xf32>) -> tensor<1000000xi32>
  // CHECK: return %[[ADD]], %[[SQRT]], %[[CAST]]
  return %add, %sqrt, %cast : tensor<1000x1000xf32>, tensor<1000x1000xf32>, tensor<1000000xi32>
}

// CHECK-LABEL: func.func @splats_move
func.func @splats_move() -> (tensor<3x1000xf32>, tensor<5x5x1000xf32>, tensor<7xf32>) {
  %a = dl.constant dense<4.0> : tensor<1000x3xf32>
  %c = dl.constant dense<4.0> : tensor<1x1000xf32>
  // CHECK-DAG: %[[T:.*]] = dl.constant dense<4.000000e+00> : tensor<3x1000xf32>
  %t = dl.transpose %a {permutation = array<i64: 1, 0>} : (tensor<1000x3xf32>) -> tensor<3x1000xf32>
  // CHECK-DAG: %[[B:.*]] = dl.constant dense<4.000000e+00> : tensor<5x5x1000xf32>
  %b = dl.broadcast %c : (tensor<1x1000xf32>) -> tensor<5x5x1000xf32>
  %f = dl.reshape %c : (tensor<1x1000xf32>) -> tensor<1000xf32>
  // CHECK-DAG: %[[S:.*]] = dl.constant dense<4.000000e+00> : tensor<7xf32>
  %s = dl.slice %f {offsets = affine_map<() -> (5)>, strides = array<i64: 2>} : (tensor<1000xf32>) -> tensor<7xf32>
  // CHECK: return %[[T]], %[[B]], %[[S]]
  return %t, %b, %s : tensor<3x1000xf32>, tensor<5x5x1000xf32>, tensor<7xf32>
}

// CHECK-LABEL: func.func @small
func.func @small() -> (tensor<2x2xf32>, tensor<2xi1>, tensor<2xf16>, tensor<2xf32>) {
  %a = dl.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32>
  %b = dl.constant dense<[10.0, 20.0]> : tensor<2xf32>
  // CHECK-DAG: %[[MUL:.*]] = dl.constant dense<{{\[\[}}1.000000e+01, 2.000000e+01], [2.000000e+01, 4.000000e+01]]> : tensor<2x2xf32>
  %mul = dl.mul %a, %b : (tensor<2x1xf32>, tensor<2xf32>) -> tensor<2x2xf32>
  // CHECK-DAG: %[[CMP:.*]] = dl.constant dense<[false, true]> : tensor<2xi1>
  %c = dl.constant dense<15.0> : tensor<f32>
  %cmp = dl.compare gt, %b, %c : (tensor<2xf32>, tensor<f32>) -> tensor<2xi1>
  // CHECK-DAG: %[[HALF:.*]] = dl.constant dense<[1.000000e+01, 2.000000e+01]> : tensor<2xf16>
  %half = dl.cast %b : (tensor<2xf32>) -> tensor<2xf16>
  // CHECK-DAG: %[[SELECT:.*]] = dl.constant dense<[1.000000e+01, 1.500000e+01]> : tensor<2xf32>
  %not = dl.not %cmp : (tensor<2xi1>) -> tensor<2xi1>
  %select = dl.select %not, %b, %c : (tensor<2xi1>, tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  // CHECK: return %[[MUL]], %[[CMP]], %[[HALF]], %[[SELECT]]
  return %mul, %cmp, %half, %select : tensor<2x2xf32>, tensor<2xi1>, tensor<2xf16>, tensor<2xf32>
}

// Toward zero; a division by zero stays in the program.
// CHECK-LABEL: func.func @division
func.func @division() -> (tensor<2xi64>, tensor<2xi64>, tensor<2xi64>, tensor<2xi64>) {
  %a = dl.constant dense<[-7, 7]> : tensor<2xi64>
  %b = dl.constant dense<[2, -2]> : tensor<2xi64>
  %z = dl.constant dense<[0, 1]> : tensor<2xi64>
  // CHECK-DAG: %[[DIV:.*]] = dl.constant dense<-3> : tensor<2xi64>
  %div = dl.div %a, %b : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
  // CHECK-DAG: %[[MOD:.*]] = dl.constant dense<[1, -1]> : tensor<2xi64>
  %mod = dl.mod %a, %b : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
  // CHECK-DAG: %[[FMOD:.*]] = dl.constant dense<[-1, 1]> : tensor<2xi64>
  %fmod = dl.mod %a, %b {fmod = true} : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
  // CHECK-DAG: %[[ZERO:.*]] = dl.div
  %zero = dl.div %a, %z : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
  // CHECK: return %[[DIV]], %[[MOD]], %[[FMOD]], %[[ZERO]]
  return %div, %mod, %fmod, %zero : tensor<2xi64>, tensor<2xi64>, tensor<2xi64>, tensor<2xi64>
}

// CHECK-LABEL: func.func @large
func.func @large() -> (tensor<65x65xf32>, tensor<300xi64>) {
  %a = dl.constant dense<[[1.0], [2.0], [3.0], [4.0], [5.0]]> : tensor<5x1xf32>
  %wide = dl.broadcast %a : (tensor<5x1xf32>) -> tensor<5x845xf32>
  // CHECK: dl.broadcast
  %r = dl.reshape %wide : (tensor<5x845xf32>) -> tensor<65x65xf32>
  %i = dl.constant dense<[1, 2, 3]> : tensor<3xi64>
  %b = dl.reshape %i : (tensor<3xi64>) -> tensor<3x1xi64>
  %c = dl.broadcast %b : (tensor<3x1xi64>) -> tensor<3x100xi64>
  // CHECK: dl.broadcast
  %s = dl.reshape %c : (tensor<3x100xi64>) -> tensor<300xi64>
  return %r, %s : tensor<65x65xf32>, tensor<300xi64>
}

// Counts that do not fit into 64 bits are large, too.
// CHECK-LABEL: func.func @huge
func.func @huge(%i: tensor<2x1xi64>) -> tensor<4294967296x4294967296x2xi64> {
  %a = dl.constant dense<[1, 2]> : tensor<2xi64>
  // CHECK: dl.broadcast
  %r = dl.broadcast %a : (tensor<2xi64>) -> tensor<4294967296x4294967296x2xi64>
  return %r : tensor<4294967296x4294967296x2xi64>
}

// Beside a dimension of 0, others may be as large.
// CHECK-LABEL: func.func @empty
func.func @empty(%x: tensor<1099511627776x0xi64>, %y: tensor<0x1099511627776x1099511627776xi64>)
    -> (tensor<1099511627776x0xi64>, tensor<1099511627776x0xi64>, tensor<0x1x1099511627776xi64>) {
  %z = dl.constant dense<7> : tensor<1x1xi64>
  %i = dl.constant dense<3> : tensor<1xi64>
  // CHECK-DAG: %[[E:.*]] = dl.constant dense<> : tensor<1099511627776x0xi64>
  // CHECK-DAG: %[[G:.*]] = dl.constant dense<> : tensor<0x1x1099511627776xi64>
  %r = dl.broadcast %z : (tensor<1x1xi64>) -> tensor<1099511627776x0xi64>
  %c = dl.concat %x, %r {axis = 1 : i64} : (tensor<1099511627776x0xi64>, tensor<1099511627776x0xi64>) -> tensor<1099511627776x0xi64>
  %g = dl.gather %y, %i {axis = 1 : i64} : (tensor<0x1099511627776x1099511627776xi64>, tensor<1xi64>) -> tensor<0x1x1099511627776xi64>
  // CHECK: return %[[E]], %[[E]], %[[G]]
  return %r, %c, %g : tensor<1099511627776x0xi64>, tensor<1099511627776x0xi64>, tensor<0x1x1099511627776xi64>
}
