// What the verifiers of contractions refuse.

// RUN: dl-opt %s --split-input-file --verify-diagnostics

func.func @matmul(%a: tensor<3xf32>, %b: tensor<3x4xf32>) {
  // expected-error @+2 {{(C1) expected operands of rank 2 or more, found 'tensor<3xf32>' and 'tensor<3x4xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.matmul %a, %b : (tensor<3xf32>, tensor<3x4xf32>) -> tensor<1x1xf32>
  return
}

// -----

func.func @matmul_2(%a: tensor<2x3xf32>, %b: tensor<3x4xf16>) {
  // expected-error @+2 {{(C2) expected one element type, found 'f32' and 'f16'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.matmul %a, %b : (tensor<2x3xf32>, tensor<3x4xf16>) -> tensor<1x1xf32>
  return
}

// -----

func.func @matmul_3(%a: tensor<2x3xf32>, %b: tensor<4x4xf32>) {
  // expected-error @+2 {{(C3) expected contracted dimensions to agree, found 'tensor<2x3xf32>' and 'tensor<4x4xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.matmul %a, %b : (tensor<2x3xf32>, tensor<4x4xf32>) -> tensor<1x1xf32>
  return
}

// -----

func.func @matmul_4(%a: tensor<2x2x3xf32>, %b: tensor<3x3x4xf32>) {
  // expected-error @+2 {{(C4) expected leading dimensions that broadcast, found 'tensor<2x2x3xf32>' and 'tensor<3x3x4xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.matmul %a, %b : (tensor<2x2x3xf32>, tensor<3x3x4xf32>) -> tensor<1x1xf32>
  return
}

// -----

func.func @conv(%x: tensor<4x8xf32>, %w: tensor<6x4xf32>) {
  // expected-error @+2 {{(C1) expected one rank of 3 or more, found 'tensor<4x8xf32>' and 'tensor<6x4xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.conv %x, %w {strides = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<4x8xf32>, tensor<6x4xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @conv_2(%x: tensor<1x4x8x8xf32>, %w: tensor<6x4x3xf32>) {
  // expected-error @+2 {{(C1) expected one rank of 3 or more, found 'tensor<1x4x8x8xf32>' and 'tensor<6x4x3xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.conv %x, %w {strides = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x4x8x8xf32>, tensor<6x4x3xf32>) -> tensor<1x4x8x8xf32>
  return
}

// -----

func.func @conv_3(%x: tensor<1x4x8x8xf32>, %w: tensor<6x4x3x3xf16>) {
  // expected-error @+2 {{(C2) expected one element type, found 'f32' and 'f16'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.conv %x, %w {strides = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x4x8x8xf32>, tensor<6x4x3x3xf16>) -> tensor<1x4x8x8xf32>
  return
}

// -----

