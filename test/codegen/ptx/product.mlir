// A matrix product with its bias: tiles through shared memory, two pieces of each
// operand at a time, the bias where the tile is stored.

// REQUIRES: ptxas
// RUN: dl-compile %s --target=cuda --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx
// RUN: %ptxas -arch=sm_80 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS

// CHECK: .target sm_80
// CHECK: .entry k0_{{[a-z_0-9]+}}(
// CHECK: .reqntid 256
// CHECK: bar.sync
// CHECK: ld.shared.v{{[24]}}
// CHECK: fma.rn.f32
// CHECK: bar.sync
// CHECK: add{{(.rn)?}}.f32
// CHECK: st.global
// CHECK-NOT: .entry
// PTXAS: 0 bytes spill stores, 0 bytes spill loads
// PTXAS: smem
#x = #dl.dims<()[s0] -> (s0, 777)>
#y = #dl.dims<()[s0] -> (s0, 513)>
func.func @main(%a: tensor<?x777xf32, #x>, %b: tensor<777x513xf32>, %c: tensor<513xf32>) -> tensor<?x513xf32, #y> {
  %0 = dl.matmul %a, %b : (tensor<?x777xf32, #x>, tensor<777x513xf32>) -> tensor<?x513xf32, #y>
  %1 = dl.add %0, %c : (tensor<?x513xf32, #y>, tensor<513xf32>) -> tensor<?x513xf32, #y>
  return %1 : tensor<?x513xf32, #y>
}
