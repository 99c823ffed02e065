// RUN: dl-opt --run-reference %s -o /dev/null | FileCheck %s

// CHECK: scan: dense<[9, 12]> : tensor<2xi32>
// CHECK{LITERAL}: scan: dense<[[1, 2], [4, 6], [9, 12]]> : tensor<3x2xi32>
// CHECK: scan: dense<[9, 12]> : tensor<2xi32>
// CHECK{LITERAL}: scan: dense<[[9, 12], [8, 10], [5, 6]]> : tensor<3x2xi32>
func.func @scan() -> (tensor<2xi32>, tensor<3x2xi32>, tensor<2xi32>, tensor<3x2xi32>) {
  %x = dl.constant dense<[[1, 2], [3, 4], [5, 6]]> : tensor<3x2xi32>
  %h = dl.constant dense<[0, 0]> : tensor<2xi32>
  %a, %b = dl.scan states(%h) inputs(%x) {
  ^bb0(%s: tensor<2xi32>, %e: tensor<2xi32>):
    %n = dl.add %s, %e : (tensor<2xi32>, tensor<2xi32>) -> tensor<2xi32>
    dl.yield %n, %n : tensor<2xi32>, tensor<2xi32>
  } : (tensor<2xi32>, tensor<3x2xi32>) -> (tensor<2xi32>, tensor<3x2xi32>)
  %c, %d = dl.scan states(%h) inputs(%x) {
  ^bb0(%s: tensor<2xi32>, %e: tensor<2xi32>):
    %n = dl.add %s, %e : (tensor<2xi32>, tensor<2xi32>) -> tensor<2xi32>
    dl.yield %n, %n : tensor<2xi32>, tensor<2xi32>
  } {reverse = true} : (tensor<2xi32>, tensor<3x2xi32>) -> (tensor<2xi32>, tensor<3x2xi32>)
  return %a, %b, %c, %d : tensor<2xi32>, tensor<3x2xi32>, tensor<2xi32>, tensor<3x2xi32>
}

// Values from outside are there in every iteration, and after it.
// CHECK: scan_outside: dense<[11, 12]> : tensor<2xi32>
// CHECK: scan_outside: dense<10> : tensor<i32>
func.func @scan_outside() -> (tensor<2xi32>, tensor<i32>) {
  %x = dl.constant dense<[1, 2]> : tensor<2xi32>
  %k = dl.constant dense<10> : tensor<i32>
  %r = dl.scan states() inputs(%x) {
  ^bb0(%e: tensor<i32>):
    %n = dl.add %e, %k : (tensor<i32>, tensor<i32>) -> tensor<i32>
    dl.yield %n : tensor<i32>
  } : (tensor<2xi32>) -> tensor<2xi32>
  return %r, %k : tensor<2xi32>, tensor<i32>
}

// CHECK: fused: dense<[5, 7]> : tensor<2xi32>
// CHECK: fused: dense<[10, 14]> : tensor<2xi32>
func.func @fused() -> (tensor<2xi32>, tensor<2xi32>) {
  %x = dl.constant dense<[2, 3]> : tensor<2xi32>
  %y = dl.constant dense<[3, 4]> : tensor<2xi32>
  %a, %b = dl.fused {
    %0 = dl.add %x, %y : (tensor<2xi32>, tensor<2xi32>) -> tensor<2xi32>
    %1 = dl.add %0, %0 : (tensor<2xi32>, tensor<2xi32>) -> tensor<2xi32>
    dl.yield %0, %1 : tensor<2xi32>, tensor<2xi32>
  } : tensor<2xi32>, tensor<2xi32>
  return %a, %b : tensor<2xi32>, tensor<2xi32>
}

// Symbols are bound by the inputs' shapes.
// CHECK: symbols: dense<[3, 8, 2]> : tensor<3xi64>
// CHECK{LITERAL}: symbols: dense<[[5], [6]]> : tensor<2x1xi32>
func.func @symbols(
    %x: tensor<?x?xi32, #dl.dims<()[s0, s1] -> (s0, s1)>> {dl.value = dense<[[1, 2], [3, 4], [5, 6]]> : tensor<3x2xi32>},
    %y: tensor<?xi32, #dl.dims<()[s0] -> (s0 * 2)>> {dl.value = dense<0> : tensor<6xi32>})
    -> (tensor<3xi64>, tensor<?x1xi32, #dl.dims<()[s0, s1] -> (s1, 1)>>)
    attributes {dl.symbols = ["n", "m"]} {
  %s = dl.sizes <()[s0, s1] -> (s0, s0 + s1 + 3, (s0 + 1) floordiv 2)> : tensor<3xi64>
  %last = dl.slice %x {offsets = affine_map<()[s0] -> (s0 - 1, 0)>, strides = array<i64: 1, 1>} : (tensor<?x?xi32, #dl.dims<()[s0, s1] -> (s0, s1)>>) -> tensor<1x?xi32, #dl.dims<()[s0, s1] -> (1, s1)>>
  %r = dl.reshape %last : (tensor<1x?xi32, #dl.dims<()[s0, s1] -> (1, s1)>>) -> tensor<?x1xi32, #dl.dims<()[s0, s1] -> (s1, 1)>>
  return %s, %r : tensor<3xi64>, tensor<?x1xi32, #dl.dims<()[s0, s1] -> (s1, 1)>>
}

// A resource is read in place.
// CHECK: resource: dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32>
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
