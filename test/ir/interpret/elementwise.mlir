// RUN: dl-opt --run-reference %s -o /dev/null | FileCheck %s

// CHECK: abs: dense<[1.500000e+00, 2.000000e+00]> : tensor<2xf32>
func.func @abs() -> tensor<2xf32> {
  %x = dl.constant dense<[-1.5, 2.0]> : tensor<2xf32>
  %r = dl.abs %x : (tensor<2xf32>) -> tensor<2xf32>
  return %r : tensor<2xf32>
}

// CHECK: abs_int: dense<[128, -128, 3]> : tensor<3xi16>
func.func @abs_int() -> tensor<3xi16> {
  %x = dl.constant dense<[-128, -128, 3]> : tensor<3xi8>
  %a = dl.abs %x : (tensor<3xi8>) -> tensor<3xi8>
  %i = dl.constant dense<[1, 0, 0]> : tensor<3xi16>
  %w = dl.constant dense<[256, 0, 0]> : tensor<3xi16>
  %b = dl.cast %a : (tensor<3xi8>) -> tensor<3xi16>
  %c = dl.mul %i, %w : (tensor<3xi16>, tensor<3xi16>) -> tensor<3xi16>
  %r = dl.add %b, %c : (tensor<3xi16>, tensor<3xi16>) -> tensor<3xi16>
  return %r : tensor<3xi16>
}

// CHECK: neg: dense<[1.500000e+00, 0xFFC00000, -0.000000e+00]> : tensor<3xf32>
func.func @neg() -> tensor<3xf32> {
  %x = dl.constant dense<[-1.5, 0x7FC00000, 0.0]> : tensor<3xf32>
  %r = dl.neg %x : (tensor<3xf32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// Halves go to the even number.
// CHECK: round: dense<[-2.000000e+00, -0.000000e+00, 0.000000e+00, 2.000000e+00, 2.000000e+00, 3.000000e+00]> : tensor<6xf32>
func.func @round() -> tensor<6xf32> {
  %x = dl.constant dense<[-1.5, -0.5, 0.5, 1.5, 2.5, 2.6]> : tensor<6xf32>
  %r = dl.round %x : (tensor<6xf32>) -> tensor<6xf32>
  return %r : tensor<6xf32>
}

// CHECK: ceil_floor: dense<[-1.000000e+00, 2.000000e+00]> : tensor<2xf32>
// CHECK: ceil_floor: dense<[-2.000000e+00, 1.000000e+00]> : tensor<2xf32>
func.func @ceil_floor() -> (tensor<2xf32>, tensor<2xf32>) {
  %x = dl.constant dense<[-1.5, 1.25]> : tensor<2xf32>
  %c = dl.ceil %x : (tensor<2xf32>) -> tensor<2xf32>
  %f = dl.floor %x : (tensor<2xf32>) -> tensor<2xf32>
  return %c, %f : tensor<2xf32>, tensor<2xf32>
}

// CHECK: roots: dense<[2.000000e+00, 1.41421354]> : tensor<2xf32>
// CHECK: roots: dense<[5.000000e-01, 0.707106769]> : tensor<2xf32>
// CHECK: roots: dense<[2.500000e-01, 5.000000e-01]> : tensor<2xf32>
func.func @roots() -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) {
  %x = dl.constant dense<[4.0, 2.0]> : tensor<2xf32>
  %a = dl.sqrt %x : (tensor<2xf32>) -> tensor<2xf32>
  %b = dl.rsqrt %x : (tensor<2xf32>) -> tensor<2xf32>
  %c = dl.reciprocal %x : (tensor<2xf32>) -> tensor<2xf32>
  return %a, %b, %c : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
}

// CHECK: exponentials: dense<[1.000000e+00, 2.71828175]> : tensor<2xf32>
// CHECK: exponentials: dense<[0xFF800000, 0.000000e+00]> : tensor<2xf32>
// CHECK: exponentials: dense<[5.000000e-01, 0.731058597]> : tensor<2xf32>
// CHECK: exponentials: dense<[0.000000e+00, 0.761594176]> : tensor<2xf32>
// CHECK: exponentials: dense<[0.000000e+00, 0.842700779]> : tensor<2xf32>
func.func @exponentials() -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) {
  %x = dl.constant dense<[0.0, 1.0]> : tensor<2xf32>
  %a = dl.exp %x : (tensor<2xf32>) -> tensor<2xf32>
  %b = dl.log %x : (tensor<2xf32>) -> tensor<2xf32>
  %c = dl.sigmoid %x : (tensor<2xf32>) -> tensor<2xf32>
  %d = dl.tanh %x : (tensor<2xf32>) -> tensor<2xf32>
  %e = dl.erf %x : (tensor<2xf32>) -> tensor<2xf32>
  return %a, %b, %c, %d, %e : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
}

