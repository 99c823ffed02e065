// Rows of many lengths and types: in registers of a part of a warp, of a warp and of a
// workgroup; too long for that; of no whole vectors; of two dimensions; and reduced alone.
#N = #dl.dims<()[s0] -> (3, s0)>
#N1 = #dl.dims<()[s0] -> (3, 1)>
func.func @main(%a: tensor<37x7xf32>, %b: tensor<1100x130xf32>, %c: tensor<5x768xf32>, %d: tensor<768xf32>, %e: tensor<2x33000xf32>,
                %f: tensor<3x?xf32, #N>, %g: tensor<9x200xf16>, %h: tensor<2x3x4x10xf32>, %i: tensor<70x64xi64>, %j: tensor<70x129xui8>)
    -> (tensor<37x7xf32>, tensor<1100x130xf32>, tensor<5x768xf32>, tensor<2x33000xf32>, tensor<3x?xf32, #N>, tensor<9x200xf16>,
        tensor<2x3x4x10xf32>, tensor<70xi64>, tensor<70x1xui8>, tensor<2xf32>, tensor<1100xf32>) {
  %a0 = dl.softmax %a {axis = 1 : i64} : (tensor<37x7xf32>) -> tensor<37x7xf32>
  %b0 = dl.softmax %b {axis = 1 : i64} : (tensor<1100x130xf32>) -> tensor<1100x130xf32>
  // A layer norm of a sum.
  %n = dl.constant dense<768.0> : tensor<f32>
  %epsilon = dl.constant dense<1.0e-5> : tensor<f32>
  %c0 = dl.add %c, %d : (tensor<5x768xf32>, tensor<768xf32>) -> tensor<5x768xf32>
  %c1 = dl.reduce sum, %c0 {axes = array<i64: 1>, keepdims = true} : (tensor<5x768xf32>) -> tensor<5x1xf32>
  %c2 = dl.div %c1, %n : (tensor<5x1xf32>, tensor<f32>) -> tensor<5x1xf32>
  %c3 = dl.sub %c0, %c2 : (tensor<5x768xf32>, tensor<5x1xf32>) -> tensor<5x768xf32>
  %c4 = dl.mul %c3, %c3 : (tensor<5x768xf32>, tensor<5x768xf32>) -> tensor<5x768xf32>
  %c5 = dl.reduce sum, %c4 {axes = array<i64: 1>, keepdims = true} : (tensor<5x768xf32>) -> tensor<5x1xf32>
  %c6 = dl.div %c5, %n : (tensor<5x1xf32>, tensor<f32>) -> tensor<5x1xf32>
  %c7 = dl.add %c6, %epsilon : (tensor<5x1xf32>, tensor<f32>) -> tensor<5x1xf32>
  %c8 = dl.sqrt %c7 : (tensor<5x1xf32>) -> tensor<5x1xf32>
  %c9 = dl.div %c3, %c8 : (tensor<5x768xf32>, tensor<5x1xf32>) -> tensor<5x768xf32>
  %c10 = dl.mul %c9, %d : (tensor<5x768xf32>, tensor<768xf32>) -> tensor<5x768xf32>
  %e0 = dl.softmax %e {axis = 1 : i64} : (tensor<2x33000xf32>) -> tensor<2x33000xf32>
  %f0 = dl.softmax %f {axis = 1 : i64} : (tensor<3x?xf32, #N>) -> tensor<3x?xf32, #N>
  %g0 = dl.softmax %g {axis = 1 : i64} : (tensor<9x200xf16>) -> tensor<9x200xf16>
  // Divided by the largest of each plane.
  %h0 = dl.reduce max, %h {axes = array<i64: 2, 3>, keepdims = true} : (tensor<2x3x4x10xf32>) -> tensor<2x3x1x1xf32>
  %h1 = dl.div %h, %h0 : (tensor<2x3x4x10xf32>, tensor<2x3x1x1xf32>) -> tensor<2x3x4x10xf32>
  %i0 = dl.reduce sum, %i {axes = array<i64: 1>} : (tensor<70x64xi64>) -> tensor<70xi64>
  %j0 = dl.reduce max, %j {axes = array<i64: 1>, keepdims = true} : (tensor<70x129xui8>) -> tensor<70x1xui8>
  %e1 = dl.reduce sum, %e {axes = array<i64: 1>} : (tensor<2x33000xf32>) -> tensor<2xf32>
  %b1 = dl.mul %b, %b : (tensor<1100x130xf32>, tensor<1100x130xf32>) -> tensor<1100x130xf32>
  %b2 = dl.reduce sum, %b1 {axes = array<i64: 1>} : (tensor<1100x130xf32>) -> tensor<1100xf32>
  return %a0, %b0, %c10, %e0, %f0, %g0, %h1, %i0, %j0, %e1, %b2 : tensor<37x7xf32>, tensor<1100x130xf32>, tensor<5x768xf32>, tensor<2x33000xf32>, tensor<3x?xf32, #N>, tensor<9x200xf16>,
        tensor<2x3x4x10xf32>, tensor<70xi64>, tensor<70x1xui8>, tensor<2xf32>, tensor<1100xf32>
}
