// Products of float32 by tensor cores, where the user lets their factors be rounded to
// tf32. Neighbours along the contracted dimension come by ldmatrix; where they are columns,
// each lane reads its own. Hopper's warpgroups take the former.

// REQUIRES: ptxas
// RUN: dl-compile %s --target=cuda --precision=tf32 --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx
// RUN: %ptxas -arch=sm_80 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: %ptxas -arch=sm_100 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: dl-compile %s --target=cuda:sm_90a --precision=tf32 --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx --check-prefix=HOPPER
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: dl-compile %s --target=cuda --emit=ptx -o - | FileCheck %s --check-prefix=EXACT
// RUN: not dl-compile %s --precision=tf32 -o %t.dlm 2>&1 | FileCheck %s --check-prefix=HOST
// RUN: not dl-compile %s --target=cuda:sm_75 --precision=tf32 -o %t.dlm 2>&1 | FileCheck %s --check-prefix=OLD

// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// CHECK-LABEL: .entry k0_
// CHECK: cp.async.cg.shared.global
// CHECK: ldmatrix.sync.aligned.m8n8.x4.shared.b16
// CHECK: cvt.rna.tf32.f32
// CHECK: mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32
// CHECK-LABEL: .entry k1_
// CHECK: mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32
// HOPPER-LABEL: .entry k0_
// HOPPER: mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32
// HOPPER-LABEL: .entry k1_
// HOPPER: cp.async.bulk.tensor.2d
// HOPPER-DAG: wgmma.mma_async.sync.aligned.m64n{{[0-9]+}}k8.f32.tf32.tf32
// EXACT-NOT: mma.sync
// HOST: error: --precision: tf32 goes with --target=cuda
// OLD: error: --precision: tf32 needs sm_80 or later, found sm_75
func.func @main(%a: tensor<256x512xf32>, %b: tensor<512x384xf32>, %c: tensor<384x512xf32>) -> (tensor<256x384xf32>, tensor<256x384xf32>) {
  %0 = dl.matmul %a, %b : (tensor<256x512xf32>, tensor<512x384xf32>) -> tensor<256x384xf32>
  %ct = dl.transpose %c {permutation = array<i64: 1, 0>} : (tensor<384x512xf32>) -> tensor<512x384xf32>
  %1 = dl.matmul %a, %ct : (tensor<256x512xf32>, tensor<512x384xf32>) -> tensor<256x384xf32>
  return %0, %1 : tensor<256x384xf32>, tensor<256x384xf32>
}
