// Products of 8-bit floats along what is summed up.
func.func @main(%x: tensor<150x208xf32>, %y: tensor<104x208xf32>) -> (tensor<150x104xf32>, tensor<104x150xf32>, tensor<150x104xf32>, tensor<104x150xf32>) {
  %x4 = dl.cast %x : (tensor<150x208xf32>) -> tensor<150x208xf8E4M3FN>
  %y4 = dl.cast %y : (tensor<104x208xf32>) -> tensor<104x208xf8E4M3FN>
  %yt4 = dl.transpose %y4 {permutation = array<i64: 1, 0>} : (tensor<104x208xf8E4M3FN>) -> tensor<208x104xf8E4M3FN>
  %xt4 = dl.transpose %x4 {permutation = array<i64: 1, 0>} : (tensor<150x208xf8E4M3FN>) -> tensor<208x150xf8E4M3FN>
  %p4 = dl.matmul %x4, %yt4 {wide} : (tensor<150x208xf8E4M3FN>, tensor<208x104xf8E4M3FN>) -> tensor<150x104xf32>
  %q4 = dl.matmul %y4, %xt4 {wide} : (tensor<104x208xf8E4M3FN>, tensor<208x150xf8E4M3FN>) -> tensor<104x150xf32>
  %x5 = dl.cast %x : (tensor<150x208xf32>) -> tensor<150x208xf8E5M2>
  %y5 = dl.cast %y : (tensor<104x208xf32>) -> tensor<104x208xf8E5M2>
  %yt5 = dl.transpose %y5 {permutation = array<i64: 1, 0>} : (tensor<104x208xf8E5M2>) -> tensor<208x104xf8E5M2>
  %xt5 = dl.transpose %x5 {permutation = array<i64: 1, 0>} : (tensor<150x208xf8E5M2>) -> tensor<208x150xf8E5M2>
  %p5 = dl.matmul %x5, %yt5 {wide} : (tensor<150x208xf8E5M2>, tensor<208x104xf8E5M2>) -> tensor<150x104xf32>
  %q5 = dl.matmul %y5, %xt5 {wide} : (tensor<104x208xf8E5M2>, tensor<208x150xf8E5M2>) -> tensor<104x150xf32>
  return %p4, %q4, %p5, %q5 : tensor<150x104xf32>, tensor<104x150xf32>, tensor<150x104xf32>, tensor<104x150xf32>
}
