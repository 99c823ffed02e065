// What follows a product elementwise is computed with it, also where it reads the product
// twice; where another element of it is needed, the product is kept.

// RUN: dl-compile %s --target=cuda --emit=ptx -o - | FileCheck %s
// RUN: dl-compile %s --target=cuda -o %t.dlm --verbose 2>&1 | FileCheck %s --check-prefix=PLAN

// PLAN: entry main: 4 dispatches
// CHECK: .entry k0_matmul_sigmoid_mul_0_0(
// CHECK: st.global
// CHECK: .entry k1_add_1_0(
// CHECK: .entry k2_matmul_2_0(
// CHECK: .entry k3_reduce_sub_3_0(
// CHECK-NOT: .entry
func.func @main(%a: tensor<70x136xf32>, %b: tensor<136x96xf32>) -> (tensor<70x96xf32>, tensor<70x96xf32>) {
  %0 = dl.matmul %a, %b : (tensor<70x136xf32>, tensor<136x96xf32>) -> tensor<70x96xf32>
  %1 = dl.sigmoid %0 : (tensor<70x96xf32>) -> tensor<70x96xf32>
  %2 = dl.mul %0, %1 : (tensor<70x96xf32>, tensor<70x96xf32>) -> tensor<70x96xf32>
  %c = dl.add %a, %a : (tensor<70x136xf32>, tensor<70x136xf32>) -> tensor<70x136xf32>
  %3 = dl.matmul %c, %b : (tensor<70x136xf32>, tensor<136x96xf32>) -> tensor<70x96xf32>
  %4 = dl.reduce max, %3 {axes = array<i64: 1>, keepdims = true} : (tensor<70x96xf32>) -> tensor<70x1xf32>
  %5 = dl.sub %3, %4 : (tensor<70x96xf32>, tensor<70x1xf32>) -> tensor<70x96xf32>
  return %2, %5 : tensor<70x96xf32>, tensor<70x96xf32>
}
