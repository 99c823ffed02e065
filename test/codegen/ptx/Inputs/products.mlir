// Products whose operands lie by rows or by columns, whose sizes are no whole tiles, and
// in a batch.
func.func @main(%a: tensor<200x136xf32>, %b: tensor<136x264xf32>, %c: tensor<200x264xf32>, %d: tensor<3x70x64xf32>) -> (tensor<200x264xf32>, tensor<136x264xf32>, tensor<3x70x70xf32>) {
  %0 = dl.matmul %a, %b : (tensor<200x136xf32>, tensor<136x264xf32>) -> tensor<200x264xf32>
  %1 = dl.add %0, %c : (tensor<200x264xf32>, tensor<200x264xf32>) -> tensor<200x264xf32>
  %at = dl.transpose %a {permutation = array<i64: 1, 0>} : (tensor<200x136xf32>) -> tensor<136x200xf32>
  %2 = dl.matmul %at, %c : (tensor<136x200xf32>, tensor<200x264xf32>) -> tensor<136x264xf32>
  %dt = dl.transpose %d {permutation = array<i64: 0, 2, 1>} : (tensor<3x70x64xf32>) -> tensor<3x64x70xf32>
  %3 = dl.matmul %d, %dt : (tensor<3x70x64xf32>, tensor<3x64x70xf32>) -> tensor<3x70x70xf32>
  return %1, %2, %3 : tensor<200x264xf32>, tensor<136x264xf32>, tensor<3x70x70xf32>
}
