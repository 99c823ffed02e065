// ONNX's Attention is one kernel for CUDA devices: heads of keys are not repeated in memory,
// a mask of positions is not stored, and zeros for rows without keys come after the product.

// REQUIRES: ptxas
// RUN: dl-compile %S/Inputs/grouped-attention.mlir --target=cuda --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx
// RUN: %ptxas -arch=sm_80 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: dl-compile %S/Inputs/grouped-attention.mlir --target=cuda:sm_90a --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx --check-prefix=HOPPER
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: dl-compile %S/Inputs/masked-attention.mlir --target=cuda --emit=ptx -o - | FileCheck %s --check-prefix=MASKED

// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// CHECK-NOT: .entry {{.*}}broadcast
// CHECK: .entry k4_iota_add_compare_select_3_0(
// CHECK: mma.sync
// CHECK: ex2.approx
// CHECK: mma.sync
// CHECK-NOT: .entry
// HOPPER-NOT: .entry {{.*}}broadcast
// HOPPER: .entry k4_iota_add_compare_select_3_0(
// HOPPER: wgmma.mma_async
// HOPPER-NOT: .entry
// MASKED-NOT: .entry {{.*}}broadcast
// MASKED: .entry k3_matmul_add_softmax_select_3_0(
// MASKED: mma.sync
// MASKED-NOT: .entry
