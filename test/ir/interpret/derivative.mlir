// RUN: dl-opt --run-reference %s -o /dev/null | FileCheck %s

// CHECK{LITERAL}: given: dense<[2.000000e+00, 3.000000e+00]> : tensor<2xf32>
func.func @given() -> tensor<2xf32> {
  %x = dl.constant dense<[1.6, 3.4]> : tensor<2xf32>
  %y = dl.round %x : (tensor<2xf32>) -> tensor<2xf32>
  %r = dl.with_gradient (%y) by (%x) {
  ^bb0(%g: tensor<2xf32>):
    dl.yield_gradient %g : tensor<2xf32>
  } : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return %r : tensor<2xf32>
}
