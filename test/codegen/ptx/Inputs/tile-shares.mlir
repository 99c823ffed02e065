// Products whose tiles are shared: all of them, in float32, in a batch, as a convolution and
// of bytes, and those that are left beyond a wave of 108 processors.
func.func @main(%a: tensor<100x1001xf32>, %b: tensor<1001x90xf32>, %c: tensor<90xf32>, %d: tensor<3x50x1001xf32>, %e: tensor<3x1001x60xf32>,
                %x: tensor<1x125x20x20xf32>, %w: tensor<64x125x3x3xf32>, %f: tensor<100x8208xi8>, %g: tensor<8208x72xi8>,
                %h: tensor<310x1001xf32>, %i: tensor<1001x330xf32>) -> (tensor<100x90xf32>, tensor<3x50x60xf32>, tensor<1x64x18x18xf32>, tensor<100x72xi32>, tensor<310x330xf32>) {
  %0 = dl.matmul %a, %b : (tensor<100x1001xf32>, tensor<1001x90xf32>) -> tensor<100x90xf32>
  %1 = dl.add %0, %c : (tensor<100x90xf32>, tensor<90xf32>) -> tensor<100x90xf32>
  %2 = dl.matmul %d, %e : (tensor<3x50x1001xf32>, tensor<3x1001x60xf32>) -> tensor<3x50x60xf32>
  %3 = dl.conv %x, %w {strides = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x125x20x20xf32>, tensor<64x125x3x3xf32>) -> tensor<1x64x18x18xf32>
  %4 = dl.matmul %f, %g {wide} : (tensor<100x8208xi8>, tensor<8208x72xi8>) -> tensor<100x72xi32>
  %5 = dl.matmul %h, %i : (tensor<310x1001xf32>, tensor<1001x330xf32>) -> tensor<310x330xf32>
  return %1, %2, %3, %4, %5 : tensor<100x90xf32>, tensor<3x50x60xf32>, tensor<1x64x18x18xf32>, tensor<100x72xi32>, tensor<310x330xf32>
}
