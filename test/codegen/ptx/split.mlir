// A long product with few results is divided along what it sums up: its parts are a batch
// in memory, which a second stage adds up in their order. On Hopper the parts are read by
// the copy engine as others are.

// REQUIRES: ptxas
// RUN: dl-compile %s --target=cuda --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx
// RUN: %ptxas -arch=sm_80 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: dl-compile %s --target=cuda:sm_90a --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx --check-prefix=HOPPER
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS

// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// CHECK: .entry k0_matmul_add_0_0(
// CHECK: mma.sync
// CHECK: .entry k1_matmul_add_0_1(
// CHECK-COUNT-8: ld.global.b32
// CHECK-NOT: mma.sync
// CHECK: st.global
// Whole waves of tiles, and few steps, stay whole.
// CHECK: .entry k2_matmul_1_0(
// CHECK: .entry k3_matmul_2_0(
// CHECK-NOT: .entry
// HOPPER: .entry k0_matmul_add_0_0(
// HOPPER: cp.async.bulk.tensor.3d
// HOPPER: wgmma.mma_async
// HOPPER: .entry k1_matmul_add_0_1(
func.func @main(%a: tensor<128x4096xbf16>, %b: tensor<4096x256xbf16>, %c: tensor<256xbf16>, %d: tensor<2304x2304xbf16>, %e: tensor<2304x2304xbf16>,
                %f: tensor<128x512xbf16>, %g: tensor<512x256xbf16>) -> (tensor<128x256xbf16>, tensor<2304x2304xbf16>, tensor<128x256xbf16>) {
  %0 = dl.matmul %a, %b : (tensor<128x4096xbf16>, tensor<4096x256xbf16>) -> tensor<128x256xbf16>
  %1 = dl.add %0, %c : (tensor<128x256xbf16>, tensor<256xbf16>) -> tensor<128x256xbf16>
  %2 = dl.matmul %d, %e : (tensor<2304x2304xbf16>, tensor<2304x2304xbf16>) -> tensor<2304x2304xbf16>
  %3 = dl.matmul %f, %g : (tensor<128x512xbf16>, tensor<512x256xbf16>) -> tensor<128x256xbf16>
  return %1, %2, %3 : tensor<128x256xbf16>, tensor<2304x2304xbf16>, tensor<128x256xbf16>
}
