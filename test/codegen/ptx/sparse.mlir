// Weights that keep two of four neighbours: sparse products of tensor cores, from what the
// module has of them. On Hopper, warpgroups multiply dense weights, which is faster.

// REQUIRES: ptxas
// RUN: %python %S/Inputs/zeros.py %S/Inputs/pairs.mlir > %t.mlir
// RUN: dl-compile %t.mlir --target=cuda --precision=f16 --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx
// RUN: %ptxas -arch=sm_80 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: %ptxas -arch=sm_89 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: %ptxas -arch=sm_100 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: dl-compile %t.mlir --target=cuda:sm_90 --precision=f16 --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx --check-prefix=ORDERED
// RUN: %ptxas -arch=sm_90 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: dl-compile %t.mlir --target=cuda --precision=bf16 --emit=ptx -o - | FileCheck %s --check-prefix=BF16
// RUN: dl-compile %t.mlir --target=cuda --precision=f16 --compress-weights=false --emit=ptx -o - | FileCheck %s --check-prefix=DENSE
// RUN: dl-compile %t.mlir --target=cuda:sm_90a --precision=f16 --emit=ptx -o - | FileCheck %s --check-prefix=DENSE
// RUN: dl-compile %t.mlir --target=cuda:sm_75 --precision=f16 --emit=ptx -o - | FileCheck %s --check-prefix=DENSE

// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// CHECK-LABEL: .entry k0_
// CHECK: cp.async.cg.shared.global
// CHECK: mma.sp.sync.aligned.m16n8k32.row.col.f32.f16.f16.f32
// CHECK: {{^[[:space:]]+}}0;
// CHECK: mma.sp.sync.aligned.m16n8k32.row.col.f32.f16.f16.f32
// CHECK: {{^[[:space:]]+}}1;
// CHECK-NOT: mma.sync
// ORDERED: mma.sp::ordered_metadata.sync.aligned.m16n8k32.row.col.f32.f16.f16.f32
// BF16: mma.sp.sync.aligned.m16n8k32.row.col.f32.bf16.bf16.f32
// DENSE-NOT: mma.sp

// Of bytes, all lanes have metadata.

// RUN: %python %S/Inputs/zeros.py %S/Inputs/byte-pairs.mlir > %t.mlir
// RUN: dl-compile %t.mlir --target=cuda --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx --check-prefix=BYTES
// RUN: %ptxas -arch=sm_80 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS

// BYTES: mma.sp.sync.aligned.m16n8k64.row.col.{{.*}}s32.s8.u8.s32
// BYTES: mma.sp.sync.aligned.m16n8k64.row.col.{{.*}}s32.s8.s8.s32

// Blocks of zeros: each tile has the columns of one panel, and ends with its rows. Of two
// weights that one kernel multiplied, the dense one keeps that kernel.

// RUN: %python %S/Inputs/zeros.py %S/Inputs/panels.mlir > %t.mlir
// RUN: dl-compile %t.mlir --target=cuda --emit=ptx -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx --check-prefix=PANELS
// RUN: %ptxas -arch=sm_80 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: dl-compile %t.mlir --target=cuda --compress-weights=false --emit=ptx -o - | FileCheck %s --check-prefix=WHOLE
// RUN: dl-compile %t.mlir --target=cuda --precision=tf32 --emit=ptx -o - | FileCheck %s --check-prefix=WHOLE
// RUN: dl-compile %t.mlir --target=cpu,cuda -o %t.dlm

// PANELS-LABEL: .entry k0_matmul_tanh_0_0(
// PANELS: ld.global.b16
// PANELS: fma.rn.f32
// PANELS: .entry k3_matmul_3_0(
// PANELS-NOT: ld.global.b16
// PANELS: .entry k4_matmul_3_0_0(
// PANELS: ld.global.b16
// WHOLE-NOT: ld.global.b16