// CHECK: circular: dense<0.47942555> : tensor<f32>
// CHECK: circular: dense<0.87758255> : tensor<f32>
// CHECK: circular: dense<0.546302497> : tensor<f32>
// CHECK: circular: dense<0.52359879> : tensor<f32>
// CHECK: circular: dense<1.04719758> : tensor<f32>
// CHECK: circular: dense<0.463647604> : tensor<f32>
func.func @circular() -> (tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>) {
  %x = dl.constant dense<0.5> : tensor<f32>
  %a = dl.sin %x : (tensor<f32>) -> tensor<f32>
  %b = dl.cos %x : (tensor<f32>) -> tensor<f32>
  %c = dl.tan %x : (tensor<f32>) -> tensor<f32>
  %d = dl.asin %x : (tensor<f32>) -> tensor<f32>
  %e = dl.acos %x : (tensor<f32>) -> tensor<f32>
  %f = dl.atan %x : (tensor<f32>) -> tensor<f32>
  return %a, %b, %c, %d, %e, %f : tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>
}

// CHECK: hyperbolic: dense<0.521095276> : tensor<f32>
// CHECK: hyperbolic: dense<1.12762594> : tensor<f32>
// CHECK: hyperbolic: dense<0.481211811> : tensor<f32>
// CHECK: hyperbolic: dense<0.549306154> : tensor<f32>
// CHECK: hyperbolic: dense<1.31695795> : tensor<f32>
func.func @hyperbolic() -> (tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>) {
  %x = dl.constant dense<0.5> : tensor<f32>
  %two = dl.constant dense<2.0> : tensor<f32>
  %a = dl.sinh %x : (tensor<f32>) -> tensor<f32>
  %b = dl.cosh %x : (tensor<f32>) -> tensor<f32>
  %c = dl.asinh %x : (tensor<f32>) -> tensor<f32>
  %d = dl.atanh %x : (tensor<f32>) -> tensor<f32>
  %e = dl.acosh %two : (tensor<f32>) -> tensor<f32>
  return %a, %b, %c, %d, %e : tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>
}

// CHECK: sign: dense<[-1.000000e+00, 0.000000e+00, 1.000000e+00]> : tensor<3xf32>
// CHECK: sign: dense<[-1, 0, 1]> : tensor<3xi32>
func.func @sign() -> (tensor<3xf32>, tensor<3xi32>) {
  %x = dl.constant dense<[-7.0, 0.0, 3.0]> : tensor<3xf32>
  %i = dl.constant dense<[-7, 0, 3]> : tensor<3xi32>
  %a = dl.sign %x : (tensor<3xf32>) -> tensor<3xf32>
  %b = dl.sign %i : (tensor<3xi32>) -> tensor<3xi32>
  return %a, %b : tensor<3xf32>, tensor<3xi32>
}

// CHECK: questions: dense<[true, false, false, false]> : tensor<4xi1>
// CHECK: questions: dense<[false, true, true, false]> : tensor<4xi1>
// CHECK: questions: dense<[false, false, true, false]> : tensor<4xi1>
// CHECK: questions: dense<[false, true, true, true]> : tensor<4xi1>
func.func @questions() -> (tensor<4xi1>, tensor<4xi1>, tensor<4xi1>, tensor<4xi1>) {
  %x = dl.constant dense<[0x7FC00000, 0x7F800000, 0xFF800000, 1.0]> : tensor<4xf32>
  %a = dl.is_nan %x : (tensor<4xf32>) -> tensor<4xi1>
  %b = dl.is_inf %x : (tensor<4xf32>) -> tensor<4xi1>
  %c = dl.is_inf %x {positive = false} : (tensor<4xf32>) -> tensor<4xi1>
  %d = dl.not %a : (tensor<4xi1>) -> tensor<4xi1>
  return %a, %b, %c, %d : tensor<4xi1>, tensor<4xi1>, tensor<4xi1>, tensor<4xi1>
}

