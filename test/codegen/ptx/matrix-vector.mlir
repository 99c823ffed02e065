// Products of few rows read the matrix 16 bytes at a time, across columns or along
// contracted positions, and add up within warps.

// REQUIRES: ptxas
// RUN: dl-compile %s --target=cuda --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx
// RUN: %ptxas -arch=sm_80 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: dl-compile %s --target=cuda:sm_75 --emit=ptx -o %t.ptx
// RUN: %ptxas -arch=sm_75 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS

// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// CHECK-LABEL: .entry k0_
// CHECK-COUNT-4: ld.global.v4.b32
// CHECK: shfl.sync.bfly
// CHECK: st.shared
// CHECK: bar.sync
// CHECK: st.global.b32
// CHECK-LABEL: .entry k1_
// CHECK-COUNT-4: ld.global.v4.b32
// CHECK: shfl.sync.bfly
// CHECK-NOT: bar.sync
// CHECK: st.global.b16
func.func @main(%x: tensor<1x776xf32>, %w: tensor<776x1544xf32>, %y: tensor<2x3x200xf16>, %z: tensor<2x72x200xf16>) -> (tensor<1x1544xf32>, tensor<2x3x72xf16>) {
  %0 = dl.matmul %x, %w : (tensor<1x776xf32>, tensor<776x1544xf32>) -> tensor<1x1544xf32>
  %zt = dl.transpose %z {permutation = array<i64: 0, 2, 1>} : (tensor<2x72x200xf16>) -> tensor<2x200x72xf16>
  %1 = dl.matmul %y, %zt : (tensor<2x3x200xf16>, tensor<2x200x72xf16>) -> tensor<2x3x72xf16>
  return %0, %1 : tensor<1x1544xf32>, tensor<2x3x72xf16>
}