func.func @conv_4(%x: tensor<1x4x8x8xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error @+2 {{(C3) expected strides to be 2 values of at least 1, found [0, 1]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.conv %x, %w {strides = array<i64: 0, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x4x8x8xf32>, tensor<6x4x3x3xf32>) -> tensor<1x4x8x8xf32>
  return
}

// -----

func.func @conv_5(%x: tensor<1x4x8x8xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error @+2 {{(C3) expected dilations to be 2 values of at least 1, found [1]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.conv %x, %w {strides = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<1x4x8x8xf32>, tensor<6x4x3x3xf32>) -> tensor<1x4x8x8xf32>
  return
}

// -----

func.func @conv_6(%x: tensor<1x4x8x8xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error @+2 {{(C3) expected pads_low to be 2 values of at least 0, found [0, -1]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.conv %x, %w {strides = array<i64: 1, 1>, pads_low = array<i64: 0, -1>, pads_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x4x8x8xf32>, tensor<6x4x3x3xf32>) -> tensor<1x4x8x8xf32>
  return
}

// -----

func.func @conv_7(%x: tensor<1x4x8x8xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error @+2 {{(C3) expected pads_high to be 2 values of at least 0, found [0, 0, 0]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.conv %x, %w {strides = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x4x8x8xf32>, tensor<6x4x3x3xf32>) -> tensor<1x4x8x8xf32>
  return
}

// -----

func.func @conv_8(%x: tensor<1x4x8x8xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error @+2 {{(C4) expected groups to be positive and to divide the filters of 'tensor<6x4x3x3xf32>', found 4}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.conv %x, %w {strides = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 4 : i64} : (tensor<1x4x8x8xf32>, tensor<6x4x3x3xf32>) -> tensor<1x4x8x8xf32>
  return
}

// -----

func.func @conv_9(%x: tensor<1x4x8x8xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error @+2 {{(C5) expected the input's channels to be 2 times dimension 1 of the filter, found 'tensor<1x4x8x8xf32>' and 'tensor<6x4x3x3xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.conv %x, %w {strides = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : (tensor<1x4x8x8xf32>, tensor<6x4x3x3xf32>) -> tensor<1x4x8x8xf32>
  return
}

// -----

func.func @conv_10(%x: tensor<1x4x8x8xf32>, %w: tensor<6x4x9x9xf32>) {
  // expected-error @+2 {{(C6) expected a window of at most 8, found one that spans 9}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.conv %x, %w {strides = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x4x8x8xf32>, tensor<6x4x9x9xf32>) -> tensor<1x4x8x8xf32>
  return
}

// -----

func.func @conv_transpose(%x: tensor<1x4x8x8xf32>, %w: tensor<4x6x2x2xf32>) {
  // expected-error @+1 {{(C1) expected one rank of 3 or more, found 'tensor<1x4x8x8xf32>', 'tensor<4x6x2x2xf32>' and 'tensor<1x6x16xf32>'}}
  %0 = dl.conv_transpose %x, %w {strides = array<i64: 2, 2>, pads_low = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x4x8x8xf32>, tensor<4x6x2x2xf32>) -> tensor<1x6x16xf32>
  return
}

// -----

func.func @conv_transpose_2(%x: tensor<1x4x8x8xf32>, %w: tensor<4x6x2x2xf32>) {
  // expected-error @+1 {{(C2) expected one element type, found 'f32', 'f32' and 'f16'}}
  %0 = dl.conv_transpose %x, %w {strides = array<i64: 2, 2>, pads_low = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x4x8x8xf32>, tensor<4x6x2x2xf32>) -> tensor<1x6x16x16xf16>
  return
}

// -----

func.func @conv_transpose_3(%x: tensor<1x4x8x8xf32>, %w: tensor<4x6x2x2xf32>) {
  // expected-error @+1 {{(C3) expected strides to be 2 values of at least 1, found [0, 1]}}
  %0 = dl.conv_transpose %x, %w {strides = array<i64: 0, 1>, pads_low = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x4x8x8xf32>, tensor<4x6x2x2xf32>) -> tensor<1x6x16x16xf32>
  return
}

// -----

func.func @conv_transpose_4(%x: tensor<1x4x8x8xf32>, %w: tensor<4x6x2x2xf32>) {
  // expected-error @+1 {{(C3) expected dilations to be 2 values of at least 1, found [1]}}
  %0 = dl.conv_transpose %x, %w {strides = array<i64: 2, 2>, pads_low = array<i64: 0, 0>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<1x4x8x8xf32>, tensor<4x6x2x2xf32>) -> tensor<1x6x16x16xf32>
  return
}

// -----

func.func @conv_transpose_5(%x: tensor<1x4x8x8xf32>, %w: tensor<4x6x2x2xf32>) {
  // expected-error @+1 {{(C3) expected pads_low to be 2 values of at least 0, found [0, -1]}}
  %0 = dl.conv_transpose %x, %w {strides = array<i64: 2, 2>, pads_low = array<i64: 0, -1>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x4x8x8xf32>, tensor<4x6x2x2xf32>) -> tensor<1x6x16x16xf32>
  return
}

// -----

func.func @conv_transpose_6(%x: tensor<1x4x8x8xf32>, %w: tensor<4x6x2x2xf32>) {
  // expected-error @+1 {{(C4) expected groups to be positive and to divide the channels of 'tensor<1x4x8x8xf32>', found 3}}
  %0 = dl.conv_transpose %x, %w {strides = array<i64: 2, 2>, pads_low = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 3 : i64} : (tensor<1x4x8x8xf32>, tensor<4x6x2x2xf32>) -> tensor<1x6x16x16xf32>
  return
}

// -----

func.func @conv_transpose_7(%x: tensor<1x4x8x8xf32>, %w: tensor<5x6x2x2xf32>) {
  // expected-error @+1 {{(C5) expected the input's channels to be dimension 0 of the filter, found 'tensor<1x4x8x8xf32>' and 'tensor<5x6x2x2xf32>'}}
  %0 = dl.conv_transpose %x, %w {strides = array<i64: 2, 2>, pads_low = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x4x8x8xf32>, tensor<5x6x2x2xf32>) -> tensor<1x6x16x16xf32>
  return
}

// -----

func.func @conv_transpose_8(%x: tensor<1x4x8x8xf32>, %w: tensor<4x6x2x2xf32>) {
  // expected-error @+1 {{(C6) expected a result of the input's N and 1 times dimension 1 of the filter, found 'tensor<1x5x16x16xf32>'}}
  %0 = dl.conv_transpose %x, %w {strides = array<i64: 2, 2>, pads_low = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x4x8x8xf32>, tensor<4x6x2x2xf32>) -> tensor<1x5x16x16xf32>
  return
}

// -----

func.func @conv_transpose_9(%x: tensor<1x4x8x8xf32>, %w: tensor<4x6x2x2xf32>) {
  // expected-error @+1 {{(C6) expected a result of the input's N and 1 times dimension 1 of the filter, found 'tensor<2x6x16x16xf32>'}}
  %0 = dl.conv_transpose %x, %w {strides = array<i64: 2, 2>, pads_low = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x4x8x8xf32>, tensor<4x6x2x2xf32>) -> tensor<2x6x16x16xf32>
  return
}

// -----

func.func @wide_matmul(%a: tensor<2x3xf32>, %b: tensor<3x4xf32>) {
  // expected-error @+2 {{(C5) expected operands of a float type narrower than f32 or of 8-bit integers, found 'f32'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.matmul %a, %b {wide} : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @wide_conv(%x: tensor<1x4x8xi32>, %w: tensor<4x4x3xi32>) {
  // expected-error @+2 {{(C7) expected operands of a float type narrower than f32 or of 8-bit integers, found 'i32'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.conv %x, %w {wide, strides = array<i64: 1>, pads_low = array<i64: 0>, pads_high = array<i64: 0>, dilations = array<i64: 1>} : (tensor<1x4x8xi32>, tensor<4x4x3xi32>) -> tensor<1x4x6xi32>
  return
}

// -----

func.func @bytes(%a: tensor<2x3xui8>, %b: tensor<3x4xi8>) {
  // expected-error @+2 {{(C2) expected one element type, found 'ui8' and 'i8'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.matmul %a, %b : (tensor<2x3xui8>, tensor<3x4xi8>) -> tensor<2x4xi32>
  return
}

// -----

func.func @block_matmul_1(%x: tensor<64xf32>, %w: tensor<48x2x16xui8>, %s: tensor<48x2xf32>, %z: tensor<ui8>) {
  // expected-error @+2 {{(C1) expected lhs of f32 of rank 2 or more, found 'tensor<64xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.block_matmul %x, %w, %s, %z {bits = 4 : i64} : (tensor<64xf32>, tensor<48x2x16xui8>, tensor<48x2xf32>, tensor<ui8>) -> tensor<48xf32>
  return
}

// -----

func.func @block_matmul_2(%x: tensor<1x64xf32>, %w: tensor<48x32xui8>, %s: tensor<48x2xf32>, %z: tensor<ui8>) {
  // expected-error @+2 {{(C2) expected static weights of ui8 of rank 3, found 'tensor<48x32xui8>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.block_matmul %x, %w, %s, %z {bits = 4 : i64} : (tensor<1x64xf32>, tensor<48x32xui8>, tensor<48x2xf32>, tensor<ui8>) -> tensor<1x48xf32>
  return
}

// -----

func.func @block_matmul_3(%x: tensor<1x64xf32>, %w: tensor<48x2x16xui8>, %s: tensor<48x2xf32>, %z: tensor<ui8>) {
  // expected-error @+2 {{(C3) expected 2, 4 or 8 bits, found 3}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.block_matmul %x, %w, %s, %z {bits = 3 : i64} : (tensor<1x64xf32>, tensor<48x2x16xui8>, tensor<48x2xf32>, tensor<ui8>) -> tensor<1x48xf32>
  return
}

// -----

func.func @block_matmul_4(%x: tensor<1x64xf32>, %w: tensor<48x2x16xui8>, %s: tensor<48x3xf32>, %z: tensor<ui8>) {
  // expected-error @+2 {{(C4) expected scales of f32 or f16 for each block of 'tensor<48x2x16xui8>', found 'tensor<48x3xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.block_matmul %x, %w, %s, %z {bits = 4 : i64} : (tensor<1x64xf32>, tensor<48x2x16xui8>, tensor<48x3xf32>, tensor<ui8>) -> tensor<1x48xf32>
  return
}

// -----

func.func @block_matmul_5(%x: tensor<1x64xf32>, %w: tensor<48x2x16xui8>, %s: tensor<48x2xf32>, %z: tensor<48xui8>) {
  // expected-error @+2 {{(C5) expected zero points of ui8, one or one for each block of 'tensor<48x2x16xui8>', found 'tensor<48xui8>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.block_matmul %x, %w, %s, %z {bits = 4 : i64} : (tensor<1x64xf32>, tensor<48x2x16xui8>, tensor<48x2xf32>, tensor<48xui8>) -> tensor<1x48xf32>
  return
}

// -----

func.func @block_matmul_6(%x: tensor<1x65xf32>, %w: tensor<48x2x16xui8>, %s: tensor<48x2xf32>, %z: tensor<ui8>) {
  // expected-error @+2 {{(C6) expected 2 blocks of 32 contracted positions, found 'tensor<1x65xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.block_matmul %x, %w, %s, %z {bits = 4 : i64} : (tensor<1x65xf32>, tensor<48x2x16xui8>, tensor<48x2xf32>, tensor<ui8>) -> tensor<1x48xf32>
  return
}

// -----

func.func @sparse_matmul_1(%x: tensor<64xf32>, %v: tensor<3x12x16xf32>, %p: tensor<3x12xui16>, %n: tensor<3xi32>) {
  // expected-error @+2 {{(C1) expected lhs of f32 of rank 2 or more with a static last dimension, found 'tensor<64xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.sparse_matmul %x, %v, %p, %n : (tensor<64xf32>, tensor<3x12x16xf32>, tensor<3x12xui16>, tensor<3xi32>) -> tensor<48xf32>
  return
}

// -----

func.func @sparse_matmul_2(%x: tensor<8x64xf32>, %v: tensor<3x12x16xi32>, %p: tensor<3x12xui16>, %n: tensor<3xi32>) {
  // expected-error @+2 {{(C2) expected static values of f32 of rank 3, found 'tensor<3x12x16xi32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.sparse_matmul %x, %v, %p, %n : (tensor<8x64xf32>, tensor<3x12x16xi32>, tensor<3x12xui16>, tensor<3xi32>) -> tensor<8x48xf32>
  return
}

// -----

func.func @sparse_matmul_3(%x: tensor<8x64xf32>, %v: tensor<3x12x16xf32>, %p: tensor<3x11xui16>, %n: tensor<3xi32>) {
  // expected-error @+2 {{(C3) expected positions of ui16 for each row of 'tensor<3x12x16xf32>', found 'tensor<3x11xui16>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.sparse_matmul %x, %v, %p, %n : (tensor<8x64xf32>, tensor<3x12x16xf32>, tensor<3x11xui16>, tensor<3xi32>) -> tensor<8x48xf32>
  return
}

// -----

func.func @sparse_matmul_4(%x: tensor<8x64xf32>, %v: tensor<3x12x16xf32>, %p: tensor<3x12xui16>, %n: tensor<2xi32>) {
  // expected-error @+2 {{(C4) expected counts of i32 for each panel of 'tensor<3x12x16xf32>', found 'tensor<2xi32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = dl.sparse_matmul %x, %v, %p, %n : (tensor<8x64xf32>, tensor<3x12x16xf32>, tensor<3x12xui16>, tensor<2xi32>) -> tensor<8x48xf32>
  return
}

// -----

func.func @sparse_matmul_5(%x: tensor<8x64xf32>, %v: tensor<3x12x16xf32>, %n: tensor<3xi32>) {
  %p = dl.constant dense<64> : tensor<3x12xui16>
  // expected-error @+1 {{(C5) expected positions below 64}}
  %0 = dl.sparse_matmul %x, %v, %p, %n : (tensor<8x64xf32>, tensor<3x12x16xf32>, tensor<3x12xui16>, tensor<3xi32>) -> tensor<8x48xf32>
  return
}

// -----

func.func @sparse_matmul_6(%x: tensor<8x64xf32>, %v: tensor<3x12x16xf32>, %p: tensor<3x12xui16>) {
  %n = dl.constant dense<[1, 13, 2]> : tensor<3xi32>
  // expected-error @+1 {{(C5) expected counts of at most 12}}
  %0 = dl.sparse_matmul %x, %v, %p, %n : (tensor<8x64xf32>, tensor<3x12x16xf32>, tensor<3x12xui16>, tensor<3xi32>) -> tensor<8x48xf32>
  return
}
