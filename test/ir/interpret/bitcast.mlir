// RUN: dl-opt --run-reference %s -o /dev/null | FileCheck %s

// CHECK: floats: dense<[1065353216, -2147483648]> : tensor<2xi32>
// CHECK: floats: dense<[1.000000e+00, -0.000000e+00]> : tensor<2xf32>
func.func @floats() -> (tensor<2xi32>, tensor<2xf32>) {
  %x = dl.constant dense<[1.0, -0.0]> : tensor<2xf32>
  %a = dl.bitcast %x : (tensor<2xf32>) -> tensor<2xi32>
  %b = dl.bitcast %a : (tensor<2xi32>) -> tensor<2xf32>
  return %a, %b : tensor<2xi32>, tensor<2xf32>
}

// CHECK: narrow: dense<[-1, 7]> : tensor<2xi4>
// CHECK: narrow: dense<[15, 7]> : tensor<2xui4>
// CHECK: narrow: dense<[-6.000000e+00, 6.000000e+00]> : tensor<2xf4E2M1FN>
func.func @narrow() -> (tensor<2xi4>, tensor<2xui4>, tensor<2xf4E2M1FN>) {
  %x = dl.constant dense<[15, 7]> : tensor<2xui4>
  %a = dl.bitcast %x : (tensor<2xui4>) -> tensor<2xi4>
  %b = dl.bitcast %a : (tensor<2xi4>) -> tensor<2xui4>
  %c = dl.bitcast %a : (tensor<2xi4>) -> tensor<2xf4E2M1FN>
  return %a, %b, %c : tensor<2xi4>, tensor<2xui4>, tensor<2xf4E2M1FN>
}
