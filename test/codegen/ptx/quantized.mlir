// A product between two quantizations, which round to nearest by an instruction (there is no
// lrint for devices). The weights' neighbours are columns: blocks of four by four bytes are
// transposed on the way to the shared memory.

// REQUIRES: ptxas
// RUN: dl-compile %s --target=cuda:sm_80 --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx
// RUN: %ptxas -arch=sm_80 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: dl-compile %s --target=cuda:sm_90a --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx --check-prefix=HOPPER
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS

// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// CHECK: cvt.rni.f32.f32
// CHECK: ld.global.b32
// CHECK: prmt.b32
// CHECK: st.shared.b32
// CHECK: mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32
// CHECK: cvt.rni.f32.f32
// HOPPER: .version 8.4
// HOPPER-DAG: prmt.b32
// HOPPER-DAG: st.shared.b32
// HOPPER-DAG: fence.proxy.async.shared::cta
// HOPPER-DAG: wgmma.mma_async.sync.aligned.m64n64k32.s32.u8.s8
func.func @main(%x: tensor<70x80xf32>, %w: tensor<80x96xi8>) -> tensor<70x96xui8> {
  %s = dl.constant dense<0.03> : tensor<f32>
  %t = dl.constant dense<0.0004> : tensor<f32>
  %zero = dl.constant dense<0.0> : tensor<f32>
  %most = dl.constant dense<255.0> : tensor<f32>
  %point = dl.constant dense<128.0> : tensor<f32>
  %0 = dl.div %x, %s : (tensor<70x80xf32>, tensor<f32>) -> tensor<70x80xf32>
  %1 = dl.round %0 : (tensor<70x80xf32>) -> tensor<70x80xf32>
  %2 = dl.add %1, %point : (tensor<70x80xf32>, tensor<f32>) -> tensor<70x80xf32>
  %3 = dl.max %2, %zero : (tensor<70x80xf32>, tensor<f32>) -> tensor<70x80xf32>
  %4 = dl.min %3, %most : (tensor<70x80xf32>, tensor<f32>) -> tensor<70x80xf32>
  %5 = dl.cast %4 : (tensor<70x80xf32>) -> tensor<70x80xui8>
  %6 = dl.matmul %5, %w {wide} : (tensor<70x80xui8>, tensor<80x96xi8>) -> tensor<70x96xi32>
  %7 = dl.cast %6 : (tensor<70x96xi32>) -> tensor<70x96xf32>
  %8 = dl.mul %7, %t : (tensor<70x96xf32>, tensor<f32>) -> tensor<70x96xf32>
  %9 = dl.round %8 : (tensor<70x96xf32>) -> tensor<70x96xf32>
  %10 = dl.add %9, %point : (tensor<70x96xf32>, tensor<f32>) -> tensor<70x96xf32>
  %11 = dl.max %10, %zero : (tensor<70x96xf32>, tensor<f32>) -> tensor<70x96xf32>
  %12 = dl.min %11, %most : (tensor<70x96xf32>, tensor<f32>) -> tensor<70x96xf32>
  %13 = dl.cast %12 : (tensor<70x96xf32>) -> tensor<70x96xui8>
  return %13 : tensor<70x96xui8>
}
