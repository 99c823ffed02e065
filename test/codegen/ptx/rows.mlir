// Softmax and layer norm by rows, each in one stage: a row is read once, 16 bytes at a time,
// and stays in registers; what its threads have found is added up by exchanges, and between
// warps in shared memory. Rows of many are for a warp alone.

// REQUIRES: ptxas
// RUN: dl-compile %s --target=cuda --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx
// RUN: %ptxas -arch=sm_80 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: %ptxas -arch=sm_100 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: dl-compile %s --target=cuda:sm_75 --emit=ptx -o %t.ptx
// RUN: %ptxas -arch=sm_75 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: dl-compile %s --target=cuda -o %t.dlm --verbose 2>&1 | FileCheck %s --check-prefix=PLAN

// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// PLAN: entry main: 3 dispatches

// CHECK-LABEL: .entry k0_softmax
// CHECK: ld.global.v4.b32
// CHECK-NOT: ld.global
// CHECK: shfl.sync.bfly
// CHECK-NOT: bar.sync
// CHECK: st.global.v4.b32
// CHECK-LABEL: .entry k1_
// CHECK: ld.global.v4.b32
// CHECK: shfl.sync.bfly
// CHECK: st.shared
// CHECK: bar.sync
// CHECK: ld.shared
// CHECK: shfl.sync.bfly
// CHECK: bar.sync
// CHECK: st.global.v4.b32
// A row that registers do not hold is read in a loop.
// CHECK-LABEL: .entry k2_
// CHECK: bra
// CHECK: ld.global.v4.b32
// CHECK: shfl.sync.bfly
// CHECK: bar.sync
// CHECK: st.global.v4.b32
// CHECK-NOT: .entry
func.func @main(%a: tensor<2048x128xf32>, %b: tensor<50x768xf32>, %c: tensor<768xf32>, %d: tensor<4x65536xf32>)
    -> (tensor<2048x128xf32>, tensor<50x768xf32>, tensor<4x65536xf32>) {
  %a0 = dl.softmax %a {axis = 1 : i64} : (tensor<2048x128xf32>) -> tensor<2048x128xf32>
  %n = dl.constant dense<768.0> : tensor<f32>
  %epsilon = dl.constant dense<1.0e-5> : tensor<f32>
  %b1 = dl.reduce sum, %b {axes = array<i64: 1>, keepdims = true} : (tensor<50x768xf32>) -> tensor<50x1xf32>
  %b2 = dl.div %b1, %n : (tensor<50x1xf32>, tensor<f32>) -> tensor<50x1xf32>
  %b3 = dl.sub %b, %b2 : (tensor<50x768xf32>, tensor<50x1xf32>) -> tensor<50x768xf32>
  %b4 = dl.mul %b3, %b3 : (tensor<50x768xf32>, tensor<50x768xf32>) -> tensor<50x768xf32>
  %b5 = dl.reduce sum, %b4 {axes = array<i64: 1>, keepdims = true} : (tensor<50x768xf32>) -> tensor<50x1xf32>
  %b6 = dl.div %b5, %n : (tensor<50x1xf32>, tensor<f32>) -> tensor<50x1xf32>
  %b7 = dl.add %b6, %epsilon : (tensor<50x1xf32>, tensor<f32>) -> tensor<50x1xf32>
  %b8 = dl.sqrt %b7 : (tensor<50x1xf32>) -> tensor<50x1xf32>
  %b9 = dl.div %b3, %b8 : (tensor<50x768xf32>, tensor<50x1xf32>) -> tensor<50x768xf32>
  %b10 = dl.mul %b9, %c : (tensor<50x768xf32>, tensor<768xf32>) -> tensor<50x768xf32>
  %d0 = dl.softmax %d {axis = 1 : i64} : (tensor<4x65536xf32>) -> tensor<4x65536xf32>
  return %a0, %b10, %d0 : tensor<2048x128xf32>, tensor<50x768xf32>, tensor<4x65536xf32>
}
