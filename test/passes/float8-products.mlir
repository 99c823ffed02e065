// Products and convolutions of scaled 8-bit floats become products of these; others stay.

// RUN: dl-opt %s --dl-float8-products | FileCheck %s

// The scales of rows and columns multiply the sums.
// CHECK-LABEL: @scaled
// CHECK: %[[P:.*]] = dl.matmul %arg0, %{{.*}} {wide} : (tensor<4x8xf8E4M3FN>, tensor<8x2xf8E4M3FN>) -> tensor<4x2xf32>
// CHECK: %[[S:.*]] = dl.mul %{{.*}}, %{{.*}} : (tensor<f32>, tensor<2xf32>) -> tensor<2xf32>
// CHECK: %[[R:.*]] = dl.mul %[[P]], %[[S]] : (tensor<4x2xf32>, tensor<2xf32>)
// CHECK: return %[[R]]
func.func @scaled(%x: tensor<4x8xf8E4M3FN>, %w: tensor<2x8xf8E4M3FN>) -> tensor<4x2xf32> {
  %half = dl.constant dense<0.5> : tensor<f32>
  %scales = dl.constant dense<[[0.25], [0.125]]> : tensor<2x1xf32>
  %0 = dl.cast %x : (tensor<4x8xf8E4M3FN>) -> tensor<4x8xf32>
  %1 = dl.mul %0, %half : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %2 = dl.cast %w : (tensor<2x8xf8E4M3FN>) -> tensor<2x8xf32>
  %3 = dl.mul %2, %scales : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
  %4 = dl.transpose %3 {permutation = array<i64: 1, 0>} : (tensor<2x8xf32>) -> tensor<8x2xf32>
  %5 = dl.matmul %1, %4 : (tensor<4x8xf32>, tensor<8x2xf32>) -> tensor<4x2xf32>
  return %5 : tensor<4x2xf32>
}

// CHECK-LABEL: @convolution
// CHECK: dl.conv %arg0, %arg1 {{.*}}wide{{.*}} : (tensor<1x4x6x6xf8E5M2>, tensor<3x4x3x3xf8E5M2>) -> tensor<1x3x6x6xf32>
func.func @convolution(%x: tensor<1x4x6x6xf8E5M2>, %w: tensor<3x4x3x3xf8E5M2>) -> tensor<1x3x6x6xf32> {
  %0 = dl.cast %x : (tensor<1x4x6x6xf8E5M2>) -> tensor<1x4x6x6xf32>
  %1 = dl.cast %w : (tensor<3x4x3x3xf8E5M2>) -> tensor<3x4x3x3xf32>
  %2 = dl.conv %0, %1 {strides = array<i64: 1, 1>, pads_low = array<i64: 1, 1>, pads_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x4x6x6xf32>, tensor<3x4x3x3xf32>) -> tensor<1x3x6x6xf32>
  return %2 : tensor<1x3x6x6xf32>
}

// Scales along what is contracted, and two types.
// CHECK-LABEL: @others
// CHECK-NOT: wide
func.func @others(%x: tensor<4x8xf8E4M3FN>, %w: tensor<8x2xf8E4M3FN>, %y: tensor<4x8xf8E5M2>, %s: tensor<4x8xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>) {
  %scales = dl.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]> : tensor<8xf32>
  %0 = dl.cast %x : (tensor<4x8xf8E4M3FN>) -> tensor<4x8xf32>
  %1 = dl.mul %0, %scales : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  %2 = dl.cast %w : (tensor<8x2xf8E4M3FN>) -> tensor<8x2xf32>
  %3 = dl.matmul %1, %2 : (tensor<4x8xf32>, tensor<8x2xf32>) -> tensor<4x2xf32>
  %4 = dl.cast %y : (tensor<4x8xf8E5M2>) -> tensor<4x8xf32>
  %5 = dl.matmul %4, %2 : (tensor<4x8xf32>, tensor<8x2xf32>) -> tensor<4x2xf32>
  %6 = dl.matmul %s, %2 : (tensor<4x8xf32>, tensor<8x2xf32>) -> tensor<4x2xf32>
  return %3, %5, %6 : tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>
}
