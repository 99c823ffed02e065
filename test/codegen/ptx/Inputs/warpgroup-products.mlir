// Products by warpgroups on sm_90a with computed operands: convolutions, whose window has a
// border, steps of two and dilations; a right operand and a left one of float32, the latter by
// columns; both; and a slice of a tensor, which the copy engine fetches.
func.func @main(%x: tensor<2x19x21x64xf16>, %w: tensor<3x3x64x72xf16>, %u: tensor<1x1x64x40xf16>, %d: tensor<2x2x64x48xf16>,
                %a: tensor<130x200xf16>, %b: tensor<200x264xf32>, %c: tensor<200x136xf32>,
                %s: tensor<70x3x80xf16>, %t: tensor<80x56xf16>,
                %y: tensor<1x9x9x512xf16>, %z: tensor<2x2x512x64xf16>)
    -> (tensor<2x19x21x72xf16>, tensor<2x10x11x40xf16>, tensor<2x17x19x48xf16>, tensor<130x264xf16>, tensor<136x264xf16>, tensor<70x56xf16>, tensor<1x8x8x64xf16>) {
  %0 = dl.conv %x, %w {channels_last = true, strides = array<i64: 1, 1>, pads_low = array<i64: 1, 1>, pads_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<2x19x21x64xf16>, tensor<3x3x64x72xf16>) -> tensor<2x19x21x72xf16>
  %1 = dl.conv %x, %u {channels_last = true, strides = array<i64: 2, 2>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<2x19x21x64xf16>, tensor<1x1x64x40xf16>) -> tensor<2x10x11x40xf16>
  %2 = dl.conv %x, %d {channels_last = true, strides = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>, dilations = array<i64: 2, 2>, groups = 1 : i64} : (tensor<2x19x21x64xf16>, tensor<2x2x64x48xf16>) -> tensor<2x17x19x48xf16>
  %bh = dl.cast %b : (tensor<200x264xf32>) -> tensor<200x264xf16>
  %3 = dl.matmul %a, %bh : (tensor<130x200xf16>, tensor<200x264xf16>) -> tensor<130x264xf16>
  %ch = dl.cast %c : (tensor<200x136xf32>) -> tensor<200x136xf16>
  %ct = dl.transpose %ch {permutation = array<i64: 1, 0>} : (tensor<200x136xf16>) -> tensor<136x200xf16>
  %4 = dl.matmul %ct, %bh : (tensor<136x200xf16>, tensor<200x264xf16>) -> tensor<136x264xf16>
  %part = dl.slice %s {offsets = affine_map<() -> (0, 1, 0)>, strides = array<i64: 1, 1, 1>} : (tensor<70x3x80xf16>) -> tensor<70x1x80xf16>
  %rows = dl.reshape %part : (tensor<70x1x80xf16>) -> tensor<70x80xf16>
  %5 = dl.matmul %rows, %t : (tensor<70x80xf16>, tensor<80x56xf16>) -> tensor<70x56xf16>
  %6 = dl.conv %y, %z {channels_last = true, strides = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x9x9x512xf16>, tensor<2x2x512x64xf16>) -> tensor<1x8x8x64xf16>
  return %0, %1, %2, %3, %4, %5, %6 : tensor<2x19x21x72xf16>, tensor<2x10x11x40xf16>, tensor<2x17x19x48xf16>, tensor<130x264xf16>, tensor<136x264xf16>, tensor<70x56xf16>, tensor<1x8x8x64xf16>
}
