// Long products with few results: of float32 and of bytes, in a batch, with what follows,
// and a convolution.
func.func @main(%a: tensor<33x2048xf32>, %b: tensor<2048x40xf32>, %c: tensor<40xf32>, %d: tensor<2x8x1024xf32>, %e: tensor<2x72x1024xf32>,
                %x: tensor<1x7x7x256xf32>, %w: tensor<16x3x3x256xf32>) -> (tensor<33x40xf32>, tensor<2x8x72xf32>, tensor<1x16x5x5xf32>) {
  %0 = dl.matmul %a, %b : (tensor<33x2048xf32>, tensor<2048x40xf32>) -> tensor<33x40xf32>
  %1 = dl.add %0, %c : (tensor<33x40xf32>, tensor<40xf32>) -> tensor<33x40xf32>
  %et = dl.transpose %e {permutation = array<i64: 0, 2, 1>} : (tensor<2x72x1024xf32>) -> tensor<2x1024x72xf32>
  %2 = dl.matmul %d, %et : (tensor<2x8x1024xf32>, tensor<2x1024x72xf32>) -> tensor<2x8x72xf32>
  %xt = dl.transpose %x {permutation = array<i64: 0, 3, 1, 2>} : (tensor<1x7x7x256xf32>) -> tensor<1x256x7x7xf32>
  %wt = dl.transpose %w {permutation = array<i64: 0, 3, 1, 2>} : (tensor<16x3x3x256xf32>) -> tensor<16x256x3x3xf32>
  %3 = dl.conv %xt, %wt {strides = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x256x7x7xf32>, tensor<16x256x3x3xf32>) -> tensor<1x16x5x5xf32>
  return %1, %2, %3 : tensor<33x40xf32>, tensor<2x8x72xf32>, tensor<1x16x5x5xf32>
}
