// Types with symbols, and forms that the examples of the ops' descriptions do not
// show, survive a round trip. examples.test has the rest.

// RUN: dl-opt %s | dl-opt | FileCheck %s
// RUN: dl-opt %s --mlir-print-op-generic | dl-opt | FileCheck %s

// CHECK-LABEL: func.func @symbols(
// CHECK-SAME: tensor<?x?x64xf32, #dl.dims<()[s0, s1] -> (s0, s0 + s1, 64)>>
func.func @symbols(%x: tensor<?x?x64xf32, #dl.dims<()[s0, s1] -> (s0, s1 + s0, 64)>>) attributes {dl.symbols = ["n", "m"]} {
  // CHECK: dl.sizes <()[s0, s1] -> (s0, s0 * s1, 7)> : tensor<3xi64>
  %s = dl.sizes <()[s0, s1] -> (s0, s1 * s0, 7)> : tensor<3xi64>
  // CHECK: dl.sizes <()[s0] -> (s0)> : tensor<i64>
  %t = dl.sizes <()[s0, s1] -> (s0)> : tensor<i64>
  return
}

// CHECK-LABEL: func.func @attributes(
func.func @attributes(%x: tensor<2x9xf32>, %b: tensor<9xi1>) {
  // CHECK: dl.is_inf %{{.*}} {negative = false} : (tensor<2x9xf32>) -> tensor<2x9xi1>
  %0 = dl.is_inf %x {negative = false} : (tensor<2x9xf32>) -> tensor<2x9xi1>
  // CHECK: dl.cast %{{.*}} {saturate = false} : (tensor<2x9xf32>) -> tensor<2x9xf8E5M2>
  %1 = dl.cast %x {saturate = false} : (tensor<2x9xf32>) -> tensor<2x9xf8E5M2>
  // CHECK: dl.bitcast %{{.*}} : (tensor<2x9xf32>) -> tensor<2x9xui32>
  %bits = dl.bitcast %x : (tensor<2x9xf32>) -> tensor<2x9xui32>
  // CHECK: dl.mod %{{.*}}, %{{.*}} {fmod = true} : (tensor<2x9xf32>, tensor<2x9xf32>) -> tensor<2x9xf32>
  %2 = dl.mod %x, %x {fmod = true} : (tensor<2x9xf32>, tensor<2x9xf32>) -> tensor<2x9xf32>
  // CHECK: dl.compare ge, %{{.*}}, %{{.*}} : (tensor<9xi1>, tensor<9xi1>) -> tensor<9xi1>
  %3 = dl.compare ge, %b, %b : (tensor<9xi1>, tensor<9xi1>) -> tensor<9xi1>
  // CHECK: dl.reduce prod, %{{.*}} {axes = array<i64: 0, 1>, keepdims = true} : (tensor<2x9xf32>) -> tensor<1x1xf32>
  %4 = dl.reduce prod, %x {axes = array<i64: 0, 1>, keepdims = true} : (tensor<2x9xf32>) -> tensor<1x1xf32>
  // CHECK: dl.topk %{{.*}} {axis = 1 : i64, largest = false, sorted = false}
  %v, %i = dl.topk %x {axis = 1 : i64, largest = false, sorted = false} : (tensor<2x9xf32>) -> (tensor<2x3xf32>, tensor<2x3xi64>)
  // CHECK: dl.iota : tensor<8xi64>
  %5 = dl.iota : tensor<8xi64>
  return
}

// CHECK-LABEL: func.func @empty_lists(
func.func @empty_lists(%x: tensor<3xf32>) -> tensor<3xf32> {
  // CHECK: dl.scan states() inputs(%{{.*}}) {
  // CHECK-NEXT: ^bb0(%[[E:.*]]: tensor<f32>):
  // CHECK-NEXT: dl.yield %[[E]] : tensor<f32>
  // CHECK-NEXT: } : (tensor<3xf32>) -> tensor<3xf32>
  %r = dl.scan states() inputs(%x) {
  ^bb0(%e: tensor<f32>):
    dl.yield %e : tensor<f32>
  } : (tensor<3xf32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// A large constant is a resource.
// CHECK-LABEL: func.func @resource(
// CHECK: dl.constant dense_resource<weights> : tensor<2xf32>
func.func @resource() -> tensor<2xf32> {
  %x = dl.constant dense_resource<weights> : tensor<2xf32>
  return %x : tensor<2xf32>
}

{-#
  dialect_resources: {
    builtin: {
      weights: "0x400000000000803F00000040"
    }
  }
#-}
