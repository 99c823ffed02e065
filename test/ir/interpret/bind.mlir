// RUN: dl-opt --run-reference %s -o /dev/null | FileCheck %s

// A symbol that data gives stands in types and sizes from then on.
// CHECK: late: dense<[1, 2]> : tensor<2xi32>
// CHECK: late: dense<[2, 4]> : tensor<2xi64>
func.func @late(%n: tensor<1xi64> {dl.value = dense<2> : tensor<1xi64>},
                %x: tensor<?xi32, #dl.dims<()[s0] -> (s0)>> {dl.value = dense<[1, 2, 3]> : tensor<3xi32>})
    -> (tensor<?xi32, #dl.dims<()[s0, s1] -> (s1)>>, tensor<2xi64>)
    attributes {dl.symbols = ["size", "late"],
                dl.checks = [{relation = "le", sizes = affine_map<()[s0, s1] -> (s1, s0)>, message = "too many"}]} {
  dl.bind %n {symbols = array<i64: 1>, message = "the size is not valid"} : tensor<1xi64>
  %s = dl.slice %x {offsets = affine_map<() -> (0)>, strides = array<i64: 1>} : (tensor<?xi32, #dl.dims<()[s0] -> (s0)>>) -> tensor<?xi32, #dl.dims<()[s0, s1] -> (s1)>>
  %t = dl.sizes <()[s0, s1] -> (s1, s1 * 2)> : tensor<2xi64>
  return %s, %t : tensor<?xi32, #dl.dims<()[s0, s1] -> (s1)>>, tensor<2xi64>
}

// As a constant, sizes may stand before what gives them, where folding puts them.
// CHECK: early: dense<[2, 4]> : tensor<2xi64>
func.func @early(%n: tensor<1xi64> {dl.value = dense<2> : tensor<1xi64>}) -> tensor<2xi64>
    attributes {dl.symbols = ["late"]} {
  %t = dl.sizes <()[s0] -> (s0, s0 * 2)> : tensor<2xi64>
  dl.bind %n {symbols = array<i64: 0>, message = "the size is not valid"} : tensor<1xi64>
  return %t : tensor<2xi64>
}
