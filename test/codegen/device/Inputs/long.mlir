// The sum, the maximum and the running sum of a vector.
#vector = #dl.dims<()[s0] -> (s0)>
func.func @main(%x: tensor<?xi32, #vector>) -> (tensor<i32>, tensor<i32>, tensor<?xi32, #vector>) attributes {dl.symbols = ["N"]} {
  %0 = dl.reduce sum, %x {axes = array<i64: 0>} : (tensor<?xi32, #vector>) -> tensor<i32>
  %1 = dl.reduce max, %x {axes = array<i64: 0>} : (tensor<?xi32, #vector>) -> tensor<i32>
  %2 = dl.cumsum %x {axis = 0 : i64} : (tensor<?xi32, #vector>) -> tensor<?xi32, #vector>
  return %0, %1, %2 : tensor<i32>, tensor<i32>, tensor<?xi32, #vector>
}
