// Attention by warpgroups on sm_90a: heads of 80 elements whose values have 48, so many that
// there are two consumers; grouped heads, whose queries, keys and values are views of one
// tensor; short heads, whose keys and values are of float32 and computed; long heads, of which a row sees the
// keys up to its own.
func.func @main(%q: tensor<140x130x80xf16>, %k: tensor<140x140x80xf16>, %v: tensor<140x140x48xf16>,
                %qkv: tensor<2x150x8x64xf16>,
                %x: tensor<3x70x16xf16>, %y: tensor<3x300x16xf32>, %z: tensor<3x300x128xf32>,
                %a: tensor<2x200x192xf16>)
    -> (tensor<140x130x48xf16>, tensor<2x4x150x64xf16>, tensor<3x70x128xf16>, tensor<2x200x192xf16>) {
  %eighth = dl.constant dense<0.125> : tensor<f16>
  %small = dl.constant dense<0.03125> : tensor<f16>
  %kt = dl.transpose %k {permutation = array<i64: 0, 2, 1>} : (tensor<140x140x80xf16>) -> tensor<140x80x140xf16>
  %s0 = dl.matmul %q, %kt : (tensor<140x130x80xf16>, tensor<140x80x140xf16>) -> tensor<140x130x140xf16>
  %l0 = dl.mul %s0, %eighth : (tensor<140x130x140xf16>, tensor<f16>) -> tensor<140x130x140xf16>
  %w0 = dl.softmax %l0 {axis = 2 : i64} : (tensor<140x130x140xf16>) -> tensor<140x130x140xf16>
  %0 = dl.matmul %w0, %v : (tensor<140x130x140xf16>, tensor<140x140x48xf16>) -> tensor<140x130x48xf16>

  %qs = dl.slice %qkv {offsets = affine_map<() -> (0, 0, 0, 0)>, strides = array<i64: 1, 1, 1, 1>} : (tensor<2x150x8x64xf16>) -> tensor<2x150x4x64xf16>
  %ks = dl.slice %qkv {offsets = affine_map<() -> (0, 0, 4, 0)>, strides = array<i64: 1, 1, 1, 1>} : (tensor<2x150x8x64xf16>) -> tensor<2x150x2x64xf16>
  %vs = dl.slice %qkv {offsets = affine_map<() -> (0, 0, 6, 0)>, strides = array<i64: 1, 1, 1, 1>} : (tensor<2x150x8x64xf16>) -> tensor<2x150x2x64xf16>
  %qh = dl.transpose %qs {permutation = array<i64: 0, 2, 1, 3>} : (tensor<2x150x4x64xf16>) -> tensor<2x4x150x64xf16>
  %kh = dl.transpose %ks {permutation = array<i64: 0, 2, 1, 3>} : (tensor<2x150x2x64xf16>) -> tensor<2x2x150x64xf16>
  %vh = dl.transpose %vs {permutation = array<i64: 0, 2, 1, 3>} : (tensor<2x150x2x64xf16>) -> tensor<2x2x150x64xf16>
  %k1 = dl.reshape %kh : (tensor<2x2x150x64xf16>) -> tensor<2x2x1x150x64xf16>
  %k2 = dl.broadcast %k1 : (tensor<2x2x1x150x64xf16>) -> tensor<2x2x2x150x64xf16>
  %k3 = dl.reshape %k2 : (tensor<2x2x2x150x64xf16>) -> tensor<2x4x150x64xf16>
  %v1 = dl.reshape %vh : (tensor<2x2x150x64xf16>) -> tensor<2x2x1x150x64xf16>
  %v2 = dl.broadcast %v1 : (tensor<2x2x1x150x64xf16>) -> tensor<2x2x2x150x64xf16>
  %v3 = dl.reshape %v2 : (tensor<2x2x2x150x64xf16>) -> tensor<2x4x150x64xf16>
  %k4 = dl.transpose %k3 {permutation = array<i64: 0, 1, 3, 2>} : (tensor<2x4x150x64xf16>) -> tensor<2x4x64x150xf16>
  %s1 = dl.matmul %qh, %k4 : (tensor<2x4x150x64xf16>, tensor<2x4x64x150xf16>) -> tensor<2x4x150x150xf16>
  %l1 = dl.mul %s1, %eighth : (tensor<2x4x150x150xf16>, tensor<f16>) -> tensor<2x4x150x150xf16>
  %w1 = dl.softmax %l1 {axis = 3 : i64} : (tensor<2x4x150x150xf16>) -> tensor<2x4x150x150xf16>
  %1 = dl.matmul %w1, %v3 : (tensor<2x4x150x150xf16>, tensor<2x4x150x64xf16>) -> tensor<2x4x150x64xf16>

  %yh = dl.cast %y : (tensor<3x300x16xf32>) -> tensor<3x300x16xf16>
  %zh = dl.cast %z : (tensor<3x300x128xf32>) -> tensor<3x300x128xf16>
  %yt = dl.transpose %yh {permutation = array<i64: 0, 2, 1>} : (tensor<3x300x16xf16>) -> tensor<3x16x300xf16>
  %s2 = dl.matmul %x, %yt : (tensor<3x70x16xf16>, tensor<3x16x300xf16>) -> tensor<3x70x300xf16>
  %l2 = dl.mul %s2, %eighth : (tensor<3x70x300xf16>, tensor<f16>) -> tensor<3x70x300xf16>
  %w2 = dl.softmax %l2 {axis = 2 : i64} : (tensor<3x70x300xf16>) -> tensor<3x70x300xf16>
  %2 = dl.matmul %w2, %zh : (tensor<3x70x300xf16>, tensor<3x300x128xf16>) -> tensor<3x70x128xf16>

  %row = dl.iota {axis = 0 : i64} : tensor<200x200xi32>
  %column = dl.iota {axis = 1 : i64} : tensor<200x200xi32>
  %none = dl.constant dense<0xFC00> : tensor<f16>
  %at = dl.transpose %a {permutation = array<i64: 0, 2, 1>} : (tensor<2x200x192xf16>) -> tensor<2x192x200xf16>
  %s3 = dl.matmul %a, %at : (tensor<2x200x192xf16>, tensor<2x192x200xf16>) -> tensor<2x200x200xf16>
  %l3 = dl.mul %s3, %small : (tensor<2x200x200xf16>, tensor<f16>) -> tensor<2x200x200xf16>
  %sees = dl.compare le, %column, %row : (tensor<200x200xi32>, tensor<200x200xi32>) -> tensor<200x200xi1>
  %m3 = dl.select %sees, %l3, %none : (tensor<200x200xi1>, tensor<2x200x200xf16>, tensor<f16>) -> tensor<2x200x200xf16>
  %w3 = dl.softmax %m3 {axis = 2 : i64} : (tensor<2x200x200xf16>) -> tensor<2x200x200xf16>
  %3 = dl.matmul %w3, %a : (tensor<2x200x200xf16>, tensor<2x200x192xf16>) -> tensor<2x200x192xf16>
  return %0, %1, %2, %3 : tensor<140x130x48xf16>, tensor<2x4x150x64xf16>, tensor<3x70x128xf16>, tensor<2x200x192xf16>
}
