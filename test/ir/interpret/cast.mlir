// RUN: dl-opt --run-reference %s -o /dev/null | FileCheck %s

// Toward zero; narrow integers take the low bits, as generated code does.
// CHECK: to_int: dense<[-1, 1, 44, -44, 0]> : tensor<5xi8>
// CHECK: to_int: dense<[255, 1, 44, 212, 0]> : tensor<5xui8>
// CHECK: to_int: dense<true> : tensor<5xi1>
func.func @to_int() -> (tensor<5xi8>, tensor<5xui8>, tensor<5xi1>) {
  %x = dl.constant dense<[-1.9, 1.9, 300.0, -300.0, 0x7FC00000]> : tensor<5xf32>
  %a = dl.cast %x : (tensor<5xf32>) -> tensor<5xi8>
  %b = dl.cast %x : (tensor<5xf32>) -> tensor<5xui8>
  %c = dl.cast %x : (tensor<5xf32>) -> tensor<5xi1>
  return %a, %b, %c : tensor<5xi8>, tensor<5xui8>, tensor<5xi1>
}

// CHECK: between_ints: dense<[-1, 44]> : tensor<2xi8>
// CHECK: between_ints: dense<[255, 44]> : tensor<2xui8>
// CHECK: between_ints: dense<true> : tensor<2xi1>
// CHECK: between_ints: dense<1> : tensor<2xi32>
func.func @between_ints() -> (tensor<2xi8>, tensor<2xui8>, tensor<2xi1>, tensor<2xi32>) {
  %x = dl.constant dense<[-1, 300]> : tensor<2xi64>
  %a = dl.cast %x : (tensor<2xi64>) -> tensor<2xi8>
  %b = dl.cast %x : (tensor<2xi64>) -> tensor<2xui8>
  %c = dl.cast %x : (tensor<2xi64>) -> tensor<2xi1>
  %d = dl.cast %c : (tensor<2xi1>) -> tensor<2xi32>
  return %a, %b, %c, %d : tensor<2xi8>, tensor<2xui8>, tensor<2xi1>, tensor<2xi32>
}

// 2^53 + 2^29 + 1 lies just above the middle of two neighbours in f32: by way of
// f64 it would be rounded to the middle first, and then down to the even one.
// CHECK: rounded_once: dense<9007200328482816> : tensor<i64>
func.func @rounded_once() -> tensor<i64> {
  %x = dl.constant dense<9007199791611905> : tensor<i64>
  %f = dl.cast %x : (tensor<i64>) -> tensor<f32>
  %r = dl.cast %f : (tensor<f32>) -> tensor<i64>
  return %r : tensor<i64>
}

// CHECK: narrow: dense<[1.000980e+00, 0x7C00]> : tensor<2xf16>
// CHECK: narrow: dense<[1.000000e+00, 9.984000e+04]> : tensor<2xbf16>
func.func @narrow() -> (tensor<2xf16>, tensor<2xbf16>) {
  %x = dl.constant dense<[1.001, 1.0e5]> : tensor<2xf32>
  %a = dl.cast %x : (tensor<2xf32>) -> tensor<2xf16>
  %b = dl.cast %x : (tensor<2xf32>) -> tensor<2xbf16>
  return %a, %b : tensor<2xf16>, tensor<2xbf16>
}

// CHECK: float8: dense<[4.480000e+02, -4.480000e+02, 1.125000e+00]> : tensor<3xf8E4M3FN>
// CHECK: float8: dense<[0x7C, 0xFC, 1.000000e+00]> : tensor<3xf8E5M2>
func.func @float8() -> (tensor<3xf8E4M3FN>, tensor<3xf8E5M2>) {
  %x = dl.constant dense<[1.0e5, 0xFF800000, 1.1]> : tensor<3xf32>
  %a = dl.cast %x : (tensor<3xf32>) -> tensor<3xf8E4M3FN>
  %b = dl.cast %x {saturate = false} : (tensor<3xf32>) -> tensor<3xf8E5M2>
  return %a, %b : tensor<3xf8E4M3FN>, tensor<3xf8E5M2>
}

// What is beyond a format, and no number, with and without saturation.
// CHECK: to_narrow: dense<[4.480000e+02, -4.480000e+02, 0x7F, 1.000000e+00]> : tensor<4xf8E4M3FN>
// CHECK: to_narrow: dense<[0x7C, 0xFC, 0x7E, 1.000000e+00]> : tensor<4xf8E5M2>
// CHECK: to_narrow: dense<[6.000000e+00, -6.000000e+00, 0.000000e+00, 1.000000e+00]> : tensor<4xf4E2M1FN>
func.func @to_narrow() -> (tensor<4xf8E4M3FN>, tensor<4xf8E5M2>, tensor<4xf4E2M1FN>) {
  %x = dl.constant dense<[1.0e9, 0xFF800000, 0x7FC00000, 1.01]> : tensor<4xf32>
  %a = dl.cast %x : (tensor<4xf32>) -> tensor<4xf8E4M3FN>
  %b = dl.cast %x {saturate = false} : (tensor<4xf32>) -> tensor<4xf8E5M2>
  %c = dl.cast %x : (tensor<4xf32>) -> tensor<4xf4E2M1FN>
  return %a, %b, %c : tensor<4xf8E4M3FN>, tensor<4xf8E5M2>, tensor<4xf4E2M1FN>
}

// Steps at 1 are of 2^-7: in each column, the errors of rounding to nearest, -0.4 and -0.25
// of one and their negatives, call for one step. To nearest, all would be 1 or 1.0078125.
// CHECK{LITERAL}: balanced: dense<[[1.007810e+00, 1.000000e+00], [1.000000e+00, 1.007810e+00]]> : tensor<2x2xbf16>
// CHECK{LITERAL}: balanced: dense<[[1.000000e+00, 1.007810e+00], [1.000000e+00, 1.007810e+00]]> : tensor<2x2xbf16>
func.func @balanced() -> (tensor<2x2xbf16>, tensor<2x2xbf16>) {
  %x = dl.constant dense<[[1.003125, 1.0046875], [1.001953125, 1.005859375]]> : tensor<2x2xf32>
  %b = dl.round_balanced %x {axes = array<i64: 0>} : (tensor<2x2xf32>) -> tensor<2x2xbf16>
  %c = dl.cast %x : (tensor<2x2xf32>) -> tensor<2x2xbf16>
  return %b, %c : tensor<2x2xbf16>, tensor<2x2xbf16>
}

// Integers below 32 bits take the low bits of one of 32.
// CHECK: low: dense<[44, -106, 1]> : tensor<3xi8>
// CHECK: low: dense<[-4, -6, 1]> : tensor<3xi4>
// CHECK: low: dense<[3, 2, 1]> : tensor<3xui2>
func.func @low() -> (tensor<3xi8>, tensor<3xi4>, tensor<3xui2>) {
  %x = dl.constant dense<[300.5, 150.0, 1.9]> : tensor<3xf32>
  %z = dl.constant dense<[300.0, -6.2, 1.0]> : tensor<3xf32>
  %w = dl.constant dense<[7.0, -2.0, 5.0]> : tensor<3xf32>
  %a = dl.cast %x : (tensor<3xf32>) -> tensor<3xi8>
  %b = dl.cast %z : (tensor<3xf32>) -> tensor<3xi4>
  %c = dl.cast %w : (tensor<3xf32>) -> tensor<3xui2>
  return %a, %b, %c : tensor<3xi8>, tensor<3xi4>, tensor<3xui2>
}
