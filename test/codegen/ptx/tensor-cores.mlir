// Products of bf16 by tensor cores: operands eight at a time, transposed on the way to
// the registers where rows of the right one lie in memory. A slice that begins at no
// multiple of 16 bytes is read element by element.

// REQUIRES: ptxas
// RUN: dl-compile %s --target=cuda --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx
// RUN: %ptxas -arch=sm_80 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: dl-compile %s --target=cuda:sm_75 --emit=ptx -o - | FileCheck %s --check-prefix=OLD

// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// CHECK: .entry
// CHECK: ld.global.b16
// CHECK: cp.async.cg.shared.global
// CHECK: ldmatrix.sync.aligned.m8n8.x4.shared.b16
// CHECK: ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16
// CHECK: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// CHECK: bar.sync
// OLD: .target sm_75
// OLD-NOT: mma.sync
func.func @main(%a: tensor<16387xbf16>, %b: tensor<256x384xbf16>) -> tensor<64x384xbf16> {
  %0 = dl.slice %a {offsets = affine_map<() -> (3)>, strides = array<i64: 1>} : (tensor<16387xbf16>) -> tensor<16384xbf16>
  %1 = dl.reshape %0 : (tensor<16384xbf16>) -> tensor<64x256xbf16>
  %2 = dl.matmul %1, %b : (tensor<64x256xbf16>, tensor<256x384xbf16>) -> tensor<64x384xbf16>
  return %2 : tensor<64x384xbf16>
}
