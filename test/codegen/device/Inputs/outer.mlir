// All sums of two elements.
#vector = #dl.dims<()[s0] -> (s0)>
#column = #dl.dims<()[s0] -> (s0, 1)>
#square = #dl.dims<()[s0] -> (s0, s0)>
func.func @main(%x: tensor<?xf32, #vector>) -> tensor<?x?xf32, #square> attributes {dl.symbols = ["N"]} {
  %0 = dl.reshape %x : (tensor<?xf32, #vector>) -> tensor<?x1xf32, #column>
  %1 = dl.add %0, %x : (tensor<?x1xf32, #column>, tensor<?xf32, #vector>) -> tensor<?x?xf32, #square>
  return %1 : tensor<?x?xf32, #square>
}
