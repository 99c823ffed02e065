// A product of what begins in the middle of a tensor, put behind a vector.
func.func @main(%x: tensor<131xf32>, %w: tensor<64x5xf32>, %head: tensor<3xf32>) -> tensor<13xf32> {
  %0 = dl.slice %x {offsets = affine_map<() -> (3)>, strides = array<i64: 1>} : (tensor<131xf32>) -> tensor<128xf32>
  %1 = dl.reshape %0 : (tensor<128xf32>) -> tensor<2x64xf32>
  %2 = dl.matmul %1, %w : (tensor<2x64xf32>, tensor<64x5xf32>) -> tensor<2x5xf32>
  %3 = dl.reshape %2 : (tensor<2x5xf32>) -> tensor<10xf32>
  %4 = dl.concat %head, %3 {axis = 0 : i64} : (tensor<3xf32>, tensor<10xf32>) -> tensor<13xf32>
  return %4 : tensor<13xf32>
}
