// Where tiles do not fill the last wave of processors, an earlier stage gives each workgroup
// an equal share of what is left and stores its sums (64 of a thread); the stage that has
// the other tiles adds these up, in their order, without atomic operations.

// REQUIRES: ptxas
// RUN: dl-compile %s --target=cuda --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx
// RUN: FileCheck %s --input-file=%t.ptx --check-prefix=ORDER
// RUN: %ptxas -arch=sm_80 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: dl-compile %s --target=cuda:sm_75 --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx --check-prefix=ORDER
// RUN: %ptxas -arch=sm_75 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS

// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// ORDER-NOT: {{[[:space:]](atom|red)[.]}}
// 256 tiles are two waves of 108 processors, and 40 tiles.
// CHECK: .entry k0_matmul_add_0_0(
// CHECK-COUNT-64: st.global.b32
// CHECK: mma.sync
// CHECK: .entry k1_matmul_add_0_1(
// CHECK-COUNT-64: ld.global.b32
// CHECK: add.f32
// CHECK: mma.sync
// CHECK: st.global.b16
// All of twelve tiles: what follows only adds up.
// CHECK: .entry k2_matmul_1_0(
// CHECK: fma.rn.f32
// CHECK: .entry k3_matmul_1_1(
// CHECK-NOT: fma.rn.f32
// CHECK: add.f32
// Three whole waves, few steps, and unknown sizes stay.
// CHECK: .entry k4_matmul_2_0(
// CHECK: .entry k5_matmul_3_0(
// CHECK: .entry k6_matmul_4_0(
// CHECK-NOT: .entry
func.func @main(%a: tensor<2048x2048xbf16>, %b: tensor<2048x2048xbf16>, %c: tensor<2048xbf16>, %d: tensor<100x1001xf32>, %e: tensor<1001x90xf32>,
                %f: tensor<2304x512xbf16>, %g: tensor<512x2304xbf16>, %h: tensor<2048x128xbf16>, %i: tensor<128x2048xbf16>,
                %j: tensor<?x2048xbf16, #dl.dims<()[s0] -> (s0, 2048)>>)
    -> (tensor<2048x2048xbf16>, tensor<100x90xf32>, tensor<2304x2304xbf16>, tensor<2048x2048xbf16>, tensor<?x2048xbf16, #dl.dims<()[s0] -> (s0, 2048)>>)
    attributes {dl.symbols = ["s0"]} {
  %0 = dl.matmul %a, %b : (tensor<2048x2048xbf16>, tensor<2048x2048xbf16>) -> tensor<2048x2048xbf16>
  %1 = dl.add %0, %c : (tensor<2048x2048xbf16>, tensor<2048xbf16>) -> tensor<2048x2048xbf16>
  %2 = dl.matmul %d, %e : (tensor<100x1001xf32>, tensor<1001x90xf32>) -> tensor<100x90xf32>
  %3 = dl.matmul %f, %g : (tensor<2304x512xbf16>, tensor<512x2304xbf16>) -> tensor<2304x2304xbf16>
  %4 = dl.matmul %h, %i : (tensor<2048x128xbf16>, tensor<128x2048xbf16>) -> tensor<2048x2048xbf16>
  %5 = dl.matmul %j, %b : (tensor<?x2048xbf16, #dl.dims<()[s0] -> (s0, 2048)>>, tensor<2048x2048xbf16>) -> tensor<?x2048xbf16, #dl.dims<()[s0] -> (s0, 2048)>>
  return %1, %2, %3, %4, %5 : tensor<2048x2048xbf16>, tensor<100x90xf32>, tensor<2304x2304xbf16>, tensor<2048x2048xbf16>, tensor<?x2048xbf16, #dl.dims<()[s0] -> (s0, 2048)>>
}