// CHECK{LITERAL}: broadcast: dense<[[1.100000e+01, 2.100000e+01], [1.200000e+01, 2.200000e+01]]> : tensor<2x2xf32>
func.func @broadcast() -> tensor<2x2xf32> {
  %a = dl.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32>
  %b = dl.constant dense<[10.0, 20.0]> : tensor<2xf32>
  %r = dl.add %a, %b : (tensor<2x1xf32>, tensor<2xf32>) -> tensor<2x2xf32>
  return %r : tensor<2x2xf32>
}

// CHECK: division: dense<[-3, 3, -128, 0]> : tensor<4xi8>
// CHECK: division: dense<[-1, -1, 0, 0]> : tensor<4xi8>
// CHECK: division: dense<[1, -1, 0, 0]> : tensor<4xi8>
func.func @division() -> (tensor<4xi8>, tensor<4xi8>, tensor<4xi8>) {
  %a = dl.constant dense<[7, -7, -128, 6]> : tensor<4xi8>
  %b = dl.constant dense<[-2, -2, -1, 0]> : tensor<4xi8>
  %d = dl.div %a, %b : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  %m = dl.mod %a, %b : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  %f = dl.mod %a, %b {fmod = true} : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return %d, %m, %f : tensor<4xi8>, tensor<4xi8>, tensor<4xi8>
}

// CHECK: unsigned: dense<127> : tensor<1xui8>
// CHECK: unsigned: dense<254> : tensor<1xui8>
// CHECK: unsigned: dense<127> : tensor<1xui8>
// CHECK: unsigned: dense<true> : tensor<1xi1>
func.func @unsigned() -> (tensor<1xui8>, tensor<1xui8>, tensor<1xui8>, tensor<1xi1>) {
  %a = dl.constant dense<[254]> : tensor<1xui8>
  %b = dl.constant dense<[2]> : tensor<1xui8>
  %one = dl.constant dense<[1]> : tensor<1xui8>
  %d = dl.div %a, %b : (tensor<1xui8>, tensor<1xui8>) -> tensor<1xui8>
  %m = dl.max %a, %b : (tensor<1xui8>, tensor<1xui8>) -> tensor<1xui8>
  %s = dl.shr %a, %one : (tensor<1xui8>, tensor<1xui8>) -> tensor<1xui8>
  %c = dl.compare gt, %a, %b : (tensor<1xui8>, tensor<1xui8>) -> tensor<1xi1>
  return %d, %m, %s, %c : tensor<1xui8>, tensor<1xui8>, tensor<1xui8>, tensor<1xi1>
}

// CHECK: float_mod: dense<[5.000000e-01, -5.000000e-01]> : tensor<2xf32>
// CHECK: float_mod: dense<[-1.500000e+00, 1.500000e+00]> : tensor<2xf32>
func.func @float_mod() -> (tensor<2xf32>, tensor<2xf32>) {
  %a = dl.constant dense<[-1.5, 1.5]> : tensor<2xf32>
  %b = dl.constant dense<[2.0, -2.0]> : tensor<2xf32>
  %m = dl.mod %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %f = dl.mod %a, %b {fmod = true} : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return %m, %f : tensor<2xf32>, tensor<2xf32>
}

// CHECK: pow: dense<[8.000000e+00, 5.000000e-01]> : tensor<2xf32>
// CHECK: pow: dense<[-27, 0, 1]> : tensor<3xi32>
func.func @pow() -> (tensor<2xf32>, tensor<3xi32>) {
  %a = dl.constant dense<[2.0, 4.0]> : tensor<2xf32>
  %b = dl.constant dense<[3.0, -0.5]> : tensor<2xf32>
  %i = dl.constant dense<[-3, 2, 5]> : tensor<3xi32>
  %j = dl.constant dense<[3, -1, 0]> : tensor<3xi32>
  %p = dl.pow %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %q = dl.pow %i, %j : (tensor<3xi32>, tensor<3xi32>) -> tensor<3xi32>
  return %p, %q : tensor<2xf32>, tensor<3xi32>
}

