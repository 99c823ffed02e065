// max(x w + b, 0)
#rows = #dl.dims<()[s0] -> (s0, 64)>
#result = #dl.dims<()[s0] -> (s0, 37)>
func.func @main(%x: tensor<?x64xf32, #rows>, %w: tensor<64x37xf32>, %b: tensor<37xf32>) -> tensor<?x37xf32, #result> attributes {dl.symbols = ["M"]} {
  %0 = dl.matmul %x, %w : (tensor<?x64xf32, #rows>, tensor<64x37xf32>) -> tensor<?x37xf32, #result>
  %1 = dl.add %0, %b : (tensor<?x37xf32, #result>, tensor<37xf32>) -> tensor<?x37xf32, #result>
  %z = dl.constant dense<0.0> : tensor<f32>
  %2 = dl.max %1, %z : (tensor<?x37xf32, #result>, tensor<f32>) -> tensor<?x37xf32, #result>
  return %2 : tensor<?x37xf32, #result>
}
