// Products by tensor cores whose tiles are shared: all of them, of a dense weight and of one
// that keeps two of four, and those that are left beyond a wave of 108 processors.
func.func @main(%a: tensor<100x4104xf32>, %b: tensor<4104x72xf32>, %c: tensor<72xf32>, %d: tensor<630x4104xf32>, %e: tensor<4104x696xf32>,
                %f: tensor<70x4096xf32>) -> (tensor<100x72xf32>, tensor<630x696xf32>, tensor<70x72xf32>) {
  %w = dl.constant dense_resource<pairs_f32_4096x72> : tensor<4096x72xf32>
  %0 = dl.matmul %a, %b : (tensor<100x4104xf32>, tensor<4104x72xf32>) -> tensor<100x72xf32>
  %1 = dl.add %0, %c : (tensor<100x72xf32>, tensor<72xf32>) -> tensor<100x72xf32>
  %2 = dl.matmul %d, %e : (tensor<630x4104xf32>, tensor<4104x696xf32>) -> tensor<630x696xf32>
  %3 = dl.matmul %f, %w : (tensor<70x4096xf32>, tensor<4096x72xf32>) -> tensor<70x72xf32>
  return %1, %2, %3 : tensor<100x72xf32>, tensor<630x696xf32>, tensor<70x72xf32>
}
