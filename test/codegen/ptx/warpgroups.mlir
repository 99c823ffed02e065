// Products of bf16 on sm_90a: a producer that lets the copy engine fill a ring of stages,
// consumers that multiply by warpgroups, whose results go to memory 16 bytes at a time,
// with what follows the product.
// The right operand of the second product lies in memory by columns. Where rows of an
// operand do not begin at multiples of 16 bytes, the copy engine cannot read them. The window
// of a convolution is computed by two producers, and published; the filter's channels are
// divided among workgroups.

// REQUIRES: ptxas
// RUN: dl-compile %s --target=cuda:sm_90a --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: dl-compile %s --target=cuda:sm_90 --emit=ptx -o - | FileCheck %s --check-prefix=GENERAL

// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// PTXAS-NOT: warning
// CHECK: .target sm_90a
// CHECK: .entry k0_
// CHECK: .param .align 64 .b8 {{.*}}[128],
// CHECK: .reqntid 384
// CHECK: mbarrier.init
// CHECK: setmaxnreg.dec.sync.aligned.u32 {{.*}}40
// CHECK: mbarrier.try_wait.parity
// CHECK: mbarrier.arrive.expect_tx{{.*}}, 49152;
// CHECK: cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [
// CHECK: setmaxnreg.inc.sync.aligned.u32 {{.*}}232
// CHECK-DAG: shfl.sync.bfly
// CHECK-DAG: cvt.rn.bf16x2.f32
// CHECK-DAG: st.global.v4.b32
// CHECK-DAG: wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16
// CHECK-DAG: wgmma.wait_group.sync.aligned
// CHECK-NOT: mma.sync
// GENERAL: .target sm_90{{$}}
// GENERAL: cp.async.cg.shared.global
// GENERAL-NOT: wgmma
func.func @main(%a: tensor<4096x1024xbf16>, %b: tensor<1024x4096xbf16>, %c: tensor<4096xbf16>,
                %d: tensor<2x64x512xbf16>, %e: tensor<2x96x512xbf16>,
                %f: tensor<64x100xbf16>, %g: tensor<100x50xbf16>,
                %x: tensor<4x14x14x256xbf16>, %w: tensor<3x3x256x256xbf16>)
    -> (tensor<4096x4096xbf16>, tensor<2x64x96xbf16>, tensor<64x50xbf16>, tensor<4x14x14x256xbf16>) {
  %0 = dl.matmul %a, %b : (tensor<4096x1024xbf16>, tensor<1024x4096xbf16>) -> tensor<4096x4096xbf16>
  %1 = dl.add %0, %c : (tensor<4096x4096xbf16>, tensor<4096xbf16>) -> tensor<4096x4096xbf16>
  %2 = dl.transpose %e {permutation = array<i64: 0, 2, 1>} : (tensor<2x96x512xbf16>) -> tensor<2x512x96xbf16>
  // CHECK: .entry k1_
  // CHECK: .reqntid 256
  // CHECK: cp.async.bulk.tensor.3d
  // CHECK: wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16
  %3 = dl.matmul %d, %2 : (tensor<2x64x512xbf16>, tensor<2x512x96xbf16>) -> tensor<2x64x96xbf16>
  // CHECK: .entry k2_
  // CHECK-NOT: wgmma
  %4 = dl.matmul %f, %g : (tensor<64x100xbf16>, tensor<100x50xbf16>) -> tensor<64x50xbf16>
  // CHECK: .entry k3_
  // CHECK: .reqntid 384
  // CHECK-DAG: cp.async.bulk.tensor.5d
  // CHECK-DAG: ld.global.v4.b32
  // CHECK-DAG: st.shared.v4.b32
  // CHECK-DAG: fence.proxy.async.shared::cta
  // CHECK-DAG: wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16
  %5 = dl.conv %x, %w {channels_last = true, strides = array<i64: 1, 1>, pads_low = array<i64: 1, 1>, pads_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<4x14x14x256xbf16>, tensor<3x3x256x256xbf16>) -> tensor<4x14x14x256xbf16>
  return %1, %3, %4, %5 : tensor<4096x4096xbf16>, tensor<2x64x96xbf16>, tensor<64x50xbf16>, tensor<4x14x14x256xbf16>
}
