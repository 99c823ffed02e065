// Attention whose mask has the lowest finite number in place of minus infinity: the
// first 130 keys do not count (a padded batch), and of fewer keys none, which then
// count alike.
#q = #dl.dims<()[s0, s1] -> (2, 3, s0, 64)>
#k = #dl.dims<()[s0, s1] -> (2, 3, s1, 64)>
#kt = #dl.dims<()[s0, s1] -> (2, 3, 64, s1)>
#s = #dl.dims<()[s0, s1] -> (2, 3, s0, s1)>
#n = #dl.dims<()[s0, s1] -> (s1)>
func.func @main(%q: tensor<2x3x?x64xf32, #q>, %k: tensor<2x3x?x64xf32, #k>, %v: tensor<2x3x?x64xf32, #k>) -> tensor<2x3x?x64xf32, #q> attributes {dl.symbols = ["M", "N"]} {
  %lowest = dl.constant dense<0xFF7FFFFF> : tensor<f32>
  %zero = dl.constant dense<0.0> : tensor<f32>
  %padding = dl.constant dense<130> : tensor<i32>
  %key = dl.iota {axis = 0 : i64} : tensor<?xi32, #n>
  %isPadding = dl.compare lt, %key, %padding : (tensor<?xi32, #n>, tensor<i32>) -> tensor<?xi1, #n>
  %m = dl.select %isPadding, %lowest, %zero : (tensor<?xi1, #n>, tensor<f32>, tensor<f32>) -> tensor<?xf32, #n>
  %kt = dl.transpose %k {permutation = array<i64: 0, 1, 3, 2>} : (tensor<2x3x?x64xf32, #k>) -> tensor<2x3x64x?xf32, #kt>
  %0 = dl.matmul %q, %kt : (tensor<2x3x?x64xf32, #q>, tensor<2x3x64x?xf32, #kt>) -> tensor<2x3x?x?xf32, #s>
  %a = dl.add %0, %m : (tensor<2x3x?x?xf32, #s>, tensor<?xf32, #n>) -> tensor<2x3x?x?xf32, #s>
  %1 = dl.softmax %a {axis = 3 : i64} : (tensor<2x3x?x?xf32, #s>) -> tensor<2x3x?x?xf32, #s>
  %2 = dl.matmul %1, %v : (tensor<2x3x?x?xf32, #s>, tensor<2x3x?x64xf32, #k>) -> tensor<2x3x?x64xf32, #q>
  return %2 : tensor<2x3x?x64xf32, #q>
}
