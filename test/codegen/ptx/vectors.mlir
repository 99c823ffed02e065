// What is elementwise, and windows, by vectors of 16 bytes, where there is work enough for
// all processors. Of a depthwise convolution, a thread has four channels at four pixels; it
// reads six vectors of each row of the image. The filter is an argument, of which channels
// do not lie side by side.

// REQUIRES: ptxas
// RUN: dl-compile %s --target=cuda --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx
// RUN: %ptxas -arch=sm_80 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS

// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill

// CHECK-LABEL: .entry k0_
// CHECK: ld.global.v4.b32
// CHECK: ld.global.v4.b32
// CHECK-NOT: ld.global
// CHECK: st.global.v4.b32
// CHECK-NOT: st.global
// CHECK: ret;

// CHECK-LABEL: .entry k1_
// CHECK-COUNT-18: ld.global.v4.b32
// CHECK-COUNT-4: st.global.v4.b32
// CHECK-NOT: st.global
// CHECK: ret;

// Few elements are computed one by one.
// CHECK-LABEL: .entry k2_
// CHECK-NOT: v4
// CHECK: st.global.b32
func.func @main(%x: tensor<400x800xf32>, %y: tensor<400x800xf32>, %image: tensor<1x160x160x64xf32>, %filter: tensor<64x1x3x3xf32>, %few: tensor<8x8xf32>)
    -> (tensor<400x800xf32>, tensor<1x160x160x64xf32>, tensor<8x8xf32>) {
  %0 = dl.add %x, %y : (tensor<400x800xf32>, tensor<400x800xf32>) -> tensor<400x800xf32>
  %c = dl.transpose %image {permutation = array<i64: 0, 3, 1, 2>} : (tensor<1x160x160x64xf32>) -> tensor<1x64x160x160xf32>
  %d = dl.conv %c, %filter {strides = array<i64: 1, 1>, pads_low = array<i64: 1, 1>, pads_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 64 : i64} : (tensor<1x64x160x160xf32>, tensor<64x1x3x3xf32>) -> tensor<1x64x160x160xf32>
  %1 = dl.transpose %d {permutation = array<i64: 0, 2, 3, 1>} : (tensor<1x64x160x160xf32>) -> tensor<1x160x160x64xf32>
  %2 = dl.abs %few : (tensor<8x8xf32>) -> tensor<8x8xf32>
  return %0, %1, %2 : tensor<400x800xf32>, tensor<1x160x160x64xf32>, tensor<8x8xf32>
}
