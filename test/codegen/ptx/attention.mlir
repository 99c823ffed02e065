// Attention in one kernel: scores and weights stay in registers, pieces of keys and
// values come by cp.async, and what is stored is the result alone.

// REQUIRES: ptxas
// RUN: dl-compile %s --target=cuda --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx
// RUN: %ptxas -arch=sm_80 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: %ptxas -arch=sm_89 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: %ptxas -arch=sm_100 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS

// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// CHECK: .entry k0_matmul_add_softmax_0_0(
// The queries stay in registers.
// CHECK: cp.async.cg.shared.global
// CHECK: ldmatrix.sync.aligned.m8n8.x4.shared.b16
// The loop over keys.
// CHECK: cp.async.wait_group
// CHECK: bar.sync
// CHECK: mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32
// CHECK-DAG: shfl.sync.bfly
// CHECK-DAG: ex2.approx.ftz.f32
// CHECK-DAG: ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16
// CHECK: bar.sync
// CHECK: rcp.rn.f32
// CHECK: st.global.b32
// CHECK: .entry k1_matmul_softmax_1_0(
// CHECK: mma.sync
// CHECK-NOT: .entry
func.func @main(%q: tensor<3x50x64xf16>, %k: tensor<3x70x64xf16>, %v: tensor<3x70x64xf16>, %m: tensor<50x70xf16>,
                %x: tensor<130x128xf16>, %y: tensor<128x128xf16>, %z: tensor<128x40xf16>) -> (tensor<3x50x64xf16>, tensor<130x40xf16>) {
  %kt = dl.transpose %k {permutation = array<i64: 0, 2, 1>} : (tensor<3x70x64xf16>) -> tensor<3x64x70xf16>
  %0 = dl.matmul %q, %kt : (tensor<3x50x64xf16>, tensor<3x64x70xf16>) -> tensor<3x50x70xf16>
  %1 = dl.add %0, %m : (tensor<3x50x70xf16>, tensor<50x70xf16>) -> tensor<3x50x70xf16>
  %2 = dl.softmax %1 {axis = 2 : i64} : (tensor<3x50x70xf16>) -> tensor<3x50x70xf16>
  %3 = dl.matmul %2, %v : (tensor<3x50x70xf16>, tensor<3x70x64xf16>) -> tensor<3x50x64xf16>
  %yt = dl.transpose %y {permutation = array<i64: 1, 0>} : (tensor<128x128xf16>) -> tensor<128x128xf16>
  %4 = dl.matmul %x, %yt : (tensor<130x128xf16>, tensor<128x128xf16>) -> tensor<130x128xf16>
  %5 = dl.softmax %4 {axis = 1 : i64} : (tensor<130x128xf16>) -> tensor<130x128xf16>
  %6 = dl.matmul %5, %z : (tensor<130x128xf16>, tensor<128x40xf16>) -> tensor<130x40xf16>
  return %3, %6 : tensor<3x50x64xf16>, tensor<130x40xf16>
}