// CHECK: max_min: dense<[2.000000e+00, 0x7FC00000, 0x7FC00000]> : tensor<3xf32>
// CHECK: max_min: dense<[1.000000e+00, 0x7FC00000, 0x7FC00000]> : tensor<3xf32>
func.func @max_min() -> (tensor<3xf32>, tensor<3xf32>) {
  %a = dl.constant dense<[1.0, 0x7FC00000, 3.0]> : tensor<3xf32>
  %b = dl.constant dense<[2.0, 3.0, 0x7FC00000]> : tensor<3xf32>
  %x = dl.max %a, %b : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %n = dl.min %a, %b : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %x, %n : tensor<3xf32>, tensor<3xf32>
}

// CHECK: bits: dense<8> : tensor<1xi32>
// CHECK: bits: dense<14> : tensor<1xi32>
// CHECK: bits: dense<6> : tensor<1xi32>
// CHECK: bits: dense<48> : tensor<1xi32>
// CHECK: bits: dense<-2> : tensor<1xi32>
func.func @bits() -> (tensor<1xi32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>) {
  %a = dl.constant dense<[12]> : tensor<1xi32>
  %b = dl.constant dense<[10]> : tensor<1xi32>
  %two = dl.constant dense<[2]> : tensor<1xi32>
  %m = dl.constant dense<[-8]> : tensor<1xi32>
  %and = dl.and %a, %b : (tensor<1xi32>, tensor<1xi32>) -> tensor<1xi32>
  %or = dl.or %a, %b : (tensor<1xi32>, tensor<1xi32>) -> tensor<1xi32>
  %xor = dl.xor %a, %b : (tensor<1xi32>, tensor<1xi32>) -> tensor<1xi32>
  %shl = dl.shl %a, %two : (tensor<1xi32>, tensor<1xi32>) -> tensor<1xi32>
  %shr = dl.shr %m, %two : (tensor<1xi32>, tensor<1xi32>) -> tensor<1xi32>
  return %and, %or, %xor, %shl, %shr : tensor<1xi32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>
}

// CHECK: compare: dense<[true, false, false]> : tensor<3xi1>
// CHECK: compare: dense<[true, true, false]> : tensor<3xi1>
// CHECK: compare: dense<[true, false, true]> : tensor<3xi1>
// CHECK: compare: dense<[true, false, false]> : tensor<3xi1>
func.func @compare() -> (tensor<3xi1>, tensor<3xi1>, tensor<3xi1>, tensor<3xi1>) {
  %a = dl.constant dense<[1.0, 2.0, 0x7FC00000]> : tensor<3xf32>
  %b = dl.constant dense<[1.5, 2.0, 1.0]> : tensor<3xf32>
  %t = dl.constant dense<[true, false, false]> : tensor<3xi1>
  %f = dl.constant dense<[false, false, true]> : tensor<3xi1>
  %lt = dl.compare lt, %a, %b : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
  %le = dl.compare le, %a, %b : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
  %ne = dl.compare ne, %a, %b : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
  %gt = dl.compare gt, %t, %f : (tensor<3xi1>, tensor<3xi1>) -> tensor<3xi1>
  return %lt, %le, %ne, %gt : tensor<3xi1>, tensor<3xi1>, tensor<3xi1>, tensor<3xi1>
}

// CHECK: select: dense<[1, 9, 3]> : tensor<3xi64>
func.func @select() -> tensor<3xi64> {
  %c = dl.constant dense<[true, false, true]> : tensor<3xi1>
  %a = dl.constant dense<[1, 2, 3]> : tensor<3xi64>
  %b = dl.constant dense<9> : tensor<i64>
  %r = dl.select %c, %a, %b : (tensor<3xi1>, tensor<3xi64>, tensor<i64>) -> tensor<3xi64>
  return %r : tensor<3xi64>
}

// CHECK{LITERAL}: iota: dense<[[0, 0], [1, 1], [2, 2]]> : tensor<3x2xi32>
// CHECK{LITERAL}: iota: dense<[0.000000e+00, 1.000000e+00]> : tensor<2xf16>
func.func @iota() -> (tensor<3x2xi32>, tensor<2xf16>) {
  %a = dl.iota : tensor<3x2xi32>
  %b = dl.iota : tensor<2xf16>
  return %a, %b : tensor<3x2xi32>, tensor<2xf16>
}
