#q = #dl.dims<()[s0, s1] -> (2, 3, s0, 64)>
#k = #dl.dims<()[s0, s1] -> (2, 3, s1, 64)>
#kt = #dl.dims<()[s0, s1] -> (2, 3, 64, s1)>
#s = #dl.dims<()[s0, s1] -> (2, 3, s0, s1)>
#m = #dl.dims<()[s0, s1] -> (s0, s1)>
func.func @main(%q: tensor<2x3x?x64xf32, #q>, %k: tensor<2x3x?x64xf32, #k>, %v: tensor<2x3x?x64xf32, #k>, %m: tensor<?x?xf32, #m>) -> tensor<2x3x?x64xf32, #q> attributes {dl.symbols = ["M", "N"]} {
  %kt = dl.transpose %k {permutation = array<i64: 0, 1, 3, 2>} : (tensor<2x3x?x64xf32, #k>) -> tensor<2x3x64x?xf32, #kt>
  %0 = dl.matmul %q, %kt : (tensor<2x3x?x64xf32, #q>, tensor<2x3x64x?xf32, #kt>) -> tensor<2x3x?x?xf32, #s>
  %a = dl.add %0, %m : (tensor<2x3x?x?xf32, #s>, tensor<?x?xf32, #m>) -> tensor<2x3x?x?xf32, #s>
  %1 = dl.softmax %a {axis = 3 : i64} : (tensor<2x3x?x?xf32, #s>) -> tensor<2x3x?x?xf32, #s>
  %2 = dl.matmul %1, %v : (tensor<2x3x?x?xf32, #s>, tensor<2x3x?x64xf32, #k>) -> tensor<2x3x?x64xf32, #q>
  return %2 : tensor<2x3x?x64xf32, #q>
}
