// Attention in which a row sees keys up to its own, and up to three behind it by an
// additive mask.
func.func @main(%q: tensor<2x200x64xf16>, %u: tensor<2x200x64xf16>, %v: tensor<2x200x64xf16>) -> (tensor<2x200x64xf16>, tensor<2x200x64xf16>) {
  %row = dl.iota {axis = 0 : i64} : tensor<200x200xi32>
  %column = dl.iota {axis = 1 : i64} : tensor<200x200xi32>
  %none = dl.constant dense<0xFC00> : tensor<f16>
  %zero = dl.constant dense<0.0> : tensor<f16>
  %three = dl.constant dense<3> : tensor<i32>
  %k = dl.transpose %u {permutation = array<i64: 0, 2, 1>} : (tensor<2x200x64xf16>) -> tensor<2x64x200xf16>
  %0 = dl.matmul %q, %k : (tensor<2x200x64xf16>, tensor<2x64x200xf16>) -> tensor<2x200x200xf16>
  %sees = dl.compare le, %column, %row : (tensor<200x200xi32>, tensor<200x200xi32>) -> tensor<200x200xi1>
  %1 = dl.select %sees, %0, %none : (tensor<200x200xi1>, tensor<2x200x200xf16>, tensor<f16>) -> tensor<2x200x200xf16>
  %2 = dl.softmax %1 {axis = 2 : i64} : (tensor<2x200x200xf16>) -> tensor<2x200x200xf16>
  %3 = dl.matmul %2, %v : (tensor<2x200x200xf16>, tensor<2x200x64xf16>) -> tensor<2x200x64xf16>
  %qt = dl.transpose %v {permutation = array<i64: 0, 2, 1>} : (tensor<2x200x64xf16>) -> tensor<2x64x200xf16>
  %4 = dl.matmul %q, %qt : (tensor<2x200x64xf16>, tensor<2x64x200xf16>) -> tensor<2x200x200xf16>
  %far = dl.sub %column, %three : (tensor<200x200xi32>, tensor<i32>) -> tensor<200x200xi32>
  %seen = dl.compare ge, %row, %far : (tensor<200x200xi32>, tensor<200x200xi32>) -> tensor<200x200xi1>
  %mask = dl.select %seen, %zero, %none : (tensor<200x200xi1>, tensor<f16>, tensor<f16>) -> tensor<200x200xf16>
  %5 = dl.add %4, %mask : (tensor<2x200x200xf16>, tensor<200x200xf16>) -> tensor<2x200x200xf16>
  %6 = dl.softmax %5 {axis = 2 : i64} : (tensor<2x200x200xf16>) -> tensor<2x200x200xf16>
  %7 = dl.matmul %6, %v : (tensor<2x200x200xf16>, tensor<2x200x64xf16>) -> tensor<2x200x64xf16>
  return %3, %7 : tensor<2x200x64xf16>, tensor<2x200x64xf16>
}
