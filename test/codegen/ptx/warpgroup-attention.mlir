// Attention on sm_90a: a producer that lets the copy engine fetch queries, keys and values,
// also where they are views of one tensor, two consumers that take turns with their products,
// whose weights are operands in registers. Where keys and values are computed, the producer
// stores them, and publishes what it has stored.

// REQUIRES: ptxas
// RUN: dl-compile %s --target=cuda:sm_90a --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: dl-compile %S/Inputs/warpgroup-attention.mlir --target=cuda:sm_90a --emit=ptx -o %t.more.ptx
// RUN: %ptxas -arch=sm_90a -v %t.more.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS

// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// PTXAS-NOT: Performance Loss
// CHECK: .entry k0_
// CHECK-COUNT-3: .param .align 64 .b8 {{.*}}[128]
// CHECK: .reqntid 384
// CHECK: setmaxnreg.dec.sync.aligned.u32 {{.*}}40
// Queries, keys and values, of four dimensions.
// CHECK: mbarrier.arrive.expect_tx{{.*}}, 16384;
// CHECK: cp.async.bulk.tensor.4d.shared::cluster.global.tile
// CHECK: mbarrier.arrive.expect_tx{{.*}}, 16384;
// CHECK: mbarrier.arrive.expect_tx{{.*}}, 16384;
// CHECK: setmaxnreg.inc.sync.aligned.u32 {{.*}}232
// CHECK: bar.arrive
// The first scores, then for each piece scores and weighted values.
// CHECK: wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16
// CHECK: wgmma.wait_group.sync.aligned 0
// CHECK: ex2.approx.ftz.f32
// CHECK: bar.sync {{%r[0-9]+}}, 256
// CHECK: wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16
// CHECK: wgmma.commit_group
// CHECK: wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16
// CHECK: wgmma.commit_group
// CHECK: bar.arrive {{%r[0-9]+}}, 256
// CHECK: wgmma.wait_group.sync.aligned 1
// CHECK: ex2.approx.ftz.f32
// CHECK: wgmma.wait_group.sync.aligned 0
// CHECK: cvt.rn.bf16x2.f32
// CHECK-NOT: mma.sync
// CHECK: .entry k1_
// CHECK: .reqntid 256
// CHECK: st.shared.v4.b32
// CHECK: fence.proxy.async.shared::cta
// CHECK: wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16
// CHECK-NOT: .entry
func.func @main(%qkv: tensor<8x197x3x768xbf16>, %x: tensor<70x128xf16>, %y: tensor<300x128xf32>)
    -> (tensor<8x12x197x64xbf16>, tensor<70x128xf16>) {
  %0 = dl.slice %qkv {offsets = affine_map<() -> (0, 0, 0, 0)>, strides = array<i64: 1, 1, 1, 1>} : (tensor<8x197x3x768xbf16>) -> tensor<8x197x1x768xbf16>
  %1 = dl.slice %qkv {offsets = affine_map<() -> (0, 0, 1, 0)>, strides = array<i64: 1, 1, 1, 1>} : (tensor<8x197x3x768xbf16>) -> tensor<8x197x1x768xbf16>
  %2 = dl.slice %qkv {offsets = affine_map<() -> (0, 0, 2, 0)>, strides = array<i64: 1, 1, 1, 1>} : (tensor<8x197x3x768xbf16>) -> tensor<8x197x1x768xbf16>
  %3 = dl.reshape %0 : (tensor<8x197x1x768xbf16>) -> tensor<8x197x12x64xbf16>
  %4 = dl.reshape %1 : (tensor<8x197x1x768xbf16>) -> tensor<8x197x12x64xbf16>
  %5 = dl.reshape %2 : (tensor<8x197x1x768xbf16>) -> tensor<8x197x12x64xbf16>
  %q = dl.transpose %3 {permutation = array<i64: 0, 2, 1, 3>} : (tensor<8x197x12x64xbf16>) -> tensor<8x12x197x64xbf16>
  %k = dl.transpose %4 {permutation = array<i64: 0, 2, 3, 1>} : (tensor<8x197x12x64xbf16>) -> tensor<8x12x64x197xbf16>
  %v = dl.transpose %5 {permutation = array<i64: 0, 2, 1, 3>} : (tensor<8x197x12x64xbf16>) -> tensor<8x12x197x64xbf16>
  %6 = dl.matmul %q, %k : (tensor<8x12x197x64xbf16>, tensor<8x12x64x197xbf16>) -> tensor<8x12x197x197xbf16>
  %7 = dl.softmax %6 {axis = 3 : i64} : (tensor<8x12x197x197xbf16>) -> tensor<8x12x197x197xbf16>
  %8 = dl.matmul %7, %v : (tensor<8x12x197x197xbf16>, tensor<8x12x197x64xbf16>) -> tensor<8x12x197x64xbf16>
  %yh = dl.cast %y : (tensor<300x128xf32>) -> tensor<300x128xf16>
  %yt = dl.transpose %yh {permutation = array<i64: 1, 0>} : (tensor<300x128xf16>) -> tensor<128x300xf16>
  %9 = dl.matmul %x, %yt : (tensor<70x128xf16>, tensor<128x300xf16>) -> tensor<70x300xf16>
  %10 = dl.softmax %9 {axis = 1 : i64} : (tensor<70x300xf16>) -> tensor<70x300xf16>
  %11 = dl.matmul %10, %yh : (tensor<70x300xf16>, tensor<300x128xf16>) -> tensor<70x128xf16>
  return %8, %11 : tensor<8x12x197x64xbf16>, tensor<70x128xf16>
}
