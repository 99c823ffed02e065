// Kernels of several kinds, each accepted by ptxas without a spill: a reduction by
// several threads, a running sum in one workgroup, a scatter by columns.

// REQUIRES: ptxas
// RUN: dl-compile %s --target=cuda --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx
// RUN: %ptxas -arch=sm_80 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS

// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill

// The columns' sums: parts in shared memory, halved with a barrier each time.
// CHECK-LABEL: .entry k0_
// CHECK: st.shared
// CHECK: bar.sync
// CHECK: ld.shared
// CHECK: ld.shared
// CHECK: st.shared
// CHECK: bar.sync
// CHECK: st.global

// The running sum: each step waits for the one before.
// CHECK-LABEL: .entry k1_
// CHECK: bar.sync
// CHECK: bar.sync
// CHECK: ld.global
// CHECK: add{{(.rn)?}}.f32

// Columns of a scatter do not depend on each other.
// CHECK-LABEL: .entry k2_
// CHECK-NOT: bar.sync
// CHECK: st.global
func.func @main(%x: tensor<64x1024xf32>, %data: tensor<64x1024xf32>, %at: tensor<3x1xi64>, %rows: tensor<3x1024xf32>) -> (tensor<1024xf32>, tensor<64x1024xf32>, tensor<64x1024xf32>) {
  %0 = dl.reduce sum, %x {axes = array<i64: 0>} : (tensor<64x1024xf32>) -> tensor<1024xf32>
  %1 = dl.cumsum %x {axis = 1 : i64} : (tensor<64x1024xf32>) -> tensor<64x1024xf32>
  %2 = dl.scatter_nd add, %data, %at, %rows : (tensor<64x1024xf32>, tensor<3x1xi64>, tensor<3x1024xf32>) -> tensor<64x1024xf32>
  return %0, %1, %2 : tensor<1024xf32>, tensor<64x1024xf32>, tensor<64x1024xf32>
}
